// Semaphores, conditions and barriers between threads of this task, on one core and on several.

import CTargetTests
import KernelABI
import UserRuntime

/// Cells of the set whose slot note 23 holds. 0 is a mutex.
private func cell(_ number: Int) -> Cell {
    Cell(MutexSet(Slot(UInt32(note(23)))), number, page: Checks.mutexPage)
}
private var semaphore: Semaphore { Semaphore(cell(1)) }
private var condition: Condition { Condition(cell(2)) }
private var barrier: Barrier { Barrier(cell(3), mutex: 0) }

extension Checks {
    /// A mutex, a semaphore, a condition and a barrier in a set (`mutexSet`).
    fileprivate mutating func cells(
        units: Int = 0, parties: Int = 1
    ) throws(Failure) -> MutexParticipant {
        let own = try mutexSet()
        try succeed { () throws(KernelError) in
            try semaphore.setUp(units: units)
            try barrier.setUp(count: parties)
        }
        condition.setUp()
        return own
    }
}

/// Takes a unit, notes the order in which it came, and ends.
private let taker: @convention(c) (UInt64) -> Void = { number in
    do throws(KernelError) {
        try semaphore.take()
        addNote(0)
        setNote(Int(number), note(0))
    } catch { setNote(10, UInt64(error.rawValue)) }
    endThread()
}

