// The registers that a system call leaves behind, on every way into the kernel and out of it: x19
// to x30, SP and TPIDR_EL0 as they were, x11 to x18 clear, and in x0 to x10 the results and
// nothing else.

import CTargetTests
import KernelABI
import UserRuntime

/// The call of a thread, with the words 3 to 10 in x3 to x10.
private func filled(_ control: ControlWord, _ second: UInt64, _ third: UInt64) -> CallRegisters {
    CallRegisters(
        x0: control.by(Instant(ticks: third)).raw, x1: second, x2: third, x3: 3, x4: 4, x5: 5,
        x6: 6, x7: 7, x8: 8, x9: 9, x10: 10)
}

/// A server that answers with all words doubled; note 17 collects what is wrong with its registers.
private let checkedServer: @convention(c) (UInt64) -> Void = { _ in
    let (endpoint, reply) = (Slot(UInt32(note(20))), note(21))
    var registers = filled(ControlWord(.receive, endpoint), reply, ~0)
    while true {
        let what = unsafe checkedSystemCall(&registers)
        setNote(
            17, note(17) | what | (registers.x2 != 0 ? 16 : 0) | (registers.x1 != note(18) ? 32 : 0)
        )
        if registers.x0 & 0xff != 0 { endThread() }
        addNote(19)
        registers.x0 = ControlWord(.replyAndReceive, endpoint, length: 8).raw
        registers.x1 = reply
        registers.x2 = ~0
        registers.x3 &*= 2
        registers.x4 &*= 2
        registers.x5 &*= 2
        registers.x6 &*= 2
        registers.x7 &*= 2
        registers.x8 &*= 2
        registers.x9 &*= 2
        registers.x10 &*= 2
    }
}

extension Checks {
    /// Make a call with every register filled; it must end with `error` and keep what a call keeps.
    @discardableResult fileprivate func call(
        _ control: ControlWord, _ second: UInt64 = 0, _ third: UInt64 = ~0,
        error: KernelError? = nil, line: UInt = #line
    ) throws(Failure) -> CallRegisters {
        var registers = filled(control, second, third)
        try equal(unsafe checkedSystemCall(&registers), 0, "registers, as bits", line: line)
        try equal(registers.x0 & 0xff, UInt64(error?.rawValue ?? 0), "error", line: line)
        try equal(registers.x2, 0, "x2", line: line)
        return registers
    }
    /// No register from x3 on holds anything.
    fileprivate func isClear(_ registers: CallRegisters, line: UInt = #line) throws(Failure) {
        let low = registers.x3 | registers.x4 | registers.x5 | registers.x6
        try equal(
            low | registers.x7 | registers.x8 | registers.x9 | registers.x10, 0, "not clear",
            line: line)
    }
    /// Calls of all register lengths to a server of this priority.
    fileprivate mutating func callServer(priority: UInt8, line: UInt = #line) throws(Failure) {
        let (endpoint, _) = try door(line: line)
        let badged = slot()
        setNote(18, 0x77)
        try succeed(line: line) { () throws(KernelError) in
            try CapabilityTable.own.mint(endpoint.slot, to: badged, badge: 0x77)
        }
        let server = try spawn(priority: priority, checkedServer, line: line)
        for round in 0..<3 {
            if round == 1 {
                try succeed(line: line) { () throws(KernelError) in
                    try endpoint.bindServer(server)
                }
            }
            for length in 0...8 {
                let registers = try call(ControlWord(.call, badged, length: length), line: line)
                try equal(registers.x0 >> 32 & 0xff, 8, "length", line: line)
                try equal(registers.x1, 0, "badge of a reply", line: line)
                try equal(registers.x3, 6, "word 0", line: line)
                try equal(registers.x10, 20, "word 7", line: line)
            }
        }
        // Once the caller's time-out is set, the slow way.
        try call(ControlWord(.call, badged, length: 2), 0, Checks.patience.ticks, line: line)
        try equal(note(19), 28, "calls", line: line)
        try equal(note(17), 0, "registers of the server, as bits", line: line)
    }
}

