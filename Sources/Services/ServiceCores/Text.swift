// Text as bytes: building it without string interpolation, comparing it, reading numbers from it.
// On the target a `String` costs tens of kilobytes; bytes cost what they weigh.

/// Bytes under construction.
public struct Text: Equatable, Sendable {
    public private(set) var bytes: [UInt8] = []
    public init() {}
    public init(_ text: StaticString) { add(text) }

    public mutating func add(_ text: StaticString) {
        text.withUTF8Buffer { buffer in
            // Safety: the index stays below the buffer's count.
            for index in 0..<buffer.count { unsafe bytes.append(buffer[index]) }
        }
    }
    public mutating func add(_ more: [UInt8]) { bytes.append(contentsOf: more) }
    public mutating func add(byte: UInt8) { bytes.append(byte) }
    public mutating func add(_ name: Name) {
        for index in 0..<name.count { bytes.append(name[index]) }
    }
    /// A carriage return and a line feed, as terminals want them.
    public mutating func newLine() {
        bytes.append(13)
        bytes.append(10)
    }
    public mutating func clear() { bytes.removeAll(keepingCapacity: true) }

    /// A decimal number, padded on the left to `width`.
    public mutating func decimal(_ value: UInt64, width: Int = 0, pad: UInt8 = 32) {
        var digits = 1
        var power: UInt64 = 1
        while value / power >= 10 {
            power *= 10
            digits += 1
        }
        var blanks = width - digits
        while blanks > 0 {
            bytes.append(pad)
            blanks -= 1
        }
        while power > 0 {
            bytes.append(UInt8(truncatingIfNeeded: 48 + value / power % 10))
            power /= 10
        }
    }

    /// `0x` and a hexadecimal number of at least `digits` digits.
    public mutating func hexadecimal(_ value: UInt64, digits: Int = 1) {
        add("0x")
        var count = 1
        while count < 16 && value >> UInt64(count * 4) != 0 { count += 1 }
        count = max(count, min(digits, 16))
        while count > 0 {
            count -= 1
            let nibble = UInt8(truncatingIfNeeded: value >> UInt64(count * 4)) & 15
            bytes.append(nibble < 10 ? 48 + nibble : 87 + nibble)
        }
    }

    /// Two hexadecimal digits.
    public mutating func hexadecimalByte(_ value: UInt8) {
        for nibble in [value >> 4, value & 15] {
            bytes.append(nibble < 10 ? 48 + nibble : 87 + nibble)
        }
    }

    /// A number of bytes as `12 KiB` or `64 MiB`, rounded down.
    public mutating func size(_ value: UInt64) {
        if value >= 1 << 24 {
            decimal(value >> 20)
            add(" MiB")
        } else if value >= 1 << 13 {
            decimal(value >> 10)
            add(" KiB")
        } else {
            decimal(value)
            add(" B")
        }
    }

    /// What a line of the log begins with: when it came, and the name of the task that sent it.
    public mutating func logHead(microseconds: UInt64, _ name: Name) {
        add("[")
        seconds(microseconds: microseconds)
        add(" ")
        add(name)
        add("] ")
    }

    /// Takes the bracket from all in a line's text that looks like a line's head: on a terminal
    /// that is narrower than the line a row may start anywhere in it.
    ///
    /// - Complexity: O(bytes).
    public static func clearLogHeads(_ text: inout MutableSpan<UInt8>) {
        var bracket: Int?
        var hasDigit = false
        for index in 0..<text.count {
            switch text[index] {
            case UInt8(ascii: "["): (bracket, hasDigit) = (index, false)
            case UInt8(ascii: " ") where !hasDigit: break
            case UInt8(ascii: "0")...UInt8(ascii: "9"): hasDigit = true
            case UInt8(ascii: "."):
                if let bracket, hasDigit { text[bracket] = UInt8(ascii: "(") }
                bracket = nil
            default: bracket = nil
            }
        }
    }

    /// Microseconds as seconds with three digits behind the point.
    public mutating func seconds(microseconds: UInt64) {
        decimal(microseconds / 1_000_000)
        add(".")
        decimal(microseconds / 1000 % 1000, width: 3, pad: 48)
    }

    /// Microseconds as milliseconds, with the digits behind the point that they need.
    public mutating func milliseconds(microseconds: UInt64) {
        decimal(microseconds / 1000)
        var rest = microseconds % 1000
        if rest == 0 { return }
        var digits = 3
        while rest % 10 == 0 {
            rest /= 10
            digits -= 1
        }
        add(".")
        decimal(rest, width: digits, pad: 48)
    }
}

extension [UInt8] {
    /// Whether these bytes are exactly the text.
    public func matches(_ text: StaticString) -> Bool {
        text.withUTF8Buffer { buffer in
            if buffer.count != count { return false }
            // Safety: the index stays below the buffer's count.
            for index in 0..<count where unsafe buffer[index] != self[index] { return false }
            return true
        }
    }

    /// An unsigned number: decimal, or hexadecimal behind `0x`. Nil for anything else, and
    /// beyond 64 bits.
    public var number: UInt64? {
        let isHexadecimal = count > 2 && self[0] == 48 && (self[1] == 120 || self[1] == 88)
        let radix: UInt64 = isHexadecimal ? 16 : 10
        var value: UInt64 = 0
        var index = isHexadecimal ? 2 : 0
        if index == count { return nil }
        while index < count {
            let digit = UInt64(self[index].digit)
            let product = value.multipliedReportingOverflow(by: radix)
            let sum = product.partialValue.addingReportingOverflow(digit)
            if digit >= radix || product.overflow || sum.overflow { return nil }
            value = sum.partialValue
            index += 1
        }
        return value
    }
}

extension UInt8 {
    /// The value of a digit, 255 for other bytes.
    var digit: UInt8 {
        switch self {
        case 48...57: return self - 48
        case 97...102: return self - 87
        case 65...70: return self - 55
        default: return 255
        }
    }
}