func semaphoreTests(_ runner: inout Runner) {
    let cores = max(Int(runner.coreCount.told), 1)
    runner.test("semaphore.uncontended", clock: .instructions) { c throws(Failure) in
        _ = try c.cells(units: 2)
        try c.succeed { () throws(KernelError) in
            try semaphore.take()
            try semaphore.take()
        }
        try c.refuse(.timedOut) { () throws(KernelError) in
            try semaphore.take(deadline: .immediately)
        }
        try c.succeed { () throws(KernelError) in try semaphore.give() }
        try c.equal(UInt64(semaphore.units), 1)
        let start = readCycleCounter()
        do throws(KernelError) {
            try semaphore.take()
            try semaphore.give()
        } catch { throw Failure(line: #line, text: "refused", value: UInt64(error.rawValue)) }
        let spent = readCycleCounter() - start
        try c.expect(spent <= 60, "instructions", spent)
        for units in [-1, Semaphore.maximum + 1] {
            try c.refuse(.invalidArgument) { () throws(KernelError) in
                try semaphore.setUp(units: units)
            }
        }
    }
    runner.test("semaphore.order") { c throws(Failure) in
        _ = try c.cells()
        for (number, priority) in [(1, 20), (2, 40), (3, 40), (4, 30)] as [(Int, UInt8)] {
            _ = try c.member(number, priority: priority, taker)
            try c.settle()
        }
        for _ in 0..<4 {
            try c.succeed { () throws(KernelError) in try semaphore.give() }
            try c.settle()
        }
        for (number, place) in [(1, 4), (2, 1), (3, 2), (4, 3)] as [(Int, UInt64)] {
            try c.equal(note(number), place)
        }
        try c.equal(note(10), 0, "an error")
        try c.equal(UInt64(semaphore.units), 0, "a unit is left")
    }
    runner.test("semaphore.deadline") { c throws(Failure) in
        _ = try c.cells()
        try c.refuse(.timedOut) { () throws(KernelError) in
            try semaphore.take(deadline: .after(milliseconds: 2))
        }
        // The unit is not lost with the thread that gave up.
        try c.succeed { () throws(KernelError) in
            try semaphore.give()
            try semaphore.take(deadline: .immediately)
        }
    }
    runner.test("semaphore.no-unit-is-lost") { c throws(Failure) in
        _ = try c.cells()
        // Two give and two take, with time-outs among them.
        for number in 1...4 {
            _ = try c.member(
                number, priority: 40, core: (number - 1) % cores,
                { number in
                    for _ in 0..<500 {
                        do throws(KernelError) {
                            if number & 1 == 0 {
                                try semaphore.give()
                                if note(0) & 3 == 0 { yield() }
                                continue
                            }
                            var isTaken = false
                            while !isTaken {
                                do throws(KernelError) {
                                    try semaphore.take(deadline: .now + .microseconds(20))
                                    isTaken = true
                                } catch { if error != .timedOut { throw error } }
                            }
                        } catch { setNote(10, UInt64(error.rawValue)) }
                    }
                    addNote(Int(number))
                    endThread()
                })
        }
        try c.pause(until: { (1...4).allSatisfy { note($0) == 1 } })
        try c.equal(note(10), 0, "an error")
        try c.equal(UInt64(semaphore.units), 0, "units are left")
    }
    runner.test("semaphore.across-tasks") { c throws(Failure) in
        _ = try c.cells()
        let set = cell(0).set
        let arena = Untyped(try c.make(.untyped, sizeBits: 20))
        var sandbox = try Sandbox(&c, arena: arena)
        let thread = try sandbox.thread(&c, number: 0, priority: 60, maximum: 60, fault: .none)
        let frame = c.slot()
        try c.succeed { () throws(KernelError) in
            try CapabilityTable.own.copy(Slot(UInt32(note(24))), to: frame)
        }
        try sandbox.map(c, frame, at: 0x0072_0000, .read | .write)
        sandbox.give(set.slot, 9, rights: .read | .write)
        poke(SandboxAddress.sharedHere, 0)
        try c.succeed { () throws(KernelError) in
            try thread.restart({ _ in
                let semaphore = Semaphore(Cell(MutexSet(Slot(9)), 1, page: 0x0072_0000))
                do throws(KernelError) {
                    try semaphore.take()
                    poke(SandboxAddress.shared, 1)
                    try semaphore.take()
                    poke(SandboxAddress.shared, 2)
                } catch { poke(SandboxAddress.shared, 100 + UInt64(error.rawValue)) }
                while true { yield() }
            })
            try semaphore.give()
        }
        try c.pause(until: { peek(SandboxAddress.sharedHere) != 0 })
        try c.equal(peek(SandboxAddress.sharedHere), 1)
        // It waits as the most urgent one, and dies.
        _ = try c.member(1, priority: 40, taker)
        try c.settle()
        try c.succeed { () throws(KernelError) in
            try arena.reclaim()
            try semaphore.give()
        }
        try c.settle()
        try c.equal(note(1), 1, "the unit is lost")
        try c.equal(note(10), 0, "an error")
    }
    runner.test("condition.no-signal-is-lost") { c throws(Failure) in
        _ = try c.cells()
        // Notes 5 and 6: what two fill and two empty under the mutex.
        for number in 1...4 {
            _ = try c.member(
                number, priority: 40, core: (number - 1) % cores,
                { number in
                    let own = mutexes(number)
                    do throws(KernelError) {
                        for _ in 0..<300 {
                            _ = try own.lock(0)
                            if number & 1 == 0 {
                                addNote(5)
                            } else {
                                while note(5) == 0 {
                                    let ending = try condition.wait(
                                        own, 0, deadline: Checks.patience)
                                    if ending.isTimedOut { throw .timedOut }
                                }
                                setNote(5, note(5) - 1)
                                addNote(6)
                            }
                            try own.unlock(0)
                            if number & 1 == 0 { try condition.signal() }
                        }
                    } catch { setNote(10, UInt64(error.rawValue)) }
                    addNote(Int(number))
                    endThread()
                })
        }
        try c.pause(until: { (1...4).allSatisfy { note($0) == 1 } })
        try c.equal(note(10), 0, "an error")
        try c.equal(note(6), 600)
        try c.equal(note(5), 0)
    }
    runner.test("condition.deadline") { c throws(Failure) in
        let own = try c.cells()
        let ending = try c.succeed { () throws(KernelError) in
            _ = try own.lock(0)
            return try condition.wait(own, 0, deadline: .after(milliseconds: 1))
        }
        try c.expect(ending.isTimedOut && !ending.holderDied, "another ending")
        // The mutex is held again.
        try c.refuse(.deadlock) { () throws(KernelError) in try own.lock(0) }
        try c.succeed { () throws(KernelError) in try own.unlock(0) }
        try c.refuse(.notPermitted) { () throws(KernelError) in _ = try condition.wait(own, 0) }
    }
    runner.test("condition.broadcast") { c throws(Failure) in
        let own = try c.cells()
        for (number, priority) in [(1, 20), (2, 40), (3, 30)] as [(Int, UInt8)] {
            _ = try c.member(
                number, priority: priority,
                { number in
                    let own = mutexes(number)
                    do throws(KernelError) {
                        _ = try own.lock(0)
                        _ = try condition.wait(own, 0)
                        addNote(0)
                        setNote(Int(number), note(0))
                        try own.unlock(0)
                    } catch { setNote(10, UInt64(error.rawValue)) }
                    endThread()
                })
            try c.settle()
        }
        try c.succeed { () throws(KernelError) in
            _ = try own.lock(0)
            try condition.broadcast()
            try own.unlock(0)
        }
        try c.settle()
        for (number, place) in [(1, 3), (2, 1), (3, 2)] as [(Int, UInt64)] {
            try c.equal(note(number), place)
        }
        try c.equal(note(10), 0, "an error")
    }
    runner.test("barrier.rounds") { c throws(Failure) in
        let own = try c.cells(parties: 4)
        for number in 1...3 {
            _ = try c.member(
                number, priority: 40, core: number % cores,
                { number in
                    for round in 1...50 as ClosedRange<UInt64> {
                        do throws(KernelError) {
                            if try barrier.wait(mutexes(number), deadline: Checks.patience) {
                                addNote(4)
                            }
                            setNote(Int(number), round)
                        } catch { setNote(10, UInt64(error.rawValue)) }
                    }
                    endThread()
                })
        }
        for round in 1...50 as ClosedRange<UInt64> {
            let isLast = try c.succeed { () throws(KernelError) in
                try barrier.wait(own, deadline: Checks.patience)
            }
            if isLast { addNote(4) }
            // Nobody is a round ahead of one who has not come.
            for number in 1...3 { try c.expect(note(number) <= round, "too far") }
        }
        try c.pause(until: { (1...3).allSatisfy { note($0) == 50 } })
        try c.equal(note(4), 50, "the last of each round")
        try c.equal(note(10), 0, "an error")
    }
    runner.test("barrier.deadline") { c throws(Failure) in
        let own = try c.cells(parties: 2)
        for _ in 0..<3 {
            try c.refuse(.timedOut) { () throws(KernelError) in
                _ = try barrier.wait(own, deadline: .after(milliseconds: 1))
            }
        }
        // Those who gave up do not count.
        _ = try c.member(
            1, priority: 40,
            { number in
                do throws(KernelError) {
                    _ = try barrier.wait(mutexes(number), deadline: Checks.patience)
                } catch { setNote(10, UInt64(error.rawValue)) }
                addNote(1)
                endThread()
            })
        try c.settle()
        try c.equal(note(1), 0, "it did not wait")
        try c.succeed { () throws(KernelError) in
            _ = try barrier.wait(own, deadline: Checks.patience)
        }
        try c.pause(until: { note(1) == 1 })
        try c.equal(note(10), 0, "an error")
    }
}
