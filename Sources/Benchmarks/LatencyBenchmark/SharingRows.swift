// The rows of what threads of a task share: message queues, rings, conditions and barriers. And the
// row of periodic work.
//
// The partner is more urgent than the program, as a server or a driver is.

import BenchmarkStatistics
import CBenchmark
import KernelABI
import UserRuntime

private typealias Message64 = InlineArray<8, UInt64>

/// Where the pieces of the page that both threads share begin.
private enum Piece {
    static func queue(_ number: Int) -> UInt64 { Area.mutexes + 0x800 * UInt64(number) }
    static func ring(_ number: Int) -> RingMemory {
        let address = queue(number)
        return RingMemory(producer: address, consumer: address + 0x400)
    }
    static var turn: UInt64 { Area.mutexes + 0x200 }
}

/// The queue of a direction, as the calling thread uses it.
private func queue(_ number: Int) throws(KernelError) -> MessageQueue<Message64> {
    try MessageQueue(
        TaskLocks.participant, firstCell: TaskLocks.firstFreeCell + 3 * number,
        address: Piece.queue(number), capacity: 4)
}

/// An end of the ring of a direction. Each thread waits on a notification of its own.
private func end(_ number: Int, isPartner: Bool) throws(KernelError) -> RingEnd {
    let own = Notification(Slot(scratch + 70)), partner = Notification(Slot(scratch + 71))
    return try RingEnd(
        Piece.ring(number), capacity: 4, own: isPartner ? partner : own,
        other: isPartner ? own : partner)
}

/// The cells that the condition rows use: a mutex, two conditions, a barrier.
private func cell(_ number: Int) -> Cell {
    Cell(TaskLocks.participant.set, TaskLocks.firstFreeCell + number, page: Area.locks)
}
private var mutex: Int { TaskLocks.firstFreeCell }
private var itsTurn: Condition { Condition(cell(1)) }
private var ownTurn: Condition { Condition(cell(2)) }
private var barrier: Barrier { Barrier(cell(3), mutex: mutex) }

/// Under the mutex: 0, the program's turn; 1, the partner's; 2, the partner ends.
private var turn: UInt64 {
    get { bench_load(Piece.turn) }
    set { bench_store(Piece.turn, newValue) }
}

extension Bench {
    mutating func sharingRows() throws(KernelError) {
        if needs("queue.") { try sharing { bench throws(KernelError) in try bench.queueRows() } }
        if needs("ring.") { try sharing { bench throws(KernelError) in try bench.ringRows() } }
        if needs("condition.") || needs("barrier.") {
            try sharing { bench throws(KernelError) in try bench.conditionRows() }
        }
        if needs("periodic.") { try periodicRow() }
    }

    /// Performs rows with a page at `Area.mutexes` and the task's locks, in a region of their own.
    mutating func sharing(
        _ rows: (inout Bench) throws(KernelError) -> Void
    ) throws(KernelError) {
        let memory = try make(.untyped, sizeBits: 16)
        takeThreads(from: memory)
        try TaskLocks.make()
        let frame = try make(.frame, sizeBits: 12)
        try map(frame, at: Area.mutexes, .read | .write, in: RootSlot.addressSpace)
        for offset in stride(from: 0, to: 4096, by: 8) as StrideTo<UInt64> {
            bench_store(Area.mutexes + offset, 0)
        }
        try rows(&self)
        try setMain(254)
        try AddressSpace(RootSlot.addressSpace).unmap(frame)
        takeThreads(from: memory)
        try Untyped(memory).reclaim()
    }

    /// Starts the partner, which runs until it waits.
    mutating func startPartner(
        _ body: @convention(c) (UInt64) -> UInt64
    ) throws(KernelError) -> StartedThread {
        let partner = try Thread.start("partner", priority: 254, body)
        try setMain(250)
        return partner
    }

    /// A message of 64 bytes to the partner and its answer, by two queues.
    private mutating func queueRows() throws(KernelError) {
        let (requests, answers) = (try queue(0), try queue(1))
        requests.setUp()
        answers.setUp()
        let message = Message64(repeating: 5)
        let clock = clock
        try row(RowName("queue.send-receive")) { () throws(KernelError) in
            let start = clock.now
            try requests.send(message)
            _ = try requests.receive()
            return clock.now - start
        }
        let partner = try startPartner { _ in
            do throws(KernelError) {
                let (requests, answers) = (try queue(0), try queue(1))
                while true {
                    let message = try requests.receive()
                    if message[0] == 0 { return 0 }
                    try answers.send(message)
                }
            } catch { return UInt64(error.rawValue) }
        }
        try row(RowName("queue.round-trip")) { () throws(KernelError) in
            let start = clock.now
            try requests.send(message)
            _ = try answers.receive()
            return clock.now - start
        }
        try requests.send(Message64(repeating: 0))
        if try partner.join() != 0 { throw .wrongState }
    }

