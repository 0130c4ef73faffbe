// Bounds of tiny hand-made kernels: what is counted, what is told apart, and what is refused.

import XCTest

@testable import ToolCore

final class LongestPathsTests: XCTestCase {
    static let base: UInt64 = 0x1000
    let nop: UInt32 = 0xd503_201f
    let ret: UInt32 = 0xd65f_03c0
    let eret: UInt32 = 0xd69f_03e0
    let trap: UInt32 = 0xd420_0020
    let look: UInt32 = 0xd538_c108  // mrs x8, isr_el1
    let jumpByRegister: UInt32 = 0xd61f_0140  // br x10
    let callByRegister: UInt32 = 0xd63f_0020  // blr x1
    let stepBack: UInt32 = 0xb5ff_ffe8  // cbnz x8, .-4

    /// Memory of constants: bytes at an address, and nothing else.
    private struct Table: ConstantMemory {
        var start: UInt64 = 0
        var bytes: [UInt8] = []
        func read(_ address: UInt64, _ count: Int) -> UInt64? {
            guard address >= start, address + UInt64(count) <= start + UInt64(bytes.count) else {
                return nil
            }
            return bytes.number(Int(address - start), count)
        }
        func end(of base: UInt64) -> UInt64 { start + UInt64(bytes.count) }
    }
    /// Functions of sixteen instructions each; `lines` names the source line of a word.
    private func paths(
        _ functions: [(String, [UInt32])], table: Table = Table(), lines: [Int: Int] = [:],
        source: String = "", sections: LongestPaths.Sections = .masked
    ) throws -> LongestPaths {
        var words: [UInt32] = []
        var names: [(start: UInt64, name: String)] = []
        for (name, code) in functions {
            names.append((address(words.count), name))
            words += code + [UInt32](repeating: trap, count: 16 - code.count)
        }
        let image = CodeImage(base: LongestPathsTests.base, words: words, symbols: names)
        let frames = lines.map { word, line in
            (address(word), [SourceFrame(function: "f", file: "Some.swift", line: line)])
        }
        return LongestPaths(
            try KernelCode(image, constants: table),
            lines: SourceLines(Dictionary(uniqueKeysWithValues: frames)),
            sources: SourceLoops([("Some.swift", source)]), sections: sections)
    }
    private func address(_ word: Int) -> UInt64 { LongestPathsTests.base + 4 * UInt64(word) }
    private func branch(_ from: Int, _ to: Int, link: Bool = true) -> UInt32 {
        (link ? 0x9400_0000 : 0x1400_0000) | UInt32(bitPattern: Int32(to - from)) & 0x3ff_ffff
    }
    private func longest(_ paths: LongestPaths, _ state: AbstractState = AbstractState()) -> Int? {
        paths.lengths(from: LongestPathsTests.base, state).longest?.length
    }

    func testCallsAreCountedAndBranchesFollowed() throws {
        let paths = try paths([
            ("entry", [nop, branch(1, 16), branch(2, 32, link: false)]),
            ("callee", [nop, nop, ret]),
            ("exit", [nop, eret]),
        ])
        XCTAssertEqual(longest(paths), 3 + 3 + 2)
        XCTAssertEqual(paths.problems, [])
    }
    func testALookInACalleeCutsTheCallersPath() throws {
        let paths = try paths([
            ("entry", [nop, branch(1, 16), nop, nop, nop, nop, eret]),
            ("callee", [nop, look, nop, ret]),
        ])
        let lengths = paths.lengths(from: LongestPathsTests.base, AbstractState())
        XCTAssertEqual(lengths.head?.length, 2 + 2)
        XCTAssertEqual(lengths.inner?.length, 2 + 5, "from the look to the exit")
        XCTAssertNil(lengths.through)
    }
    func testRecursionIsRefused() throws {
        let paths = try paths([
            ("entry", [branch(0, 16), eret]), ("a", [branch(16, 32), ret]),
            ("b", [branch(32, 16), ret]),
        ])
        _ = longest(paths)
        XCTAssertEqual(paths.problems, ["recursion: a → b → a"])
    }
    func testACallThroughAPointerIsRefused() throws {
        let paths = try paths([("entry", [nop, callByRegister, eret])])
        _ = longest(paths)
        XCTAssertEqual(paths.problems, ["entry: 0x1004: a call through a pointer"])
    }
    func testAJumpWithoutAListIsRefused() throws {
        let paths = try paths([("entry", [nop, jumpByRegister])])
        _ = longest(paths)
        XCTAssertEqual(paths.problems, ["entry: 0x1004: a jump without a list of its targets"])
    }
    func testALoopWithoutABoundIsRefusedByNameAndLine() throws {
        let source = "func f() {\n    while true {\n        work()\n    }\n}\n"
        let paths = try paths(
            [("entry", [nop, nop, stepBack, eret])], lines: [1: 3, 2: 2], source: source)
        _ = longest(paths)
        XCTAssertEqual(
            paths.problems, ["entry at Some.swift:3: the loop at Some.swift:2 has no bound"])
    }
    func testALoopOfNoSourceIsRefused() throws {
        let paths = try paths([("entry", [nop, nop, stepBack, eret])])
        _ = longest(paths)
        XCTAssertEqual(paths.problems, ["entry at 0x1004: a loop that no source loop explains"])
    }
    func testALoopCountsWhatItsSourceSays() throws {
        let source = """
            enum Limits {
                static var most: Int { 10 }
            }
            func f() {
                var rounds = LoopBound(Limits.most / 2)
                while true {
                    rounds.count()
                }
            }
            """
        let paths = try paths(
            [("entry", [nop, nop, stepBack, eret])], lines: [1: 7, 2: 6], source: source)
        XCTAssertEqual(longest(paths), 1 + 5 * 2 + 2 + 1)
        XCTAssertEqual(paths.problems, [])
    }
    func testTheHandOverOfTheLockCountsFromTheReleaseToTheGrant() throws {
        let release: UInt32 = 0xc80f_fd8e  // stlxr w15, x14, [x12]
        let grant: UInt32 = 0xc89f_fd8b  // stlr x11, [x12]
        let paths = try paths(
            [("swiftlet_shared_release", [nop, nop, release, nop, nop, nop, grant, nop, eret])],
            sections: .passing)
        XCTAssertEqual(paths.handOver(), 4)
        XCTAssertEqual(longest(paths), 4, "nothing before and behind it counts")
    }
    func testACommentBoundsALoopOfAssembly() throws {
        let paths = try paths(
            [("entry", [nop, nop, stepBack, eret])], lines: [1: 1, 2: 2],
            source: "1:  nop\n    cbnz x8, 1b  // bound: 3\n")
        XCTAssertEqual(longest(paths), 1 + 3 * 2 + 2 + 1)
    }

