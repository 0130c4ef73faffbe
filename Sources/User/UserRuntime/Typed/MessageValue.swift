// Arguments and results of typed services, and their encoding in messages.

import KernelABI
import Protocols

/// A value that messages carry. It is encoded alike in all tasks.
///
/// `take` checks each word: the receiver gets a value of the type, or refuses the message. The
/// macro `@Message` generates the conformance of a structure or an enumeration. A type that
/// conforms by hand also has `@_transparent static var words: UInt`, the number of its words: the
/// compiler adds up the words of a message, and rejects a method whose arguments or result do not
/// fit.
public protocol MessageValue {
    /// Identifies the type in the interface's hash. It changes with the type's encoding.
    static var shape: UInt64 { get }
    func put(into message: inout MessageWriter)
    /// Returns nil if the words are no value of this type.
    static func take(from message: inout MessageReader) -> Self?
}

/// Appends words to a message. Words from 8 on go straight into the thread's IPC buffer, so that
/// the message is sent before the thread makes another call.
public struct MessageWriter {
    /// The words that travel in registers.
    private(set) var registers = RegisterMessage()
    /// Words of the message, at most 128: the compiler adds them up.
    private(set) var count = 0

    @inline(__always) init(_ first: UInt64) { put(first) }
    @inline(__always) public mutating func put(_ word: UInt64) {
        if count < 8 { registers.setWord(count, word) } else { IPCBufferAccess()[count] = word }
        count += 1
    }
    @inline(__always) public mutating func put<Value: MessageValue>(_ value: Value) {
        value.put(into: &self)
    }
}

/// Takes a message's words in order. Words from 8 on are in the thread's IPC buffer until the
/// thread's next call.
public struct MessageReader {
    let message: Received
    private var next = 1
    /// Whether a resource was named that the sender may not use.
    private(set) var isForbidden = false

    @inline(__always) public init(_ message: Received) { self.message = message }

    /// Word 0: the method of a request, the outcome of an answer.
    @inline(__always) public var first: UInt64 { message[0] }
    /// Whether the message ends after the words that were taken.
    @inline(__always) public var isAtEnd: Bool { next == message.length }

    /// Returns the next word, or nil at the message's end.
    @inline(__always) public mutating func takeWord() -> UInt64? {
        if next >= message.length { return nil }
        next += 1
        return next <= 8 ? message[next - 1] : IPCBufferAccess()[next - 1]
    }
    @inline(__always) public mutating func take<Value: MessageValue>(
        _ type: Value.Type
    ) -> Value? {
        Value.take(from: &self)
    }
    /// Whether the sender may name a resource (`Resource`), 0 to 63, with this method.
    @inline(__always) mutating func permits(_ number: UInt64) -> Bool {
        if ResourceRules.permit(number, with: first, of: message.client) { return true }
        isForbidden = true
        return false
    }
}

extension MessageValue where Self: FixedWidthInteger {
    @_transparent public static var words: UInt { 1 }
    public static var shape: UInt64 { UInt64(bitWidth) | (isSigned ? 1 << 8 : 0) }
    @inline(__always) public func put(into message: inout MessageWriter) {
        message.put(UInt64(truncatingIfNeeded: self))
    }
    @inline(__always) public static func take(from message: inout MessageReader) -> Self? {
        guard let word = message.takeWord() else { return nil }
        let value = Self(truncatingIfNeeded: word)
        return UInt64(truncatingIfNeeded: value) == word ? value : nil
    }
}
extension UInt8: MessageValue {}
extension UInt16: MessageValue {}
extension UInt32: MessageValue {}
extension UInt64: MessageValue {}
extension Int8: MessageValue {}
extension Int16: MessageValue {}
extension Int32: MessageValue {}
extension Int64: MessageValue {}

extension Bool: MessageValue {
    @_transparent public static var words: UInt { 1 }
    public static var shape: UInt64 { 1 }
    @inline(__always) public func put(into message: inout MessageWriter) {
        message.put(self ? 1 : 0)
    }
    @inline(__always) public static func take(from message: inout MessageReader) -> Bool? {
        guard let word = message.takeWord(), word < 2 else { return nil }
        return word == 1
    }
}

/// A set of bits. A message with a bit that is not in `all` is refused.
public protocol MessageBits: MessageValue, Equatable {
    var raw: UInt64 { get }
    init(raw: UInt64)
    static var all: Self { get }
}
extension MessageBits {
    @_transparent public static var words: UInt { 1 }
    public static var shape: UInt64 { InterfaceHash("bits", version: all.raw).raw }
    @inline(__always) public func put(into message: inout MessageWriter) { message.put(raw) }
    @inline(__always) public static func take(from message: inout MessageReader) -> Self? {
        guard let word = message.takeWord(), word & ~all.raw == 0 else { return nil }
        return Self(raw: word)
    }
    public func contains(_ other: Self) -> Bool { raw & other.raw == other.raw }
    public static func | (a: Self, b: Self) -> Self { Self(raw: a.raw | b.raw) }
}

extension MessageValue where Self: RawRepresentable, RawValue: MessageValue {
    @_transparent public static var words: UInt { 1 }
    @inline(__always) public func put(into message: inout MessageWriter) {
        message.put(rawValue)
    }
    @inline(__always) public static func take(from message: inout MessageReader) -> Self? {
        message.take(RawValue.self).flatMap { Self(rawValue: $0) }
    }
}

/// A service's own errors: an enumeration with `@Message`, which adds `shape`.
public protocol ServiceError: Error, Equatable, MessageValue, RawRepresentable
where RawValue == UInt16 {
    /// For people.
    var text: StaticString { get }
}

/// The result of a method that has none.
public struct Nothing: MessageValue, Sendable {
    public init() {}
    @_transparent public static var words: UInt { 0 }
    public static var shape: UInt64 { 0 }
    @inline(__always) public func put(into message: inout MessageWriter) {}
    @inline(__always) public static func take(from message: inout MessageReader) -> Nothing? {
        Nothing()
    }
}
/// The error of a method that throws none.
public enum NoError: UInt16, ServiceError {
    case none
    public static var shape: UInt64 { 0 }
    public var text: StaticString { "" }
}

/// The level of a line of the log.
extension LogLevel: MessageValue {
    public static var shape: UInt64 { InterfaceHash("LogLevel", version: 0).raw }
}
