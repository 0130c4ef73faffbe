// Reading and writing little-endian fields: every read is checked against the end of the bytes.

/// Collects bytes; used by the host when it encodes.
struct ByteWriter {
    var bytes: [UInt8] = []
    mutating func byte(_ value: UInt8) { bytes.append(value) }
    mutating func word32(_ value: UInt32) {
        for shift in 0..<4 { bytes.append(UInt8(truncatingIfNeeded: value >> UInt32(shift * 8))) }
    }
    mutating func name(_ name: Name) {
        for index in 0..<Name.capacity { bytes.append(name[index]) }
    }
    /// At most 255 values of at most 255 bytes, each with its length.
    mutating func values(_ values: [Compatible]) {
        byte(UInt8(truncatingIfNeeded: values.count))
        for value in values {
            byte(UInt8(truncatingIfNeeded: value.bytes.count))
            for item in value.bytes { byte(item) }
        }
    }
}

/// A position in bytes; the bytes come with each call, because a span cannot be kept.
struct ByteReader {
    private(set) var offset = 0

    mutating func byte(_ bytes: Span<UInt8>) throws(ManifestError) -> UInt8 {
        guard offset < bytes.count else { throw .truncated }
        let value = bytes[offset]
        offset += 1
        return value
    }

    mutating func word32(_ bytes: Span<UInt8>) throws(ManifestError) -> UInt32 {
        var value: UInt32 = 0
        for shift in 0..<4 { value |= UInt32(try byte(bytes)) << UInt32(shift * 8) }
        return value
    }

    /// A name field: padding must be zero to the end.
    mutating func name(_ bytes: Span<UInt8>, _ task: Int) throws(ManifestError) -> Name {
        var name = Name.empty
        var ended = false
        for _ in 0..<Name.capacity {
            let value = try byte(bytes)
            if value == 0 {
                ended = true
            } else if ended {
                throw .badName(task: task)
            } else {
                name.append(value)
            }
        }
        return name
    }

    /// What `ByteWriter.values` wrote.
    mutating func values(_ bytes: Span<UInt8>) throws(ManifestError) -> [Compatible] {
        var values: [Compatible] = []
        for _ in 0..<(try byte(bytes)) {
            var value = Compatible(bytes: [])
            for _ in 0..<(try byte(bytes)) { value.bytes.append(try byte(bytes)) }
            values.append(value)
        }
        return values
    }
}