    /// An item of 64 bytes to the partner and its answer, by two rings.
    private mutating func ringRows() throws(KernelError) {
        let notifications = Slot(scratch + 70)
        try memory.retype(.notification, index: notifications)
        try memory.retype(.notification, index: Slot(notifications.index + 1))
        var requests = RingProducer<Message64>(try end(0, isPartner: false))
        let message = Message64(repeating: 5)
        let clock = clock
        try row(RowName("ring.push-pop")) { () throws(KernelError) in
            // One thread on both sides of a ring that nobody else uses.
            var items = RingConsumer<Message64>(try end(0, isPartner: true))
            let start = clock.now
            requests.push(message)
            _ = items.pop()
            return clock.now - start
        }
        let partner = try startPartner { _ in
            do throws(KernelError) {
                var requests = RingConsumer<Message64>(try end(0, isPartner: true))
                var answers = RingProducer<Message64>(try end(1, isPartner: true))
                while true {
                    try requests.waitForItem()
                    guard let item = requests.pop() else { return 1000 }
                    if item[0] == 0 { return 0 }
                    answers.push(item)
                }
            } catch { return UInt64(error.rawValue) }
        }
        var answers = RingConsumer<Message64>(try end(1, isPartner: false))
        try row(RowName("ring.round-trip")) { () throws(KernelError) in
            let start = clock.now
            requests.push(message)
            try answers.waitForItem()
            _ = answers.pop()
            return clock.now - start
        }
        requests.push(Message64(repeating: 0))
        if try partner.join() != 0 { throw .wrongState }
        for index in 0..<2 as Range<UInt32> {
            try CapabilityTable(RootSlot.table).delete(Slot(notifications.index + index))
        }
    }

    /// A turn of the partner by two conditions; a round of a barrier.
    private mutating func conditionRows() throws(KernelError) {
        itsTurn.setUp()
        ownTurn.setUp()
        let own = TaskLocks.participant
        let clock = clock
        let partner = try startPartner { _ in
            let own = TaskLocks.participant
            do throws(KernelError) {
                _ = try own.lock(mutex)
                while turn != 2 {
                    if turn == 1 {
                        turn = 0
                        try ownTurn.signal()
                    }
                    _ = try itsTurn.wait(own, mutex)
                }
                try own.unlock(mutex)
                return 0
            } catch { return UInt64(error.rawValue) }
        }
        func pass(_ value: UInt64) throws(KernelError) {
            _ = try own.lock(mutex)
            turn = value
            try own.unlock(mutex)
            try itsTurn.signal()
        }
        try row(RowName("condition.round-trip")) { () throws(KernelError) in
            let start = clock.now
            try pass(1)
            _ = try own.lock(mutex)
            while turn == 1 { _ = try ownTurn.wait(own, mutex) }
            try own.unlock(mutex)
            return clock.now - start
        }
        try pass(2)
        if try partner.join() != 0 { throw .wrongState }

        try barrier.setUp(count: 2)
        turn = 0
        let other = try startPartner { _ in
            do throws(KernelError) {
                while turn != 2 { _ = try barrier.wait(TaskLocks.participant) }
                return 0
            } catch { return UInt64(error.rawValue) }
        }
        try row(RowName("barrier.round")) { () throws(KernelError) in
            let start = clock.now
            _ = try barrier.wait(own)
            return clock.now - start
        }
        turn = 2
        _ = try barrier.wait(own)
        if try other.join() != 0 { throw .wrongState }
    }

    /// How late the work of a period begins.
    private mutating func periodicRow() throws(KernelError) {
        let clock = timerClock
        let timer = Timer(try make(.timer)), notification = try makeNotification()
        var periods = try Periodic(
            every: Duration(ticks: 1000), timer: timer, notification: notification)
        try row(RowName("periodic.wake"), clock: clock) { () throws(KernelError) in
            guard let tick = periods.next() else { throw .wrongState }
            let now = clock.now
            return tick.missed == 0 ? now &- clock.value(atTick: tick.due.ticks) : nil
        }
        try periods.stop()
    }
}
