// Message queues and rings between threads, on one core and on several, and across a death.

import CTargetTests
import CUserEntry
import KernelABI
import UserRuntime

private struct Parcel: BitwiseCopyable {
    var words: InlineArray<8, UInt64>
    init(_ number: UInt64) { words = InlineArray(repeating: number) }
    /// The number; nil if the message is torn.
    var number: UInt64? {
        for index in 1..<8 where words[index] != words[0] { return nil }
        return words[0]
    }
}

private enum Area {
    static var memory: UInt64 { 0xa310_0000 }
    static var capacity: Int { 8 }
    static var ringCapacity: Int { 16 }
    /// The consumer's area of a ring: behind the producer's, in the second page.
    static var consumer: UInt64 { memory + 0x1000 }
}

/// The queue of the running test, as a participant.
private func queue(_ number: UInt64) throws(KernelError) -> MessageQueue<Parcel> {
    let set = MutexSet(Slot(UInt32(note(23))))
    return try MessageQueue(
        MutexParticipant(set, number: Int(number), page: Checks.mutexPage), firstCell: 1,
        address: Area.memory, capacity: Area.capacity)
}
/// An end of the running test's ring: notes 20 and 21 hold the slots of both notifications.
private func end(producer: Bool) throws(KernelError) -> RingEnd {
    try RingEnd(
        RingMemory(producer: Area.memory, consumer: Area.consumer), capacity: Area.ringCapacity,
        own: Notification(Slot(UInt32(note(producer ? 20 : 21)))),
        other: Notification(Slot(UInt32(note(producer ? 21 : 20)))))
}

extension Checks {
    /// A set with its page, two pages for the queue, and this thread as participant 0.
    fileprivate mutating func shared() throws(Failure) -> MutexSet {
        clearNotes()
        let set = MutexSet(try make(.mutexSet, sizeBits: 3))
        let frame = try map(at: Checks.mutexPage)
        for page in 0..<2 as Range<UInt64> { _ = try map(at: Area.memory + 4096 * page) }
        setNote(23, UInt64(set.slot.index))
        setNote(24, UInt64(frame.index))
        try succeed { () throws(KernelError) in
            try set.bindPage(Frame(frame))
            try set.join(Thread(RootSlot.thread), as: 0)
            try queue(0).setUp()
        }
        return set
    }
    fileprivate mutating func user(
        _ number: Int, of set: MutexSet, priority: UInt8, core: Int = 0,
        _ entry: @convention(c) (UInt64) -> Void, line: UInt = #line
    ) throws(Failure) {
        let thread = try thread(priority: priority, entry, UInt64(number), line: line)
        try succeed(line: line) { () throws(KernelError) in
            try set.join(thread, as: number)
            if core != 0 { try thread.setCore(core) }
            try thread.resume()
        }
    }
}

