// What `lint-elf` follows and refuses, on hand-made code: each way a trap path may go wrong is
// found, and a right one passes.

import XCTest

@testable import ToolCore

final class TrapPathsTests: XCTestCase {
    static let base: UInt64 = 0x1000
    let nop: UInt32 = 0xd503_201f
    let ret: UInt32 = 0xd65f_03c0

    /// Functions of four instructions each, in the order given; the first is boot's.
    private func image(_ functions: [(String, [UInt32])]) -> CodeImage {
        var words: [UInt32] = []
        var names: [(start: UInt64, name: String)] = []
        for (name, code) in functions {
            names.append((TrapPathsTests.base + 4 * UInt64(words.count), name))
            words += code + [UInt32](repeating: ret, count: 4 - code.count)
        }
        return CodeImage(base: TrapPathsTests.base, words: words, symbols: names)
    }
    /// `bl` (or `b`) at word `from` to function `to`.
    private func branch(_ from: Int, _ to: Int, link: Bool = true) -> UInt32 {
        (link ? 0x9400_0000 : 0x1400_0000) | UInt32(bitPattern: Int32(4 * to - from)) & 0x3ff_ffff
    }
    private func follow(_ functions: [(String, [UInt32])]) -> TrapPaths {
        var paths = TrapPaths(image([("boot", [nop])] + functions))
        paths.follow(entries: [TrapPathsTests.base + 16], runStart: TrapPathsTests.base + 16)
        return paths
    }

