// Arguments and results of typed services, and their encoding in messages.

import KernelABI

/// A value that messages carry. It always takes the same number of words, in all tasks.
///
/// `take` checks each word: the receiver gets a value of the type, or refuses the message.
public protocol MessageValue {
    /// The number of words. Mark it `@_transparent`: then the compiler adds the words of a message
    /// up, and rejects a method whose arguments or result do not fit.
    static var words: UInt { get }
    /// Identifies the type in the interface's hash. It changes with the type's encoding.
    static var shape: UInt64 { get }
    func put(into message: inout MessageWriter)
    /// Returns nil if the words are no value of this type.
    static func take(from message: inout MessageReader) -> Self?
}

/// Appends words to a message.
public struct MessageWriter {
    var message: RegisterMessage
    private var count = 0

    @inline(__always) init(_ first: UInt64) {
        message = RegisterMessage()
        put(first)
    }
    @inline(__always) public mutating func put(_ word: UInt64) {
        message.setWord(count, word)
        count += 1
    }
    @inline(__always) public mutating func put<Value: MessageValue>(_ value: Value) {
        value.put(into: &self)
    }
}

/// Takes a message's words in order.
public struct MessageReader {
    let message: Received
    private var next = 1

    @inline(__always) public init(_ message: Received) { self.message = message }

    /// Word 0: the method of a request, the outcome of an answer.
    @inline(__always) public var first: UInt64 { message[0] }
    /// Whether the message ends after the words that were taken.
    @inline(__always) public var isAtEnd: Bool { next == message.length }

    /// Returns the next word, or nil at the message's end.
    @inline(__always) public mutating func takeWord() -> UInt64? {
        if next >= message.length { return nil }
        next += 1
        return message[next - 1]
    }
    @inline(__always) public mutating func take<Value: MessageValue>(
        _ type: Value.Type
    ) -> Value? {
        Value.take(from: &self)
    }
}

extension MessageValue where Self: FixedWidthInteger & UnsignedInteger {
    @_transparent public static var words: UInt { 1 }
    public static var shape: UInt64 { UInt64(bitWidth) }
    @inline(__always) public func put(into message: inout MessageWriter) {
        message.put(UInt64(truncatingIfNeeded: self))
    }
    @inline(__always) public static func take(from message: inout MessageReader) -> Self? {
        message.takeWord().flatMap { Self(exactly: $0) }
    }
}
extension UInt8: MessageValue {}
extension UInt16: MessageValue {}
extension UInt32: MessageValue {}
extension UInt64: MessageValue {}

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

/// A service's own errors. Raw values start at 1, since 0 is success.
public protocol ServiceError: Error, Equatable, RawRepresentable where RawValue == UInt16 {
    /// For people.
    var text: StaticString { get }
}
extension ServiceError {
    /// The set of raw values up to 63 that are cases.
    public static var shape: UInt64 {
        var bits: UInt64 = 0
        for value in 0..<64 as Range<UInt16> where Self(rawValue: value) != nil {
            bits |= 1 << UInt64(value)
        }
        return bits
    }
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
    case none = 0xffff
    public var text: StaticString { "" }
}

/// The hash of an interface. Two tasks with the same hash understand each other's messages.
public struct InterfaceHash: Equatable, Sendable {
    public private(set) var raw: UInt64 = 0xcbf2_9ce4_8422_2325

    /// - Parameter version: the service's author increments it if the meaning of a method changes
    ///   and its types do not.
    public init(_ name: StaticString, version: UInt64) {
        add(name)
        add(version)
    }
    /// A method.
    public mutating func add(_ number: UInt64, _ name: StaticString, _ kind: StaticString) {
        add(number)
        add(name)
        add(kind)
    }
    /// A parameter, a result or an error.
    public mutating func add(_ shape: UInt64, _ name: StaticString = "") {
        for index in 0..<8 as Range<UInt64> { mix(UInt8(truncatingIfNeeded: shape >> (8 * index))) }
        add(name)
    }
    private mutating func add(_ text: StaticString) {
        // Safety: a static string is there for good, and says how long it is.
        text.withUTF8Buffer { bytes in
            for index in 0..<bytes.count { unsafe mix(bytes[index]) }
        }
        mix(0)
    }
    /// FNV-1a.
    private mutating func mix(_ byte: UInt8) { raw = (raw ^ UInt64(byte)) &* 0x100_0000_01b3 }
}