func registerTests(_ runner: inout Runner) {
    runner.test("registers.call-higher-server") { c throws(Failure) in
        try c.callServer(priority: 255)
    }
    runner.test("registers.call-equal-server") { c throws(Failure) in
        try c.callServer(priority: 254)
    }
    runner.test("registers.call-lower-server") { c throws(Failure) in try c.callServer(priority: 5)
    }
    runner.test("registers.one-way") { c throws(Failure) in
        let (endpoint, _) = try c.door()
        _ = try c.spawn(priority: 5, checkedServer)
        // The server's reply finds no caller, and it receives again.
        for _ in 0..<3 { try c.isClear(try c.call(ControlWord(.send, endpoint.slot, length: 8))) }
        try c.settle()
        try c.equal(note(17), 0, "registers of the receiver, as bits")
        try c.equal(note(19), 3)
    }
    runner.test("registers.signal") { c throws(Failure) in
        clearNotes()
        let notification = try c.notification()
        for priority in 253...255 as ClosedRange<UInt8> {
            _ = try c.spawn(
                priority: priority,
                { slot in
                    var registers = filled(ControlWord(.wait, Slot(UInt32(slot))), 1, ~0)
                    setNote(17, note(17) | (unsafe checkedSystemCall(&registers)))
                    addNote(16, registers.x1)
                    endThread()
                }, UInt64(notification.slot.index))
        }
        try c.settle()
        for bit in 0..<3 as Range<UInt64> {
            let registers = try c.call(ControlWord(.signal, notification.slot), 1 << bit)
            try c.equal(registers.x1, 0)
            try c.isClear(registers)
        }
        try c.settle()
        try c.equal(note(17), 0, "registers of a waiter, as bits")
        try c.equal(note(16), 7)
    }
    runner.test("registers.wait-and-poll") { c throws(Failure) in
        let notification = try c.notification()
        try c.isClear(try c.call(ControlWord(.poll, notification.slot), error: .wouldBlock))
        let soon = Instant.after(milliseconds: 1).ticks
        try c.isClear(try c.call(ControlWord(.wait, notification.slot), 5, soon, error: .timedOut))
        let calls: InlineArray<2, SystemCall> = [.wait, .poll]
        for index in calls.indices {
            try c.succeed { () throws(KernelError) in try notification.signal(6) }
            let registers = try c.call(ControlWord(calls[index], notification.slot))
            try c.equal(registers.x1, 6)
            try c.isClear(registers)
        }
    }
    runner.test("registers.yield") { c throws(Failure) in
        clearNotes()
        try c.isClear(try c.call(ControlWord(.yield, Slot(0))))
        _ = try c.spawn(
            priority: 254,
            { _ in
                for _ in 0..<3 {
                    var registers = filled(ControlWord(.yield, Slot(0)), 1, ~0)
                    setNote(
                        17,
                        note(17) | (unsafe checkedSystemCall(&registers)) | registers.x1
                            | registers.x10)
                }
                setNote(16, 1)
                endThread()
            })
        for _ in 0..<5 { try c.isClear(try c.call(ControlWord(.yield, Slot(0)))) }
        try c.equal(note(17), 0, "registers of the other thread, as bits")
        try c.equal(note(16), 1)
    }
    runner.test("registers.refused") { c throws(Failure) in
        let empty = c.slot()
        let calls: InlineArray<9, SystemCall> = [
            .call, .send, .receive, .reply, .replyAndReceive, .signal, .wait, .poll, .invoke,
        ]
        for index in calls.indices {
            // Of `invoke`, that is the method `reclaim`.
            let control = ControlWord(calls[index], empty, length: 2)
            let registers = try c.call(control, UInt64(empty.index), error: .invalidCapability)
            try c.equal(registers.x1, 0)
            try c.isClear(registers)
        }
    }
    runner.test("registers.restarted-call") { c throws(Failure) in
        // A timer interrupts the call between its steps; it goes on, and its registers are those
        // of one call.
        clearNotes()
        let timer = Timer(try c.make(.timer))
        let notification = try c.notification()
        let memory = c.memory
        let arena = try c.make(.untyped, sizeBits: 20)
        let limit = Checks.patience
        _ = try c.spawn(
            priority: 255,
            { slot in
                while (try? Notification(Slot(UInt32(slot))).wait()) != nil { addNote(0) }
                endThread()
            }, UInt64(notification.slot.index))
        try c.succeed { () throws(KernelError) in
            try timer.bind(notification, bits: 1)
            try timer.arm(.now, period: .microseconds(10))
        }
        var interruptions: UInt64
        repeat {
            try c.expect(Instant.now < limit, "it is not interrupted")
            try c.succeed { () throws(KernelError) in
                try Untyped(arena).retype(.endpoint, count: 512, index: Slot(1000))
            }
            let before = note(0)
            let registers = try c.call(ControlWord(invoke: .reclaim, arena))
            interruptions = note(0) - before
            try c.isClear(registers)
        } while interruptions < 2
        try c.succeed { () throws(KernelError) in
            try timer.cancel()
            try memory.retype(.endpoint, index: Slot(1000))
        }
    }
    runner.test("registers.flags-across-calls") { c throws(Failure) in
        let endpoint = try c.echo(priority: 5)
        let flags: InlineArray<4, UInt64> = [0xf000_0000, 0, 0x9000_0000, 0x6000_0000]
        for index in 0..<4 {
            let call = ControlWord(.call, endpoint.slot)
            try c.equal(flagsAcrossCall(call.raw, 0, 0, flags[index]), flags[index], "a fast call")
            let timed = call.by(Checks.patience)
            try c.equal(
                flagsAcrossCall(timed.raw, 0, Checks.patience.ticks, flags[index]), flags[index],
                "a call on the general path")
            let yielded = ControlWord(.yield, .none)
            try c.equal(
                flagsAcrossCall(yielded.raw, 0, 0, flags[index]), flags[index], "a call that stays")
        }
    }
    // Code that relies on it would lose its protection without a word.
    runner.test("registers.data-independence-across-calls") { c throws(Failure) in
        _ = try c.echo(priority: 5)
        let thread = try c.spawn(
            priority: 20,
            { _ in
                setNote(0, 1)
                setNote(
                    0, dataIndependenceAcrossCall(ControlWord(.call, doorEndpoint.slot).raw, 0, 0))
                endThread()
            })
        try c.settle()
        // On a processor without DIT it is an illegal instruction.
        let state = try c.information(thread).state
        let isMissing = note(0) == 1 && state == .faulted
        try c.expect(isMissing || note(0) == 1 << 24, "DIT is lost", note(0))
        if !isMissing { SystemControl(RootSlot.systemControl).write("DIT is kept\n") }
    }
    runner.test("registers.preempted-loop") { c throws(Failure) in
        clearNotes()
        for number in 0..<2 as Range<UInt64> {
            let thread = try c.thread(
                priority: 20,
                { number in
                    let address = unsafe withUnsafePointer(to: &spinEnd) {
                        UInt64(UInt(bitPattern: $0))
                    }
                    setNote(Int(number), spinWithRegisters(address) + 1)
                    endThread()
                }, number)
            try c.succeed { () throws(KernelError) in
                try thread.setSlice(.microseconds(100))
                try thread.resume()
            }
        }
        unsafe spinEnd = 0
        try c.pause(milliseconds: 5)
        try c.equal(note(0) | note(1), 0, "a loop has ended")
        unsafe spinEnd = 1
        try c.settle()
        for number in 0..<2 { try c.equal(note(number), 1, "registers or flags changed") }
    }
}

/// The word that ends `spinWithRegisters`.
nonisolated(unsafe) private var spinEnd: UInt64 = 0
