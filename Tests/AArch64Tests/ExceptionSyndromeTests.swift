// ESR_EL1 in words: every exception class, every fault status, loads and stores.

import KernelABI
import Testing

@testable import AArch64

@Suite struct ExceptionSyndromeTests {
    func syndrome(_ exceptionClass: UInt64, _ rest: UInt64 = 0) -> ExceptionSyndrome {
        ExceptionSyndrome(raw: exceptionClass << 26 | rest)
    }
    static let isWrite: UInt64 = 1 << 6
    static let hasNoAddress: UInt64 = 1 << 10

    @Test func theClassIsBits26To31() {
        #expect(ExceptionSyndrome(raw: ~0).exceptionClass == 0x3f)
        #expect(ExceptionSyndrome(raw: 1 << 26).exceptionClass == 1)
        #expect(ExceptionSyndrome(raw: 1 << 25 | 1 << 32).exceptionClass == 0)
    }

    @Test func floatingPointHasOneClass() {
        for number in 0..<UInt64(64) {
            #expect(syndrome(number).isFloatingPointTrap == (number == 0x07))
        }
    }

    @Test func anAddressComesWithAbortsThatHaveOne() {
        let aborts: Set<UInt64> = [0x20, 0x21, 0x24, 0x25]
        let always: Set<UInt64> = [0x22, 0x34, 0x35]
        for number in 0..<UInt64(64) {
            let hasAddress = aborts.contains(number) || always.contains(number)
            #expect(
                syndrome(number, ~Self.hasNoAddress & 0x3ff_ffff).hasAddress == hasAddress,
                "class \(number)")
            #expect(
                syndrome(number, Self.hasNoAddress).hasAddress == always.contains(number),
                "class \(number)")
        }
    }

    @Test func eachClassHasItsFault() {
        for number in 0..<UInt64(64) {
            let expected: FaultKind
            switch number {
            case 0x20: expected = .pageExecute
            case 0x24: expected = .pageRead
            case 0x22, 0x26: expected = .alignment
            case 0x00, 0x01, 0x0d, 0x0e, 0x18, 0x19: expected = .illegalInstruction
            case 0x30, 0x32, 0x34, 0x3c: expected = .breakpoint
            default: expected = .other
            }
            #expect(syndrome(number, 0x07).faultKind == expected, "class \(number)")
        }
    }

    @Test func theStatusTellsPagesFromOtherAborts() {
        for status in 0..<UInt64(64) {
            let isPage = status < 0x10
            #expect(syndrome(0x20, status).faultKind == (isPage ? .pageExecute : .other))
            let data: FaultKind = status == 0x21 ? .alignment : isPage ? .pageRead : .other
            let store: FaultKind = status == 0x21 ? .alignment : isPage ? .pageWrite : .other
            #expect(syndrome(0x24, status).faultKind == data, "status \(status)")
            #expect(syndrome(0x24, status | Self.isWrite).faultKind == store, "status \(status)")
            #expect(
                "\(syndrome(0x21, status).name)"
                    == (isPage ? "instruction page fault" : "instruction abort"))
        }
    }

    @Test func eachClassHasItsName() {
        let names: [UInt64: String] = [
            0x00: "unknown instruction", 0x07: "floating point is disabled",
            0x0e: "illegal execution state",
            0x15: "system call", 0x18: "system register access", 0x20: "instruction page fault",
            0x21: "instruction page fault", 0x22: "misaligned program counter",
            0x24: "read from an unmapped page",
            0x25: "read from an unmapped page", 0x26: "misaligned stack pointer",
            0x2f: "system error",
            0x30: "debug exception", 0x31: "debug exception", 0x32: "debug exception",
            0x33: "debug exception",
            0x34: "debug exception", 0x35: "debug exception", 0x3c: "trap instruction",
        ]
        for number in 0..<UInt64(64) {
            #expect(
                "\(syndrome(number, 0x07).name)" == names[number] ?? "exception", "class \(number)")
        }
    }

    @Test func dataAbortsTellWhatWasTried() {
        for status in 0..<UInt64(64) {
            let (load, store): (String, String)
            switch status {
            case 0x21: (load, store) = ("misaligned access", "misaligned access")
            case 0x10: (load, store) = ("external abort", "external abort")
            case 0x00..<0x0c:
                (load, store) = ("read from an unmapped page", "write to an unmapped page")
            case 0x0c..<0x10:
                (load, store) = ("read without permission", "write without permission")
            default: (load, store) = ("data abort", "data abort")
            }
            #expect("\(syndrome(0x25, status).name)" == load, "status \(status)")
            #expect("\(syndrome(0x25, status | Self.isWrite).name)" == store, "status \(status)")
        }
    }

    @Test func aMissingPageIsATranslationFaultOfUserCode() {
        for (syndrome, expected) in [
            (0x24 << 26 | 0x04, true), (0x24 << 26 | 0x07, true), (0x20 << 26 | 0x06, true),
            (0x24 << 26 | 0x03, false), (0x24 << 26 | 0x08, false), (0x24 << 26 | 0x0f, false),
            (0x24 << 26 | 0x14, false), (0x24 << 26 | 0x407, false), (0x25 << 26 | 0x07, false),
            (0x15 << 26 | 0x07, false),
        ] as [(UInt64, Bool)] {
            #expect(ExceptionSyndrome(raw: syndrome).isMissingPage == expected, "\(syndrome)")
        }
    }
}
