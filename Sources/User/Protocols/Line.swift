// A line of text in a buffer of fixed size, for the log and for a task's last words. It is written
// as a string with interpolations, and needs neither a heap nor `String`.

/// A line of at most `capacity` bytes; the rest is cut off.
///
///     log("pin \(pin): \(hex: levels)")
public struct Line: Sendable, ExpressibleByStringInterpolation {
    public static var capacity: Int { 232 }
    private var bytes = InlineArray<232, UInt8>(repeating: 0)
    public private(set) var count = 0

    public init() {}
    public init(stringLiteral text: StaticString) { add(text) }
    public init(stringInterpolation: LineInterpolation) { self = stringInterpolation.line }

    /// Byte `index`; 0 behind the end.
    public subscript(index: Int) -> UInt8 { index >= 0 && index < count ? bytes[index] : 0 }

    public mutating func add(byte: UInt8) {
        if count == Line.capacity { return }
        bytes[count] = byte
        count += 1
    }
    public mutating func add(_ text: StaticString) {
        let start = unsafe text.utf8Start
        // Safety: the index stays below the text's count.
        for index in 0..<text.utf8CodeUnitCount { add(byte: unsafe start[index]) }
    }
    public mutating func add(_ more: Span<UInt8>) {
        for index in 0..<more.count { add(byte: more[index]) }
    }
    public mutating func decimal(_ value: UInt64) {
        var power: UInt64 = 1
        while value / power >= 10 { power *= 10 }
        while power > 0 {
            add(byte: UInt8(truncatingIfNeeded: 48 + value / power % 10))
            power /= 10
        }
    }
    /// `0x` and the digits that it needs.
    public mutating func hexadecimal(_ value: UInt64) {
        add("0x")
        var digits = max(1, (67 - value.leadingZeroBitCount) / 4)
        while digits > 0 {
            digits -= 1
            let digit = UInt8(truncatingIfNeeded: value >> UInt64(4 * digits)) & 15
            add(byte: digit < 10 ? 48 + digit : 87 + digit)
        }
    }

    /// Calls `body` with the bytes.
    public func with<Result>(_ body: (Span<UInt8>) -> Result) -> Result {
        body(bytes.span.extracting(0..<count))
    }
}

/// What may stand between the parts of a line's text.
public struct LineInterpolation: StringInterpolationProtocol {
    public var line = Line()

    public init(literalCapacity: Int, interpolationCount: Int) {}
    public mutating func appendLiteral(_ text: StaticString) { line.add(text) }
    public mutating func appendInterpolation(_ text: StaticString) { line.add(text) }
    public mutating func appendInterpolation(_ other: Line) { other.with { line.add($0) } }
    public mutating func appendInterpolation(_ bytes: Span<UInt8>) { line.add(bytes) }
    public mutating func appendInterpolation(_ value: some FixedWidthInteger) {
        if value < 0 { line.add("-") }
        line.decimal(UInt64(truncatingIfNeeded: value.magnitude))
    }
    public mutating func appendInterpolation(hex value: some FixedWidthInteger) {
        line.hexadecimal(UInt64(truncatingIfNeeded: value))
    }
}

/// How much a line of the log matters. A task sends those up to its level, which the manifest sets.
public enum LogLevel: UInt8, Sendable {
    /// Something does not work.
    case error = 0
    /// Something is wrong, and the rest goes on.
    case warning = 1
    case notice = 2
    case debug = 3

    public var name: StaticString {
        switch self {
        case .error: "error"
        case .warning: "warning"
        case .notice: "notice"
        case .debug: "debug"
        }
    }
}
