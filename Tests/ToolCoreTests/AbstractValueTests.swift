// Sets of values: an operation on sets holds what the operation on their members gives.

import XCTest

@testable import ToolCore

final class AbstractValueTests: XCTestCase {
    private func contains(_ value: AbstractValue, _ member: UInt64) -> Bool {
        switch value {
        case .unknown: true
        case .constants(let list): list.contains(member)
        case .bits(let known, let bits): member & known == bits
        case .place: false
        }
    }
    /// A set and a member of it, of all shapes.
    private func sample(_ random: inout some RandomNumberGenerator) -> (AbstractValue, UInt64) {
        let member =
            UInt64.random(in: 0...UInt64.max, using: &random)
            >> UInt64.random(in: 0...63, using: &random)
        switch Int.random(in: 0..<4, using: &random) {
        case 0: return (.constant(member), member)
        case 1:
            let others = (0..<5).map { _ in UInt64.random(in: 0...300, using: &random) }
            return (AbstractValue.oneOf(others + [member]) ?? .unknown, member)
        case 2:
            let known =
                UInt64.random(in: 0...UInt64.max, using: &random)
                | UInt64.random(in: 0...UInt64.max, using: &random)
            return (.fromBits(known, member), member)
        default: return (.fromBits(~0 << 16, member), member)
        }
    }

    func testEveryOperationHoldsTheExactResult() {
        var random = SystemRandomNumberGenerator()
        for _ in 0..<20_000 {
            let (left, a) = sample(&random)
            let (right, b) = sample(&random)
            let shift = Int.random(in: 0...63, using: &random)
            let width = Int.random(in: 1...64, using: &random)
            let mask: UInt64 = width == 64 ? ~0 : 1 << UInt64(width) - 1
            let signed = UInt64(
                bitPattern: Int64(bitPattern: a << UInt64(64 - width)) >> Int64(64 - width))
            let results: [(String, AbstractValue, UInt64)] = [
                ("and", left.and(right), a & b), ("or", left.or(right), a | b),
                ("exclusive or", left.exclusiveOr(right), a ^ b), ("not", left.inverted, ~a),
                ("sum", left.adding(right), a &+ b),
                ("difference", left.subtracting(right), a &- b),
                ("left", left.shiftedLeft(shift), a << UInt64(shift)),
                ("right", left.shiftedRight(shift), a >> UInt64(shift)),
                ("low", left.low(width), a & mask),
                ("sign", left.signExtended(width), signed), ("join", left.joined(right), a),
                ("join", left.joined(right), b),
            ]
            for (name, set, member) in results where !contains(set, member) {
                XCTFail("\(name) of \(left) and \(right), \(shift), \(width) lacks \(member)")
                return
            }
            XCTAssertLessThanOrEqual(left.smallest, a)
            XCTAssertGreaterThanOrEqual(left.largest, a)
        }
    }
    func testFieldsOfAControlWordAreExact() {
        let word = AbstractValue.fromBits(0x7f << 40, 10 << 40)
        XCTAssertEqual(word.shiftedRight(40).low(7), .constant(10))
        XCTAssertEqual(word.shiftedRight(32).smallest, 10 << 8)
        XCTAssertEqual(AbstractValue.fromBits(~7, 8).candidates(), [8, 9, 10, 11, 12, 13, 14, 15])
    }
    func testComparisonsDecideAndNarrow() {
        func comparison(_ left: AbstractValue, _ right: UInt64) -> Comparison {
            Comparison(
                kind: .subtract, left: left, right: .constant(right), is64: true, register: nil)
        }
        XCTAssertFalse(comparison(.constants([1, 2]), 5).isPossible(.hs))
        XCTAssertTrue(comparison(.constants([1, 7]), 5).isPossible(.hs))
        XCTAssertEqual(comparison(.constants([1, 7]), 5).left(where: .hs), .constant(7))
        XCTAssertEqual(comparison(.unknown, 3).left(where: .lo), .constants([0, 1, 2]))
        XCTAssertFalse(comparison(.fromBits(1 << 63, 1 << 63), 5).isPossible(.lo))
        XCTAssertTrue(comparison(.constant(UInt64.max), 5).isPossible(.lt), "-1 is less than 5")
        let test = Comparison(
            kind: .and, left: .fromBits(4, 4), right: .constant(4), is64: true, register: nil)
        XCTAssertFalse(test.isPossible(.eq))
        XCTAssertTrue(test.isPossible(.ne))
    }
}
