// Causes of faults in words, also of tasks that lie.

import KernelABI
import ServiceCores
import Testing

@Suite struct FaultCauseTests {
    let stack: Range<UInt64> = 0x1fff_e000..<0x2000_0000

    private func cause(
        _ kind: FaultKind, address: UInt64 = 0, syndrome: UInt64 = 0,
        registers: TrapText.Registers = InlineArray(repeating: 0),
        memory: [UInt64: String] = [:]
    ) -> FaultCause {
        FaultCause(
            kind, address: address, syndrome: syndrome, stack: .whole(stack), registers: registers
        ) { address, count in
            Array((memory[address] ?? "").utf8.prefix(count))
        }
    }
    private func registers(x0: UInt64) -> TrapText.Registers {
        InlineArray { $0 == 0 ? x0 : 0 }
    }
    /// Those of a task that says a text.
    private func registers(
        _ text: String, _ count: UInt64, _ file: UInt64, _ fileCount: UInt64, _ line: UInt64
    ) -> TrapText.Registers {
        var registers: TrapText.Registers = InlineArray(repeating: 0)
        (registers[1], registers[2], registers[3], registers[4]) = (count, file, fileCount, line)
        for (index, byte) in text.utf8.prefix(80).enumerated() {
            registers[5 + index / 8] |= UInt64(byte) << UInt64(index % 8 * 8)
        }
        return registers
    }
    private func words(_ cause: FaultCause) -> String {
        String(decoding: cause.words, as: UTF8.self)
    }
    private func brk(_ code: TrapCode) -> UInt64 { 0xf200_0000 | UInt64(code.rawValue) }

