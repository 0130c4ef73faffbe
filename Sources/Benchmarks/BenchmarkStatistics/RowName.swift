// A row's name: put together without a heap, compared byte by byte.

/// Up to 63 bytes of text; what does not fit is cut off.
public struct RowName: Equatable, Sendable {
    private var bytes = InlineArray<63, UInt8>(repeating: 0)
    public private(set) var count = 0

    public init(_ prefix: StaticString, _ number: Int? = nil, _ suffix: StaticString = "") {
        append(prefix)
        if let number { append(number) }
        append(suffix)
    }

    public subscript(index: Int) -> UInt8 { bytes[index] }

    private mutating func append(_ byte: UInt8) {
        if count < 63 {
            bytes[count] = byte
            count += 1
        }
    }
    public mutating func append(_ text: StaticString) {
        for index in 0..<text.utf8CodeUnitCount { append(unsafe text.utf8Start[index]) }
    }
    public mutating func append(_ number: Int) {
        if number >= 10 { append(number / 10) }
        append(UInt8(48 + number % 10))
    }

    /// The name of the same row under load.
    public var underLoad: RowName { behind(RowName.loadPrefix) }
    /// The name of the same row while the kernel records a trace.
    public var traced: RowName { behind("traced.") }
    /// The name of the same row where so many cores run, fewer than ten.
    public func on(cores: Int) -> RowName { behind(RowName.coresPrefix, cores, ".") }
    private func behind(
        _ prefix: StaticString, _ number: Int? = nil, _ rest: StaticString = ""
    ) -> RowName {
        var name = RowName(prefix, number, rest)
        for index in 0..<count { name.append(bytes[index]) }
        return name
    }
    private static var loadPrefix: StaticString { "load." }
    private static var coresPrefix: StaticString { "cores-" }
    /// Whether several cores run.
    var isOfSeveralCores: Bool { begins(with: RowName.coresPrefix, at: 0) }

    /// Whether the row is what `pattern` names, or begins with what stands before its `*`; `load.`
    /// and `cores-N.` before the name are looked through.
    public func matches(_ pattern: StaticString) -> Bool {
        var start = isOfSeveralCores ? RowName.coresPrefix.utf8CodeUnitCount + 2 : 0
        if begins(with: RowName.loadPrefix, at: start) {
            start += RowName.loadPrefix.utf8CodeUnitCount
        }
        let length = pattern.utf8CodeUnitCount
        if length > 0, unsafe pattern.utf8Start[length - 1] == UInt8(ascii: "*") {
            return begins(with: pattern, at: start, length: length - 1)
        }
        return count - start == length && begins(with: pattern, at: start)
    }
    private func begins(with text: StaticString, at start: Int, length: Int? = nil) -> Bool {
        let length = length ?? text.utf8CodeUnitCount
        if count - start < length { return false }
        // Safety: `index` stays below the text's length.
        for index in 0..<length where unsafe bytes[start + index] != text.utf8Start[index] {
            return false
        }
        return true
    }

    public static func == (a: RowName, b: RowName) -> Bool {
        if a.count != b.count { return false }
        for index in 0..<a.count where a.bytes[index] != b.bytes[index] { return false }
        return true
    }
}
