// The switch between a source and its mutations: which one is active, the environment says once,
// when the tests start.

import Foundation
import KernelABI

public enum Mutation {
    static let active = ProcessInfo.processInfo.environment["MUTATION"].flatMap { Int($0) } ?? 0

    public static func isActive(_ number: Int) -> Bool { number == active }

    public static func negated(_ number: Int, _ condition: Bool) -> Bool {
        isActive(number) != condition
    }
    public static func neighbour<Value: FixedWidthInteger>(_ number: Int, _ value: Value) -> Value {
        isActive(number) ? value &+ 1 : value
    }

    // Comparisons

    public static func less<Value: Comparable>(_ number: Int, _ a: Value, _ b: Value) -> Bool {
        isActive(number) ? a <= b : a < b
    }
    public static func lessOrEqual<Value: Comparable>(
        _ number: Int, _ a: Value, _ b: Value
    ) -> Bool {
        isActive(number) ? a < b : a <= b
    }
    public static func greater<Value: Comparable>(_ number: Int, _ a: Value, _ b: Value) -> Bool {
        isActive(number) ? a >= b : a > b
    }
    public static func greaterOrEqual<Value: Comparable>(
        _ number: Int, _ a: Value, _ b: Value
    ) -> Bool {
        isActive(number) ? a > b : a >= b
    }
    public static func equal<Value: Equatable>(_ number: Int, _ a: Value, _ b: Value) -> Bool {
        isActive(number) != (a == b)
    }
    public static func notEqual<Value: Equatable>(_ number: Int, _ a: Value, _ b: Value) -> Bool {
        isActive(number) != (a != b)
    }

    // Operands of `|` and `&`: left out, the operation changes nothing.

    public static func none<Value: FixedWidthInteger>(_ number: Int, _ value: Value) -> Value {
        isActive(number) ? 0 : value
    }
    public static func none(_ number: Int, _ value: Rights) -> Rights {
        isActive(number) ? .none : value
    }
    public static func all<Value: FixedWidthInteger>(_ number: Int, _ value: Value) -> Value {
        isActive(number) ? ~0 : value
    }
    public static func all(_ number: Int, _ value: Rights) -> Rights {
        isActive(number) ? .all : value
    }
}
