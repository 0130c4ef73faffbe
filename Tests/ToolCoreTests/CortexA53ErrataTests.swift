// The sequences of the Cortex-A53's errata 835769 and 843419, assembled by hand: each rule with
// what it takes and what it leaves.

import XCTest

@testable import ToolCore

final class CortexA53ErrataTests: XCTestCase {
    private let nop: UInt32 = 0xd503_201f
    /// ldr x1, [x2]
    private let load: UInt32 = 0xf940_0041
    /// str x1, [x2]
    private let store: UInt32 = 0xf900_0041
    /// madd x4, x5, x6, x7
    private let multiplyAdd: UInt32 = 0x9b06_1ca4
    /// adrp x8, 0
    private let pageAddress: UInt32 = 0x9000_0008
    /// ldr x1, [x8, #8]
    private let loadFromPage: UInt32 = 0xf940_0501

    private func sites(_ words: [UInt32], at base: UInt64 = 0x1000) -> [ErratumSite] {
        CodeImage(base: base, words: words, symbols: [(start: base, name: "entry")]).errataSites()
    }
    private func isFound(_ words: UInt32..., at base: UInt64 = 0x40_0ff8) -> Bool {
        !sites(words, at: base).isEmpty
    }

    func testASiteNamesErratumAddressAndFunction() {
        let code = CodeImage(
            base: 0x1000, words: [load, nop, store, multiplyAdd],
            symbols: [(0x1000, "first"), (0x1008, "second")])
        XCTAssertEqual(
            code.errataSites(),
            [ErratumSite(erratum: .multiplyAccumulate, address: 0x1008, function: "second")])
        XCTAssertEqual(
            code.errataSites().first?.description,
            "erratum 835769 of the Cortex-A53 at 0x1008, in second")
        XCTAssertEqual(
            sites([pageAddress, store, loadFromPage], at: 0xff8),
            [ErratumSite(erratum: .pageEnd, address: 0xff8, function: "entry")])
        XCTAssertEqual(
            sites([store, multiplyAdd, load, multiplyAdd]).map(\.address), [0x1000, 0x1008])
    }

    // MARK: 835769

    func testAnyAccessBeforeAMultiplyAddIsFound() {
        // ldr, str, ldrb [x2, x3], ldp, stp, ldxr, stxr, ldar, prfm, ldr from a literal, ld1, st1,
        // ldr q, str q
        let accesses: [UInt32] = [
            load, store, 0x3863_6841, 0xa940_0c41, 0xa900_0c41, 0xc85f_7c41, 0xc801_7c43,
            0xc8df_fc41, 0xf980_0040,
            0x5800_0081, 0x4c40_7040, 0x4c00_7040, 0x3dc0_0040, 0x3d80_0040,
        ]
        for access in accesses {
            XCTAssertTrue(isFound(access, multiplyAdd), String(access, radix: 16))
            XCTAssertFalse(isFound(access, nop, multiplyAdd), String(access, radix: 16))
        }
    }
    func testOtherInstructionsBeforeAMultiplyAddAreLeft() {
        // add, mrs, adrp, b, bl, cbz, ret, madd
        for word in [
            0x8b03_0041, 0xd53b_d041, pageAddress, 0x1400_0002, 0x9400_0002, 0xb400_0041,
            0xd65f_03c0, multiplyAdd,
        ] as [UInt32] {
            XCTAssertFalse(isFound(word, multiplyAdd), String(word, radix: 16))
        }
    }
    func testOnly64BitSumsAreFound() {
        // madd, msub, smaddl, smsubl, umaddl, umsubl
        for word in [multiplyAdd, 0x9b06_9ca4, 0x9b26_1ca4, 0x9b26_9ca4, 0x9ba6_1ca4, 0x9ba6_9ca4] {
            XCTAssertTrue(isFound(load, word), String(word, radix: 16))
        }
        // madd of w registers, mul, umull, smulh, umulh, udiv
        let words: [UInt32] = [
            0x1b06_1ca4, 0x9b06_7ca4, 0x9ba6_7ca4, 0x9b46_7ca4, 0x9bc6_7ca4, 0x9ac6_08a4,
        ]
        for word in words {
            XCTAssertFalse(isFound(load, word), String(word, radix: 16))
        }
    }
    func testTheEndOfTheCodeEndsASequence() {
        XCTAssertFalse(isFound(load))
        XCTAssertFalse(isFound(pageAddress, store))
        XCTAssertFalse(isFound(pageAddress, store, nop))
    }