    /// Of a stack whose lowest page is not known: an access in its range, near the stack pointer.
    @Test func overflowOfAStackWithinARange() {
        let range: Range<UInt64> = 0x2402_0000..<0x2403_f000
        func cause(_ address: UInt64, _ stackPointer: UInt64) -> FaultCause {
            FaultCause(
                .pageWrite, address: address, syndrome: 0,
                stack: .within(range, stackPointer: stackPointer),
                registers: registers(x0: 0)
            ) { _, _ in [] }
        }
        for (address, stackPointer, bytes) in [
            (0x2403_cff8, 0x2403_cff0, 8192), (0x2403_cff8, 0x2403_d010, 8192),
            (0x2403_cff8, 0x2403_c000, 8192), (0x2402_0000, 0x2402_1000, 0x1e000),
        ] as [(UInt64, UInt64, UInt64)] {
            #expect(
                cause(address, stackPointer) == .stackOverflow(bytes, address: address))
        }
        for (address, stackPointer) in [
            (0x2402_0000, 0x2403_e000), (0x2401_cff8, 0x2403_d010), (0x2401_cff8, 0x2401_cff0),
            (0x2403_f000, 0x2403_d010), (0x2403_cff8, ~0), (8, 0x2403_d010), (~0, 0x2403_d010),
        ] as [(UInt64, UInt64)] {
            #expect(cause(address, stackPointer) == .fault(.pageWrite, address: address))
        }
    }

    /// An access just below the stack is its overflow; elsewhere, or another fault, it is not.
    @Test func stackOverflowIsAnAccessBelowTheStack() {
        for kind in [FaultKind.pageRead, .pageWrite] {
            #expect(
                words(cause(kind, address: 0x1fff_dff8))
                    == "stack overflow, of 8192 bytes, address 0x1fffdff8")
            #expect(
                cause(kind, address: stack.lowerBound - TaskStack.guardBytes)
                    == .stackOverflow(8192, address: 0x1fef_e000))
            for other in [
                stack.lowerBound - TaskStack.guardBytes - 1, stack.lowerBound, 0, stack.upperBound,
            ] {
                #expect(cause(kind, address: other) == .fault(kind, address: other))
            }
        }
        #expect(
            cause(.pageExecute, address: 0x1fff_dff8) == .fault(.pageExecute, address: 0x1fff_dff8))
        #expect(
            words(cause(.pageWrite, address: 16))
                == "write to memory that is not its own, address 0x10")
    }

    @Test func trapsNameTheirCause() {
        for (code, text) in [
            (TrapCode.failedCheck, "failed check"), (.returned, "main returned"),
            (.overflow, "arithmetic overflow"),
            (.indexOutOfRange, "index out of range"), (.nilUnwrapped, "nil was unwrapped"),
            (.noEndpoint, "its endpoint is gone"), (.doesNotFit, "a number does not fit its type"),
            (.divisionByZero, "division by zero"), (.emptyRange, "a range ends below its start"),
            (.failedPrecondition, "failed precondition"),
            (.stackSmashed, "write beyond a variable on the stack"),
            (.heapMisused, "memory freed twice, or the heap overwritten"),
            (.heapAbandoned, "a thread ended while it changed the heap"),
            (.onceRecursive, "a global value's initialiser needs the value"),
            (.onceAbandoned, "a thread ended in a global value's initialiser"),
        ] { #expect(words(cause(.breakpoint, syndrome: brk(code))) == text) }
        #expect(
            words(cause(.breakpoint, syndrome: brk(.heapExhausted), registers: registers(x0: 4032)))
                == "heap exhausted, 4032 bytes asked for")
        for (error, text) in [
            (KernelError.deadlock, "the runtime's lock waits for the thread itself"),
            (.invalidCapability, "the kernel refuses the runtime's lock, kernel error 1"),
        ] {
            let registers = registers(x0: UInt64(error.rawValue))
            let cause = cause(.breakpoint, syndrome: brk(.lockRefused), registers: registers)
            #expect(words(cause) == text)
        }
    }

    /// Another exception with those bits, and a number that means nothing, are traps
    /// without a name.
    @Test func otherSyndromesAreNoCodes() {
        #expect(TrapCode(syndrome: 0x9200_0001) == nil)
        #expect(TrapCode(syndrome: 0xf200_dead) == nil)
        #expect(words(cause(.breakpoint, syndrome: 0xf200_dead)) == "trap instruction, address 0x0")
        #expect(
            words(cause(.pageRead, address: 1 << 40, syndrome: brk(.overflow)))
                == "read of memory that is not its own, address 0x10000000000")
    }

    @Test func fatalErrorHasTextAndPlace() {
        let found = cause(
            .breakpoint, syndrome: brk(.fatalError),
            registers: registers("no manifest, and more behind it", 11, 0x40_2000, 15, 14),
            memory: [0x40_2000: "Shell/Shell.swift"])
        #expect(words(found) == "fatal error at Shell/Shell.swi:14")
        #expect(String(decoding: found.saying, as: UTF8.self) == "no manifest")
        #expect(words(cause(.breakpoint, syndrome: brk(.fatalError))) == "fatal error")
        #expect(cause(.breakpoint, syndrome: brk(.overflow)).saying == [])
    }

    /// A task chooses addresses, lengths and, in its file, bytes: what is shown is short and
    /// printable, in one line.
    @Test func hostileTextIsCutAndPrintable() {
        let bytes = "a\u{1b}[2J\r\nlog restarted\u{7f}\u{0}é" + String(repeating: "m", count: 200)
        let found = cause(
            .breakpoint, syndrome: brk(.fatalError),
            registers: registers(bytes, .max, 2, .max, .max), memory: [2: bytes])
        #expect(found.saying.count == TrapText.maximumText)
        #expect((found.saying + found.words).allSatisfy { $0 >= 32 && $0 < 127 })
        #expect(
            String(decoding: found.saying, as: UTF8.self).hasPrefix("a?[2J??log restarted????mmm"))
        #expect(words(found) == "fatal error at a?[2J??log restarted????mmmmmmmm:65535")
    }

    /// Whatever the registers hold, each line fits a terminal (104 bytes) with the longest name in
    /// use, and the reply's places.
    @Test func linesFitTheLog() {
        let name = Name("a-name-as-long-as-a-name-can-be.")
        let text = String(repeating: "x", count: 300)
        let causes: [FaultCause] = [
            cause(.noFloatingPoint, address: .max), cause(.pageWrite, address: 0x1fff_dff8),
            cause(.pageExecute, address: .max),
            cause(.breakpoint, syndrome: brk(.heapExhausted), registers: registers(x0: .max)),
            cause(
                .breakpoint, syndrome: brk(.fatalError),
                registers: registers(text, .max, 1, .max, .max), memory: [1: text]),
        ]
        for cause in causes {
            #expect(cause.words.count <= FaultCause.maximumWords)
            var report = FaultLines(name, faulted: cause.words, saying: cause.saying)
            report.add(programCounter: .max, linkRegister: .max)
            report.add(stackPointer: .max, framePointer: .max, syndrome: 0xffff_ffff)
            report.add(stack: 0x40_1234, [UInt64](repeating: 0x40_1234, count: 16))
            for line in report.lines { #expect(line.count <= FaultLines.maximumLength) }
            // Each address is whole.
            let stack = String(decoding: report.lines.last ?? [], as: UTF8.self).split(
                separator: " ")
            #expect(Set(stack.dropFirst()) == ["0x401234"])
        }
    }
}
