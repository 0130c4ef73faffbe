// A device tree as text, in the form of its source language, made piece by piece: whoever reads it
// keeps a place, and each piece goes on from there. So no text is ever held as a whole, a tree may
// be of any size, and a piece costs what its length says.
//
// Values are written by what they look like: strings when all bytes can be printed, cells when they
// fill the length, else bytes.

/// A place in the text of one tree: where the next piece begins.
public struct TreeTextPlace: Equatable, Sendable {
    /// The next tag of the structure block.
    var offset = 0
    var depth = 0
    /// The value whose property's head was written: where it lies, and the next of its bytes.
    var value: Value?
    /// Whether the text is complete.
    public internal(set) var isAtEnd = false

    struct Value: Equatable, Sendable {
        var start: Int
        var count: Int
        var next = 0
        var isText: Bool
    }

    public init() {}

    /// Bytes of a line's indentation, its name and what belongs to it.
    public static var longestHead: Int { 2 * DeviceNode.maximumDepth + 64 + 24 }
}

extension DeviceTree {
    /// A node that a walk of this tree found at `offset`, without what is above it: for its name
    /// and its properties.
    /// - Complexity: O(1).
    public func node(found offset: Int32) -> DeviceNode { DeviceNode(tree: self, offset: offset) }

    /// Sends the text from `place` on, until `bytes` are passed or the tree ends, and moves the
    /// place behind it.
    ///
    /// - Parameter bytes: counts what is sent, and 16 for each tag, so that what is left out costs
    ///   something as well. The last line's head is sent whole: at most
    ///   `TreeTextPlace.longestHead` more.
    /// - Complexity: O(bytes).
    public func sendText(from place: inout TreeTextPlace, bytes: Int, _ send: (UInt8) -> Void) {
        var out = TextSink()
        while out.work < bytes && !place.isAtEnd {
            if place.value != nil {
                sendValue(&place, &out, bytes, send)
                continue
            }
            out.work += 16
            guard let tag = tag(at: place.offset) else {
                place.isAtEnd = true
                return
            }
            switch tag {
            case .node(let next):
                out.indent(place.depth, send)
                if place.depth == 0 {
                    out.add(UInt8(ascii: "/"), send)
                } else {
                    unsafe out.add(name(at: Int32(truncatingIfNeeded: place.offset)), send)
                }
                out.line(" {", send)
                place.depth += 1
                place.offset = next
            case .end(let next):
                place.depth -= 1
                out.indent(place.depth, send)
                out.line("};", send)
                place.offset = next
            case .property(let name, let start, let count, let next):
                let name = unsafe string(name)
                if unsafe !TextSink.isShown(name) {
                    place.offset = next
                    continue
                }
                // To look at a value costs something as well: a long one begins a piece.
                let isLooked = count > 0 && count <= TextSink.longestValue
                if isLooked && out.work > 16 && out.work + count / 4 > bytes { return }
                place.offset = next
                out.indent(place.depth, send)
                unsafe out.add(name, send)
                if count == 0 {
                    out.line(";", send)
                } else if count > TextSink.longestValue {
                    out.line(" = (too long to show);", send)
                } else {
                    out.add(" = ", send)
                    let isText = isText(start, count)
                    out.work += count / 4  // a quarter of what a byte of text costs
                    out.add(isText ? UInt8(ascii: "\"") : UInt8(ascii: "<"), send)
                    place.value = TreeTextPlace.Value(start: start, count: count, isText: isText)
                }
            case .nothing(let next): place.offset = next
            }
        }
    }

    /// Sends the value under work, as far as `bytes` go.
    private func sendValue(
        _ place: inout TreeTextPlace, _ out: inout TextSink, _ bytes: Int, _ send: (UInt8) -> Void
    ) {
        guard var value = place.value else { return }
        let end = value.isText ? value.count - 1 : value.count
        while value.next < end {
            if out.work >= bytes {
                place.value = value
                return
            }
            if value.isText {
                let byte = byte(value.start + value.next)
                if byte == 0 { out.add("\", \"", send) } else { out.add(byte, send) }
                value.next += 1
                continue
            }
            if value.next > 0 { out.add(UInt8(ascii: " "), send) }
            var number: UInt32 = 0
            let size = value.count % 4 == 0 ? 4 : 1
            for index in 0..<size {
                number = number << 8 | UInt32(byte(value.start + value.next + index))
            }
            out.add("0x", send)
            out.hexadecimal(number, send)
            value.next += size
        }
        out.line(value.isText ? "\";" : ">;", send)
        place.value = nil
    }

    /// Strings that can be printed: none of them empty at the start, the last one ended.
    private func isText(_ start: Int, _ count: Int) -> Bool {
        if count < 2 || byte(start) == 0 || byte(start + count - 1) != 0 { return false }
        for index in 0..<count {
            let byte = byte(start + index)
            if byte != 0 && (byte < 32 || byte > 126) { return false }
        }
        return true
    }
}

/// Counts what is sent.
private struct TextSink {
    var work = 0
    /// Bytes of a value that is shown: whether it is text, is looked up at once.
    static var longestValue: Int { 4096 }

    mutating func add(_ byte: UInt8, _ send: (UInt8) -> Void) {
        send(byte)
        work += 1
    }
    mutating func add(_ text: StaticString, _ send: (UInt8) -> Void) {
        // Safety: the index stays below the literal's length.
        for index in 0..<text.utf8CodeUnitCount { add(unsafe text.utf8Start[index], send) }
    }
    /// A name of the tree: at most 64 bytes of it, which may be of any length.
    mutating func add(_ name: UnsafeRawBufferPointer, _ send: (UInt8) -> Void) {
        for index in 0..<min(name.count, 64) { add(unsafe name[index], send) }
    }
    mutating func line(_ text: StaticString, _ send: (UInt8) -> Void) {
        add(text, send)
        add("\r\n", send)
    }
    mutating func indent(_ depth: Int, _ send: (UInt8) -> Void) {
        for _ in 0..<min(max(depth, 0), DeviceNode.maximumDepth) { add("  ", send) }
    }
    mutating func hexadecimal(_ value: UInt32, _ send: (UInt8) -> Void) {
        var digits = 1
        while digits < 8 && value >> UInt32(digits * 4) != 0 { digits += 1 }
        while digits > 0 {
            digits -= 1
            let digit = UInt8(truncatingIfNeeded: value >> UInt32(digits * 4)) & 15
            add(digit < 10 ? 48 + digit : 87 + digit, send)
        }
    }

    /// The properties that say what a device is and where.
    static func isShown(_ name: UnsafeRawBufferPointer) -> Bool {
        unsafe name.spells("compatible") || name.spells("model") || name.spells("status")
            || name.spells("device_type") || name.spells("reg") || name.spells("ranges")
            || name.spells("interrupts") || name.spells("interrupts-extended")
            || name.spells("interrupt-names") || name.spells("interrupt-parent")
            || name.spells("interrupt-map") || name.spells("interrupt-map-mask")
            || name.spells("interrupt-controller") || name.spells("clock-frequency")
            || name.spells("gpios") || name.spells("gpio-map") || name.spells("linux,code")
            || name.spells("method") || name.spells("enable-method") || name.spells("bootargs")
            || name.spells("stdout-path")
    }
}

extension UnsafeRawBufferPointer {
    fileprivate func spells(_ text: StaticString) -> Bool {
        if count != text.utf8CodeUnitCount { return false }
        // Safety: the index stays below both lengths.
        for index in 0..<count where unsafe self[index] != text.utf8Start[index] { return false }
        return true
    }
}
