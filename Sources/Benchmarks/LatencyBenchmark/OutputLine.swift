// Text on its way to the kernel's console: gathered, so that a line is few system calls.

import UserRuntime

/// Up to 512 bytes; more is flushed by whoever prints.
struct OutputLine {
    private var bytes = InlineArray<512, UInt8>(repeating: 0)
    private var count = 0

    mutating func append(_ byte: UInt8) {
        if count < 512 {
            bytes[count] = byte
            count += 1
        }
    }
    mutating func append(_ text: StaticString) {
        for index in 0..<text.utf8CodeUnitCount { append(unsafe text.utf8Start[index]) }
    }
    /// Decimal, with leading zeros up to `digits`.
    mutating func append(_ value: UInt64, digits: Int = 1) {
        var divisor: UInt64 = 1
        var width = 1
        while value / divisor >= 10 {
            divisor *= 10
            width += 1
        }
        while width < digits {
            append(UInt8(ascii: "0"))
            width += 1
        }
        while divisor > 0 {
            append(UInt8(48 + value / divisor % 10))
            divisor /= 10
        }
    }
    mutating func flush(_ console: SystemControl) {
        unsafe withUnsafeBytes(of: &bytes) { unsafe console.write(UnsafeRawBufferPointer(rebasing: $0[0..<count])) }
        count = 0
    }
}
