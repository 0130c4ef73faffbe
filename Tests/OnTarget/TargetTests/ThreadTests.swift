// Threads: their methods, and the registers that a system call leaves behind.

import KernelABI
import UserRuntime

func threadTests(_ runner: inout Runner) {
    let own = CapabilityTable.own
    runner.test("thread.run") { c throws(Failure) in
        clearNotes()
        _ = try c.spawn(
            priority: 255,
            { value in
                setNote(0, value)
                endThread()
            }, 77)
        try c.equal(note(0), 77)
    }
    runner.test("thread.information") { c throws(Failure) in
        let thread = try c.thread(priority: 12, { _ in endThread() })
        let information = try c.information(thread)
        try c.equal(UInt64(information.state.rawValue), UInt64(ThreadState.stopped.rawValue))
        try c.equal(UInt64(information.base), 12)
        try c.equal(UInt64(information.effective), 12)
        let main = try c.information(Thread(RootSlot.thread))
        try c.equal(UInt64(main.state.rawValue), UInt64(ThreadState.running.rawValue))
        try c.expect(main.processorTime.ticks > 0, "no processor time")
    }
    runner.test("thread.priority-above-maximum") { c throws(Failure) in
        let thread = try c.thread(priority: 12, { _ in endThread() })
        try c.refuse(.invalidArgument) { () throws(KernelError) in
            try thread.setPriority(20, maximum: 10)
        }
        clearNotes()
        _ = try c.spawn(
            priority: 255,
            { other in
                do throws(KernelError) {
                    try Thread(Slot(UInt32(other))).setPriority(10, maximum: 255)
                } catch {
                    setNote(0, UInt64(error.rawValue))
                }
                do throws(KernelError) {
                    try Thread(RootSlot.thread).setPriority(254, maximum: 255)
                } catch {
                    setNote(1, UInt64(error.rawValue))
                }
                endThread()
            }, UInt64(thread.slot.index))
        try c.equal(note(0), 0, "255 is within the maximum")
        let low = try c.thread(
            priority: 30,
            { other in
                do throws(KernelError) {
                    try Thread(Slot(UInt32(other))).setPriority(10, maximum: 31)
                } catch {
                    setNote(2, UInt64(error.rawValue))
                }
                endThread()
            }, UInt64(thread.slot.index))
        try c.succeed { () throws(KernelError) in try low.resume() }
        try c.settle()
        try c.equal(note(2), UInt64(KernelError.notPermitted.rawValue))
    }
    runner.test("thread.suspend-and-resume") { c throws(Failure) in
        clearNotes()
        let thread = try c.spawn(priority: 10, { _ in while true { addNote(0) } })
        try c.pause(until: { note(0) > 0 })
        try c.succeed { () throws(KernelError) in try thread.suspend() }
        let count = note(0)
        try c.pause()
        try c.equal(note(0), count, "it ran while suspended")
        try c.succeed { () throws(KernelError) in try thread.resume() }
        try c.pause(until: { note(0) > count })
    }
    runner.test("thread.resume-running") { c throws(Failure) in
        let thread = try c.spawn(priority: 10, { _ in while true { yield() } })
        try c.refuse(.wrongState) { () throws(KernelError) in try thread.resume() }
    }
    runner.test("thread.set-entry-while-ready") { c throws(Failure) in
        let thread = try c.spawn(priority: 10, { _ in while true { yield() } })
        try c.refuse(.wrongState) { () throws(KernelError) in
            try thread.setEntry(programCounter: 0, stackPointer: 0, argument: 0, threadPointer: 0)
        }
        try c.refuse(.wrongState) { () throws(KernelError) in _ = try thread.readRegisters() }
    }
    runner.test("thread.suspend-cancels") { c throws(Failure) in
        clearNotes()
        let notification = try c.notification()
        let thread = try c.spawn(
            priority: 255,
            { slot in
                do throws(KernelError) { _ = try Notification(Slot(UInt32(slot))).wait() } catch {
                    setNote(0, UInt64(error.rawValue))
                }
                endThread()
            }, UInt64(notification.slot.index))
        try c.succeed { () throws(KernelError) in
            try thread.suspend()
            try thread.resume()
        }
        try c.equal(note(0), UInt64(KernelError.cancelled.rawValue))
    }
    runner.test("thread.registers") { c throws(Failure) in
        let thread = try c.thread(
            priority: 255,
            { value in
                setNote(0, value)
                endThread()
            }, 1)
        var registers = try c.succeed { () throws(KernelError) in try thread.readRegisters() }
        try c.equal(registers[0], 1)
        registers[0] = 4711
        clearNotes()
        try c.succeed { () throws(KernelError) in
            try thread.writeRegisters(registers)
            try thread.resume()
        }
        try c.equal(note(0), 4711)
    }
    runner.test("thread.write-registers-keeps-privilege") { c throws(Failure) in
        let thread = try c.thread(
            priority: 255,
            { _ in
                setNote(0, 1)
                endThread()
            })
        var registers = try c.succeed { () throws(KernelError) in try thread.readRegisters() }
        registers.processorState = 0x3c5  // EL1h with everything masked
        clearNotes()
        let after = try c.succeed { () throws(KernelError) in
            try thread.writeRegisters(registers)
            return try thread.readRegisters()
        }
        try c.equal(after.processorState, 0, "PSTATE was taken")
    }
    runner.test("thread.configure-wrong-kind") { c throws(Failure) in
        let thread = try c.thread(priority: 1, { _ in endThread() })
        let endpoint = try c.make(.endpoint)
        let large = try c.make(.frame, sizeBits: 21)
        try c.refuse(.wrongKind) { () throws(KernelError) in try thread.configure(table: endpoint) }
        try c.refuse(.wrongKind) { () throws(KernelError) in
            try thread.configure(addressSpace: endpoint)
        }
        try c.refuse(.invalidArgument) { () throws(KernelError) in
            try thread.configure(ipcBuffer: large)
        }
        try c.refuse(.wrongKind) { () throws(KernelError) in
            try thread.configure(faultHandler: RootSlot.thread)
        }
    }
    runner.test("thread.needs-manage") { c throws(Failure) in
        let thread = try c.thread(priority: 1, { _ in endThread() })
        let weak = c.slot()
        try c.succeed { () throws(KernelError) in
            try own.copy(thread.slot, to: weak, rights: .read)
        }
        _ = try c.information(Thread(weak))
        try c.refuse(.missingRights) { () throws(KernelError) in try Thread(weak).resume() }
        try c.refuse(.missingRights) { () throws(KernelError) in
            try Thread(weak).setPriority(1, maximum: 1)
        }
    }
    runner.test("thread.without-table-can-do-nothing") { c throws(Failure) in
        clearNotes()
        let table = try c.make(.capabilityTable, sizeBits: 4)
        let thread = try c.thread(
            priority: 255,
            { _ in
                do throws(KernelError) { try Notification(Slot(3)).signal(1) } catch {
                    setNote(0, UInt64(error.rawValue))
                }
                endThread()
            })
        try c.succeed { () throws(KernelError) in
            try thread.configure(table: table)
            try thread.resume()
        }
        try c.equal(note(0), UInt64(KernelError.invalidCapability.rawValue))
    }
    runner.test("thread.yield-between-equals") { c throws(Failure) in
        clearNotes()
        for number in 0..<2 {
            _ = try c.spawn(
                priority: 50,
                { number in
                    for _ in 0..<3 {
                        setNote(1, note(1) << 4 | (number + 1))
                        yield()
                    }
                    endThread()
                }, UInt64(number))
        }
        try c.settle()
        try c.equal(note(1), 0x121212)
    }
    runner.test("thread.yield-keeps-lower-waiting") { c throws(Failure) in
        clearNotes()
        _ = try c.spawn(
            priority: 10,
            { _ in
                setNote(0, 1)
                endThread()
            })
        yield()
        try c.equal(note(0), 0, "a lower thread ran")
    }
}