    func testSoundCodePasses() {
        let paths = follow([
            ("entry", [branch(4, 2), branch(5, 3, link: false)]), ("a", [nop]), ("b", [nop]),
        ])
        XCTAssertEqual(paths.problems, [])
        XCTAssertEqual(paths.functionCount, 3)
    }
    func testCodeThatNobodyReachesIsLeftAlone() {
        XCTAssertEqual(follow([("entry", []), ("malloc", [0xd61f_0020])]).problems, [])
    }
    func testBootCodeIsRefused() {
        XCTAssertEqual(
            follow([("entry", [branch(4, 0)])]).problems, ["a trap path reaches boot's boot"])
        // Not taken at once: behind a condition, in a called function (cbz x0, boot).
        let condition = 0xb400_0000 | (UInt32(bitPattern: Int32(0 - 8)) & 0x7ffff) << 5
        let deep = follow([("entry", [branch(4, 2)]), ("a", [condition])])
        XCTAssertEqual(deep.problems, ["a trap path reaches boot's boot"])
    }
    func testWhatBootGaveBackIsNotReferredTo() {
        let refused = ["entry refers to what boot gave back"]
        XCTAssertEqual(follow([("entry", [0x10ff_ff80])]).problems, refused, "adr x0, . - 16")
        XCTAssertEqual(
            follow([("entry", [0x9000_0000])]).problems, refused,
            "adrp x0 of this page, where boot's code begins")
        XCTAssertEqual(follow([("entry", [0x1000_0000])]).problems, [], "adr x0, .")
        XCTAssertEqual(follow([("entry", [0xb000_0000])]).problems, [], "adrp x0 of the next page")
    }
    func testExitsAreEnteredByABranch() {
        let exit = ("swiftlet_exit", [nop])
        XCTAssertEqual(follow([("entry", [branch(4, 2, link: false)]), exit]).problems, [])
        XCTAssertEqual(
            follow([("entry", [branch(4, 2)]), exit]).problems,
            ["entry calls swiftlet_exit, which does not return: the stack would grow"])
    }
    func testHeapAndOnceAreRefused() {
        XCTAssertEqual(
            follow([("entry", [branch(4, 2)]), ("swift_once", [])]).problems,
            ["a trap path reaches swift_once"])
        XCTAssertEqual(
            follow([("entry", [branch(4, 2)]), ("$e6Kernel5table_WZ", [])]).problems,
            ["a trap path reaches $e6Kernel5table_WZ"])
    }
    func testPointersAreRefusedButTablesFollowed() {
        XCTAssertEqual(
            follow([("entry", [0xd63f_0100])]).problems, ["entry calls through a pointer"])
        XCTAssertEqual(
            follow([("entry", [0xd61f_0100])]).problems, ["entry jumps through a pointer"])
        // add x11, x11, x12, lsl #2; br x11: the place behind it may be meant.
        let table = follow([("entry", [0x8b0c_096b, 0xd61f_0160, branch(6, 2)]), ("malloc", [])])
        XCTAssertEqual(table.problems, ["a trap path reaches malloc"])
        // ldrsw x12, [x25, x9, lsl #2]; add x10, x10, x12; br x10
        let words = follow([
            ("entry", [0xb8a9_7b2c, 0x8b0c_014a, 0xd61f_0140, branch(7, 2)]), ("malloc", []),
        ])
        XCTAssertEqual(words.problems, ["a trap path reaches malloc"])
        // Without the load it may lead anywhere.
        XCTAssertEqual(
            follow([("entry", [0x8b0c_014a, 0xd61f_0140])]).problems,
            ["entry jumps through a pointer"])
        // The same with another register.
        XCTAssertEqual(
            follow([("entry", [0x8b0c_096b, 0xd61f_0140])]).problems,
            ["entry jumps through a pointer"])
    }
    func testFloatingPointIsRefused() {
        // fmov d0, x0; ldr q0, [x0]; stp d8, d9, [sp]
        for word in [0x9e67_0000, 0x3dc0_0000, 0x6d00_27e8] as [UInt32] {
            XCTAssertEqual(
                follow([("entry", [word])]).problems, ["entry uses floating-point registers"])
        }
        XCTAssertEqual(follow([("swiftlet_switch_floating_point", [0x3dc0_0000])]).problems, [])
        XCTAssertEqual(
            follow([("swiftlet_switch_floating_point_registers", [0x3dc0_0000])]).problems, [])
    }
    func testLargeCopiesAreRefused() {
        // mov w2, #size; bl
        func copy(_ size: UInt32, _ name: String = "memcpy") -> TrapPaths {
            follow([("entry", [0x5280_0002 | size << 5, nop, branch(6, 2)]), (name, [])])
        }
        XCTAssertEqual(copy(64).problems, [])
        XCTAssertEqual(copy(280).problems, [])
        XCTAssertEqual(copy(400).problems, ["entry calls memcpy over 400 bytes"])
        for name in ["memcpy", "memset", "memmove"] {
            XCTAssertEqual(copy(17920, name).problems, ["entry calls \(name) over 17920 bytes"])
        }
    }
    func testCopiesOfUnknownSizeAreRefused() {
        let problem = ["entry calls memcpy with a size that is not a constant"]
        // mov x2, x3 and ldr x2, [x0], each behind a constant.
        for word in [0xaa03_03e2, 0xf940_0002] as [UInt32] {
            let paths = follow([("entry", [0x5280_0802, word, branch(6, 2)]), ("memcpy", [])])
            XCTAssertEqual(paths.problems, problem)
        }
        XCTAssertEqual(follow([("entry", [branch(4, 2)]), ("memcpy", [])]).problems, problem)
        XCTAssertEqual(follow([("copyLoan", [branch(4, 2)]), ("memcpy", [])]).problems, [])
    }
    func testAnAddressMayHaveSeveralNames() {
        let code = CodeImage(
            base: 0x1000, words: [nop, ret], symbols: [(0x1000, "memcpy"), (0x1000, "memcpy_up")])
        XCTAssertEqual(code.address(of: "memcpy"), 0x1000)
        XCTAssertEqual(code.name(0x1004), "memcpy_up")
        XCTAssertNil(code.address(of: "memset"))
    }
    func testLeavingTheCodeIsRefused() {
        let paths = follow([("entry", [nop, nop, nop, nop])])
        XCTAssertEqual(paths.problems, ["a path leaves the code at 0x1020"])
    }
}
