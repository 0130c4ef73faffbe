// Checks of the compiler get the number of their cause.

import Foundation
import KernelABI
import XCTest

@testable import ToolCore

final class TrapMarksTests: XCTestCase {
    func testTheRuntimesOwnCodesAreThoseOfTheABI() throws {
        let root = URL(fileURLWithPath: #filePath)
            .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        let header = root.appendingPathComponent("Sources/User/CUserEntry/include/TrapCodes.h")
        let text = try String(contentsOf: header, encoding: .utf8)
        for (name, code) in [
            ("RETURNED", TrapCode.returned), ("FATAL_ERROR", .fatalError),
            ("HEAP_EXHAUSTED", .heapExhausted),
            ("NO_ENDPOINT", .noEndpoint), ("STACK_SMASHED", .stackSmashed),
            ("HEAP_MISUSED", .heapMisused), ("HEAP_ABANDONED", .heapAbandoned),
            ("ONCE_RECURSIVE", .onceRecursive), ("ONCE_ABANDONED", .onceAbandoned),
            ("LOCK_REFUSED", .lockRefused),
        ] {
            let line = "#define SWIFTLET_TRAP_\(name) 0x\(String(code.rawValue, radix: 16))\n"
            XCTAssertTrue(text.contains(line), line)
        }
        XCTAssertEqual(text.components(separatedBy: "#define SWIFTLET_TRAP_").count, 12)
    }

    func testFunctionsOfTheDebugInformationAreCauses() {
        for (text, code) in [
            ("arithmetic overflow", TrapCode.overflow),
            ("loop induction variable overflowed", .overflow),
            ("Index out of range", .indexOutOfRange), ("index out of bounds", .indexOutOfRange),
            ("Negative Array index is out of range", .indexOutOfRange),
            ("Unexpectedly found nil while unwrapping an Optional value", .nilUnwrapped),
            ("Division by zero in remainder operation", .divisionByZero),
            ("Range requires lowerBound <= upperBound", .emptyRange),
            ("fatal error", .failedPrecondition),
            ("Not enough bits to represent the passed value", .doesNotFit),
            ("Negative value is not representable", .doesNotFit),
            ("Stride size must not be zero", .failedCheck),
        ] { XCTAssertEqual(TrapCode(function: "Swift runtime failure: " + text), code) }
        XCTAssertNil(TrapCode(function: "arithmetic overflow"))
        XCTAssertNil(TrapCode(function: "$s5Shell4mainyyF"))
    }

    /// Only the traps of executable segments change, and of them those whose cause is known.
    func testOnlyKnownChecksAreMarked() throws {
        let check: UInt32 = 0xd420_0020
        let code: [UInt32] = [check, 0xd503_201f, check, 0xd420_0000 | 0xdead << 5, check]
        let file = try ElfFile(bytes: elf(code: code, data: [check]))
        XCTAssertEqual(file.checks, [0x40_0000, 0x40_0008, 0x40_0010])
        func frame(_ function: String) -> SourceFrame {
            SourceFrame(function: function, file: "a.swift", line: 1)
        }
        let lines = SourceLines([
            0x40_0000: [frame("Swift runtime failure: arithmetic overflow"), frame("main")],
            0x40_0008: [frame("main")],
            0x40_0010: [frame("Swift runtime failure: Index out of range")],
        ])
        let marked = try ElfFile(bytes: file.marked(lines))
        XCTAssertEqual(marked.checks, [0x40_0008])
        let words = (0..<6).map { UInt32(marked.bytes.number(176 + 4 * $0, 4)) }
        XCTAssertEqual(
            words,
            [0xd420_0000 | 0x5310 << 5, code[1], check, code[3], 0xd420_0000 | 0x5312 << 5, check])
        XCTAssertEqual(Array(marked.bytes[..<176]), Array(file.bytes[..<176]))
    }

    /// A file of two segments: code at 0x400000, and data behind it.
    private func elf(code: [UInt32], data: [UInt32]) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 176)
        func put(_ value: UInt64, _ offset: Int, _ width: Int) {
            for index in 0..<width {
                bytes[offset + index] = UInt8(truncatingIfNeeded: value >> UInt64(8 * index))
            }
        }
        bytes.replaceSubrange(0..<7, with: [0x7f, 0x45, 0x4c, 0x46, 2, 1, 1])
        put(2, 16, 2)
        put(183, 18, 2)
        put(0x40_0000, 24, 8)
        put(64, 32, 8)
        put(56, 54, 2)
        put(2, 56, 2)
        var offset = 176
        for (index, part) in [(flags: 5, words: code), (flags: 6, words: data)].enumerated() {
            let at = 64 + 56 * index
            let size = UInt64(4 * part.words.count)
            put(1, at, 4)
            put(UInt64(part.flags), at + 4, 4)
            put(UInt64(offset), at + 8, 8)
            put(0x40_0000 + UInt64(0x1000 * index), at + 16, 8)
            put(0x40_0000 + UInt64(0x1000 * index), at + 24, 8)
            put(size, at + 32, 8)
            put(size, at + 40, 8)
            offset += Int(size)
        }
        for word in code + data {
            for byte in 0..<4 { bytes.append(UInt8(truncatingIfNeeded: word >> UInt32(8 * byte))) }
        }
        return bytes
    }
}
