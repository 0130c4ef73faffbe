// The kernel's own words on its command line, /chosen/bootargs. The shell and the tests read the
// others; the syntax is that of `BootArguments`.

extension DeviceTree {
    /// The value of `cores=` on the command line.
    public enum CoreLimit: Equatable, Sendable {
        case absent
        /// 1 to `CoreList.capacity`.
        case limit(Int)
        /// No such number.
        case wrong
    }

    /// Returns the last value of `cores=`; `absent` as well if a quote is not closed.
    ///
    /// - Complexity: O(bytes).
    public var coreLimit: CoreLimit {
        guard let text = unsafe node("/chosen")?.property("bootargs")?.string else {
            return .absent
        }
        var result = CoreLimit.absent
        var word = NumberWord()
        var inQuote = false
        for index in 0..<text.count {
            let byte = unsafe text[index]
            if byte == UInt8(ascii: "\"") {
                inQuote = !inQuote
            } else if !inQuote && (byte == 32 || byte == 9 || byte == 10) {
                result = word.result ?? result
                word = NumberWord()
            } else {
                word.add(byte, isQuoted: inQuote)
            }
        }
        return inQuote ? .absent : word.result ?? result
    }
}

/// One word of the command line, byte by byte.
private struct NumberWord {
    private static var key: StaticString { "cores=" }
    private var length = 0
    private var isKey = true
    private var isNumber = true
    private var value = 0

    init() {}

    mutating func add(_ byte: UInt8, isQuoted: Bool) {
        let place = length
        length += 1
        if place < Self.key.utf8CodeUnitCount {
            // Safety: the index is within the constant.
            let isSame = unsafe byte == Self.key.utf8Start[place]
            if !isSame || isQuoted && byte == UInt8(ascii: "=") { isKey = false }
        } else if byte >= 48 && byte <= 57 && value < 1000 {
            value = value * 10 + Int(byte - 48)
        } else {
            isNumber = false
        }
    }

    /// nil for another word.
    var result: DeviceTree.CoreLimit? {
        if !isKey || length < Self.key.utf8CodeUnitCount { return nil }
        return isNumber && value >= 1 && value <= CoreList.capacity ? .limit(value) : .wrong
    }
}