    // MARK: 843419

    func testOnlyTheLastTwoWordsOfAPageCount() {
        for (offset, isSite) in [
            (0xff0, false), (0xff4, false), (0xff8, true), (0xffc, true), (0x1000, false),
        ] {
            XCTAssertEqual(
                isFound(pageAddress, store, loadFromPage, at: 0x40_0000 + UInt64(offset)), isSite,
                "\(offset)")
        }
    }
    func testOnlyAPageAddressBegins() {
        // adr x8, #8; adrp x9, 0
        XCTAssertFalse(isFound(0x1000_0048, store, loadFromPage))
        XCTAssertFalse(isFound(0x9000_0009, store, loadFromPage))
    }
    func testAccessesThatLeaveTheBaseAreFound() {
        // str, ldr, ldr x1 from [x8, #8] itself, stp, stp [x8, #16], stnp, ldxr, ldr x1 from a
        // literal, st1, st1 [x8], ldr q, str x8; what a load calls 8 without meaning x8: ldr q8,
        // prfm number 8.
        let accesses: [UInt32] = [
            store, load, loadFromPage, 0xa900_0c41, 0xa901_0d01, 0xa800_0c41, 0xc85f_7c41,
            0x5800_0081, 0x4c00_7040,
            0x4c00_7100, 0x3dc0_0040, 0xf900_0048, 0x3dc0_0048, 0xf980_0048,
        ]
        for access in accesses {
            XCTAssertTrue(isFound(pageAddress, access, loadFromPage), String(access, radix: 16))
        }
    }
    func testOtherSecondInstructionsAreLeft() {
        // nop, add, madd; ldp, ldnp; ldr x8, ldrsw x8, ldr x8 from a literal, ldxr x8
        // ldr [x8], #8; str [x8], #8; str [x8, #8]!; stp [x8], #16; stp [x8, #16]!; st1 [x8], #16
        let words: [UInt32] = [
            nop, 0x8b03_0041, multiplyAdd, 0xa940_0c41, 0xa840_0c41, 0xf940_0048, 0xb980_0048,
            0x5800_0088, 0xc85f_7c48,
            0xf840_8501, 0xf800_8501, 0xf800_8d01, 0xa881_0d01, 0xa981_0d01, 0x4c9f_7100,
        ]
        for word in words {
            XCTAssertFalse(isFound(pageAddress, word, loadFromPage), String(word, radix: 16))
            XCTAssertFalse(isFound(pageAddress, word, nop, loadFromPage), String(word, radix: 16))
        }
    }
    func testOnlyOffsetsFromTheBaseEnd() {
        // strb w1, [x8, #8]; ldr q1, [x8, #16]
        for word in [loadFromPage, 0x3900_2101, 0x3dc0_0501] {
            XCTAssertTrue(isFound(pageAddress, store, word), String(word, radix: 16))
        }
        // ldr x1, [x9, #8]; ldur x1, [x8, #-8]; ldr x1, [x8, x9]; ldr x1, [x8], #8; stp [x8, #16];
        // add x8, x8, #1
        let words: [UInt32] = [
            0xf940_0521, 0xf85f_8101, 0xf869_6901, 0xf840_8501, 0xa901_0d01, 0x9100_0508,
        ]
        for word in words {
            XCTAssertFalse(isFound(pageAddress, store, word), String(word, radix: 16))
        }
    }
    func testOneInstructionMayStandBetween() {
        // nop, add x1, x2, x3, and another access
        for word in [nop, 0x8b03_0041, load] {
            XCTAssertTrue(isFound(pageAddress, store, word, loadFromPage), String(word, radix: 16))
            XCTAssertFalse(
                isFound(pageAddress, store, word, nop, loadFromPage), String(word, radix: 16))
        }
        // b, bl, cbz, ret
        for word in [0x1400_0002, 0x9400_0002, 0xb400_0041, 0xd65f_03c0] as [UInt32] {
            XCTAssertFalse(isFound(pageAddress, store, word, loadFromPage), String(word, radix: 16))
        }
    }
}