func queueTests(_ runner: inout Runner) {
    let cores = max(Int(runner.coreCount.told), 1)
    runner.test("queue.order-and-bounds") { c throws(Failure) in
        _ = try c.shared()
        let own = try c.succeed { () throws(KernelError) in try queue(0) }
        try c.refuse(.timedOut) { () throws(KernelError) in
            _ = try own.receive(deadline: .after(milliseconds: 1))
        }
        for number in 0..<8 as Range<UInt64> {
            try c.succeed { () throws(KernelError) in
                try own.send(Parcel(number), priority: Int(number) & 1)
            }
        }
        try c.refuse(.timedOut) { () throws(KernelError) in
            try own.send(Parcel(9), deadline: .after(milliseconds: 1))
        }
        for number in [1, 3, 5, 7, 0, 2, 4, 6] as [UInt64] {
            let message = try c.succeed { () throws(KernelError) in try own.receive() }
            try c.equal(message.number ?? 99, number)
        }
    }
    // Who uses or mends a queue waits until its deadline for a thread that keeps the mutex.
    runner.test("queue.a-kept-mutex-keeps-nobody") { c throws(Failure) in
        let set = try c.shared()
        let own = try c.succeed { () throws(KernelError) in try queue(0) }
        try c.user(
            1, of: set, priority: 20,
            { number in
                do throws(KernelError) {
                    let set = MutexSet(Slot(UInt32(note(23))))
                    let own = MutexParticipant(set, number: Int(number), page: Checks.mutexPage)
                    _ = try own.lock(1)
                    setNote(5, 1)
                    while note(6) == 0 { swiftlet_fence() }
                    try own.unlock(1)
                } catch { setNote(10, UInt64(error.rawValue)) }
                endThread()
            })
        try c.pause(until: { note(5) == 1 })
        try c.refuse(.timedOut) { () throws(KernelError) in
            try own.recover(deadline: .after(milliseconds: 1))
        }
        try c.refuse(.timedOut) { () throws(KernelError) in
            try own.send(Parcel(1), deadline: .after(milliseconds: 1))
        }
        try c.refuse(.timedOut) { () throws(KernelError) in
            _ = try own.receive(deadline: .after(milliseconds: 1))
        }
        setNote(6, 1)
        try c.succeed { () throws(KernelError) in
            try own.recover(deadline: .after(milliseconds: 1000))
        }
        try c.equal(note(10), 0, "an error")
    }
    // Two send and two receive; each message arrives once and whole.
    runner.test("queue.nothing-is-lost") { c throws(Failure) in
        let set = try c.shared()
        for number in 1...4 {
            try c.user(
                number, of: set, priority: 40, core: (number - 1) % cores,
                { number in
                    do throws(KernelError) {
                        let own = try queue(number)
                        for round in 1...300 as ClosedRange<UInt64> {
                            if number & 1 == 0 {
                                try own.send(
                                    Parcel(round), priority: Int(round & 3),
                                    deadline: Checks.patience)
                                continue
                            }
                            let message = try own.receive(deadline: Checks.patience)
                            // The sum of all rounds.
                            let sum = Int(4 + number)
                            setNote(sum, note(sum) + (message.number ?? 1 << 40))
                        }
                    } catch { setNote(10, UInt64(error.rawValue)) }
                    addNote(Int(number))
                    endThread()
                })
        }
        try c.pause(until: { (1...4).allSatisfy { note($0) == 1 } })
        try c.equal(note(10), 0, "an error")
        try c.equal(note(5) + note(7), 2 * 300 * 301 / 2, "the sum")
    }
    // A waiting receiver is woken, also if it is the less urgent side.
    runner.test("queue.round-trip") { c throws(Failure) in
        let set = try c.shared()
        for priority in [20, 100] as [UInt8] {
            try c.user(
                priority == 20 ? 1 : 2, of: set, priority: priority,
                { number in
                    do throws(KernelError) {
                        let own = try queue(number)
                        for _ in 0..<20 {
                            let message = try own.receive(deadline: Checks.patience)
                            setNote(5, message.number ?? 99)
                        }
                    } catch { setNote(10, UInt64(error.rawValue)) }
                    addNote(6)
                    endThread()
                })
            let own = try c.succeed { () throws(KernelError) in try queue(0) }
            for number in 1...20 as ClosedRange<UInt64> {
                try c.succeed { () throws(KernelError) in try own.send(Parcel(number)) }
                try c.pause(until: { note(5) == number })
            }
        }
        try c.pause(until: { note(6) == 2 })
        try c.equal(note(10), 0, "an error")
    }
    // A thread dies at many points of its sends and receives. The queue goes on with whole
    // messages, each at most once and in order.
    runner.test("queue.a-user-dies", clock: .instructions) { c throws(Failure) in
        let set = try c.shared()
        let own = try c.succeed { () throws(KernelError) in try queue(0) }
        let thread = try c.thread(
            priority: 20,
            { number in
                do throws(KernelError) {
                    let own = try queue(number)
                    var next = note(5) + 1
                    while true {
                        try own.send(Parcel(next))
                        setNote(5, next)
                        // The queue never becomes full.
                        if next & 3 != 0, try own.receive().number == nil { setNote(10, 102) }
                        next += 1
                    }
                } catch { setNote(10, UInt64(error.rawValue)) }
                endThread()
            }, 1)
        try c.pause()
        var received: UInt64 = 0
        var deaths: UInt64 = 0
        for round in 0..<400 as Range<UInt64> {
            setNote(5, received)
            try c.restartNewest()
            try c.succeed { () throws(KernelError) in
                try set.join(thread, as: 1)
                try thread.resume()
            }
            // Some instant of its work, another one in each round.
            _ = try? c.never.wait(deadline: .after(.microseconds(5)) + Duration(ticks: round % 50))
            try c.succeed { () throws(KernelError) in
                try thread.suspend()
                try set.leave(1)
            }
            if UInt32(truncatingIfNeeded: peek(Checks.mutexPage + 16)) == MutexWord.abandoned.raw {
                deaths += 1
            }
            while let message = try? own.receive(deadline: .immediately) {
                let number = message.number ?? 0
                try c.expect(number > received, "torn, or again", number)
                received = number
            }
            try c.refuse(.timedOut) { () throws(KernelError) in
                _ = try own.receive(deadline: .immediately)
            }
            try c.equal(UInt64(own.count), 0)
            // No place for a message is lost.
            try c.succeed { () throws(KernelError) in
                for _ in 0..<Area.capacity { try own.send(Parcel(0), deadline: .immediately) }
                for _ in 0..<Area.capacity { _ = try own.receive(deadline: .immediately) }
            }
            // What it sent arrived, unless it received it itself.
            let sent = note(5)
            try c.expect(received <= sent + 1 && received + 2 > sent, "lost", sent)
            received = max(received, sent + 1)
        }
        try c.equal(note(10), 0, "an error")
        try c.expect(deaths > 20, "it seldom died with the mutex", deaths)
    }
    runner.test("ring.all-items-arrive") { c throws(Failure) in
        _ = try c.shared()
        for index in 0..<8192 / 8 as Range<UInt64> { poke(Area.memory + 8 * index, 0) }
        setNote(20, UInt64(try c.make(.notification).index))
        setNote(21, UInt64(try c.make(.notification).index))
        let producer = try c.thread(
            priority: 40,
            { _ in
                do throws(KernelError) {
                    var ring = RingProducer<Parcel>(try end(producer: true))
                    for number in 1...2000 as ClosedRange<UInt64> {
                        try ring.waitForRoom(deadline: Checks.patience)
                        if !ring.push(Parcel(number)) { setNote(10, 100) }
                    }
                } catch { setNote(10, UInt64(error.rawValue)) }
                addNote(1)
                endThread()
            }, 0)
        let consumer = try c.thread(
            priority: 41,
            { _ in
                do throws(KernelError) {
                    var ring = RingConsumer<Parcel>(try end(producer: false))
                    for number in 1...2000 as ClosedRange<UInt64> {
                        try ring.waitForItem(deadline: Checks.patience)
                        if ring.pop()?.number != number { setNote(10, 101) }
                    }
                } catch { setNote(10, UInt64(error.rawValue)) }
                addNote(2)
                endThread()
            }, 0)
        try c.succeed { () throws(KernelError) in
            try consumer.setCore(cores - 1)
            try producer.resume()
            try consumer.resume()
        }
        try c.pause(until: { note(1) == 1 && note(2) == 1 })
        try c.equal(note(10), 0, "an error")
    }
}