    /// `switch x0 { case 0…2 }` through a table of bytes: cases of 1, 2 and 3 instructions.
    private func switching() throws -> LongestPaths {
        let code: [UInt32] = [
            0x7100_081f,  // cmp w0, #2
            0x5400_01a8,  // b.hi to word 14
            0x2a00_03e8,  // mov w8, w0
            0xd284_0009,  // mov x9, #0x2000
            0x1000_008a,  // adr x10, word 8
            0x3868_692b,  // ldrb w11, [x9, x8]
            0x8b0b_094a,  // add x10, x10, x11, lsl #2
            jumpByRegister,
            eret, nop, eret, nop, nop, eret, eret,
        ]
        return try paths([("entry", code)], table: Table(start: 0x2000, bytes: [0, 1, 3]))
    }
    func testAJumpTableLeadsToItsCases() throws {
        let paths = try switching()
        XCTAssertEqual(longest(paths), 8 + 3)
        XCTAssertEqual(paths.problems, [])
    }
    func testAKnownArgumentTakesItsCaseOnly() throws {
        for (argument, length) in [(0, 8 + 1), (1, 8 + 2), (2, 8 + 3), (7, 2 + 1)]
            as [(UInt64, Int)]
        {
            var state = AbstractState()
            state[0] = .constant(argument)
            XCTAssertEqual(longest(try switching(), state), length, "argument \(argument)")
        }
    }
    func testWhatACalleeReturnsIsKnown() throws {
        // The callee returns 5; the caller compares with 5 and would otherwise run a long way.
        let code: [UInt32] = [
            branch(0, 16), 0x7100_141f /* cmp w0, #5 */, 0x5400_00e0 /* b.eq word 9 */, nop, nop,
            nop, nop, nop, eret,
            eret,
        ]
        let paths = try paths([("entry", code), ("callee", [0x5280_00a0 /* mov w0, #5 */, ret])])
        XCTAssertEqual(longest(paths), 1 + 2 + 2 + 1)
    }
    func testWhatWasStoredOnTheStackIsKnown() throws {
        let code: [UInt32] = [
            0x5280_00a0 /* mov w0, #5 */, 0xf81f_0fe0 /* str x0, [sp, #-16]! */,
            0xd280_0000 /* mov x0, #0 */,
            0xf940_03e1 /* ldr x1, [sp] */, 0x7100_143f /* cmp w1, #5 */,
            0x5400_0080 /* b.eq word 9 */, nop, nop, eret,
            eret,
        ]
        XCTAssertEqual(longest(try paths([("entry", code)])), 7)
    }
    func testAPanicIsNoPath() throws {
        let paths = try paths([
            ("entry", [0xb400_0060 /* cbz x0, word 3 */, nop, eret, nop, nop, nop, nop, trap])
        ])
        XCTAssertEqual(longest(paths), 3)
    }
}
