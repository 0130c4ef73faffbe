// Mutexes: taken without the kernel, handed over by priority, and told of when a holder dies.

import CTargetTests
import KernelABI
import UserRuntime

extension Checks {
    fileprivate func take(
        _ own: MutexParticipant, _ mutex: Int, line: UInt = #line
    ) throws(Failure) -> Bool {
        try succeed(line: line) { () throws(KernelError) in
            try own.lock(mutex, deadline: Checks.patience)
        }
    }
    fileprivate func give(
        _ own: MutexParticipant, _ mutex: Int, line: UInt = #line
    ) throws(Failure) {
        try succeed(line: line) { () throws(KernelError) in try own.unlock(mutex) }
    }
}

/// Takes mutex 0, notes the order in which it came, and ends.
private let comer: @convention(c) (UInt64) -> Void = { number in
    let own = mutexes(number)
    do throws(KernelError) {
        if try own.lock(0) { setNote(9, 1) }
        addNote(0)
        setNote(Int(number), note(0))
        try own.unlock(0)
    } catch { setNote(10, UInt64(error.rawValue)) }
    endThread()
}

func mutexTests(_ runner: inout Runner) {
    let cores = Int(runner.coreCount.told)
    runner.test("mutex.uncontended", clock: .instructions) { c throws(Failure) in
        let own = try c.mutexSet()
        for mutex in 0..<16 {
            try c.expect(try !c.take(own, mutex), "it is new")
            try c.refuse(.deadlock) { () throws(KernelError) in try own.lock(mutex) }
            try c.give(own, mutex)
            try c.refuse(.notPermitted) { () throws(KernelError) in try own.unlock(mutex) }
        }
        let start = readCycleCounter()
        do throws(KernelError) {
            _ = try own.lock(3)
            try own.unlock(3)
        } catch { throw Failure(line: #line, text: "refused", value: UInt64(error.rawValue)) }
        let spent = readCycleCounter() - start
        try c.expect(spent <= 60, "instructions", spent)
    }
    runner.test("mutex.bounds-inversion") { c throws(Failure) in
        let own = try c.mutexSet()
        _ = try c.take(own, 0)
        _ = try c.member(1, priority: 100, comer)
        try c.setMain(priority: 20)
        // The waiter lifts this thread above the hog.
        _ = try c.spawn(
            priority: 50,
            { _ in
                setNote(2, 1)
                endThread()
            })
        try c.equal(UInt64(try c.information(Thread(RootSlot.thread)).effective), 100)
        try c.equal(note(2), 0, "the hog ran")
        try c.give(own, 0)
        try c.equal(note(1), 1)
        try c.equal(note(2), 1)
        try c.equal(UInt64(try c.information(Thread(RootSlot.thread)).effective), 20)
        try c.equal(note(10), 0, "an error")
    }
    runner.test("mutex.order") { c throws(Failure) in
        let own = try c.mutexSet()
        _ = try c.take(own, 0)
        for (number, priority) in [(1, 20), (2, 40), (3, 40), (4, 30)] as [(Int, UInt8)] {
            _ = try c.member(number, priority: priority, comer)
            try c.settle()
        }
        try c.give(own, 0)
        try c.settle()
        for (number, place) in [(1, 4), (2, 1), (3, 2), (4, 3)] as [(Int, UInt64)] {
            try c.equal(note(number), place)
        }
        try c.equal(note(10), 0, "an error")
    }
    runner.test("mutex.deadline") { c throws(Failure) in
        let own = try c.mutexSet()
        let holder = try c.member(
            1, priority: 20,
            { number in
                do throws(KernelError) { _ = try mutexes(number).lock(0) } catch {}
                setNote(1, 1)
                while true { yield() }
            })
        try c.pause(until: { note(1) == 1 })
        try c.refuse(.timedOut) { () throws(KernelError) in
            try own.lock(0, deadline: .after(milliseconds: 2))
        }
        try c.equal(UInt64(try c.information(holder).effective), 20, "it is still lifted")
    }
    runner.test("mutex.excludes") { c throws(Failure) in
        _ = try c.mutexSet()
        for number in 1...4 {
            _ = try c.member(
                number, priority: 40, core: (number - 1) % max(cores, 1),
                { number in
                    let own = mutexes(number)
                    for _ in 0..<500 {
                        do throws(KernelError) {
                            _ = try own.lock(5)
                            let before = note(0)
                            if before & 3 == number & 3 { yield() }
                            setNote(0, before + 1)
                            try own.unlock(5)
                        } catch { setNote(10, UInt64(error.rawValue)) }
                        if note(0) & 7 == number { yield() }
                    }
                    addNote(Int(number))
                    endThread()
                })
        }
        try c.pause(until: { (1...4).allSatisfy { note($0) == 1 } })
        try c.equal(note(0), 2000, "additions were lost")
        try c.equal(note(10), 0, "an error")
    }
    runner.test("mutex.a-holder-dies") { c throws(Failure) in
        let own = try c.mutexSet()
        setNote(22, UInt64(try c.notification().slot.index))
        _ = try c.member(
            1, priority: 100,
            { number in
                do throws(KernelError) {
                    for mutex in 0..<3 { _ = try mutexes(number).lock(mutex) }
                } catch { setNote(10, UInt64(error.rawValue)) }
                setNote(0, 1)
                while true { doorRelease.pause() }
            })
        let set = own.set
        _ = try c.member(
            2, priority: 40,
            { number in
                do throws(KernelError) {
                    setNote(2, try mutexes(number).lock(1) ? 2 : 1)
                } catch { setNote(10, UInt64(error.rawValue)) }
                endThread()
            })
        try c.settle()
        try c.equal(note(0), 1)
        try c.succeed { () throws(KernelError) in try set.leave(1) }
        try c.settle()
        try c.equal(note(2), 2, "the waiter is not told")
        // Nobody contended for these.
        try c.expect(try c.take(own, 0), "the next one is not told")
        try c.give(own, 0)
        try c.expect(try !c.take(own, 0), "a second one is told")
        try c.equal(note(10), 0, "an error")
    }
    runner.test("mutex.across-tasks") { c throws(Failure) in
        let own = try c.mutexSet()
        let arena = Untyped(try c.make(.untyped, sizeBits: 20))
        var sandbox = try Sandbox(&c, arena: arena)
        let thread = try sandbox.thread(&c, number: 0, priority: 30, maximum: 30, fault: .none)
        let frame = c.slot()
        let set = own.set
        try c.succeed { () throws(KernelError) in
            try CapabilityTable.own.copy(Slot(UInt32(note(24))), to: frame)
            try set.join(thread.thread, as: 1)
        }
        try sandbox.map(c, frame, at: 0x0072_0000, .read | .write)
        sandbox.give(set.slot, 9, rights: .write)
        let there: @convention(c) (UInt64) -> Void = { _ in
            let own = MutexParticipant(MutexSet(Slot(9)), number: 1, page: 0x0072_0000)
            do throws(KernelError) {
                _ = try own.lock(2)
                poke(SandboxAddress.shared, 1)
                _ = try own.lock(3)
                poke(SandboxAddress.shared, 2)
                try own.unlock(3)
            } catch { poke(SandboxAddress.shared, 100 + UInt64(error.rawValue)) }
            while true { yield() }
        }
        poke(SandboxAddress.sharedHere, 0)
        _ = try c.take(own, 3)
        try c.succeed { () throws(KernelError) in try thread.restart(there) }
        try c.pause(until: { peek(SandboxAddress.sharedHere) != 0 })
        try c.equal(peek(SandboxAddress.sharedHere), 1)
        try c.give(own, 3)
        try c.pause(until: { peek(SandboxAddress.sharedHere) != 1 })
        try c.equal(peek(SandboxAddress.sharedHere), 2)
        // The other task dies with mutex 2.
        try c.refuse(.timedOut) { () throws(KernelError) in
            try own.lock(2, deadline: .after(milliseconds: 1))
        }
        try c.succeed { () throws(KernelError) in try arena.reclaim() }
        try c.expect(try c.take(own, 2), "the death is not told")
        try c.expect(try !c.take(own, 3), "a mutex that was given back")
    }
}
