// Bytes, text and arrays in typed messages. Each has a static maximum, and only as many words
// travel as its elements take.
//
// `@Service` and `@Message` read the maximum where the type is written: the compiler does not
// evaluate it as early as it checks that a message fits.

import KernelABI
import Protocols

/// Up to `capacity` bytes.
public struct Bytes<let capacity: Int>: MessageValue, Sendable {
    private var storage = InlineArray<capacity, UInt8>(repeating: 0)
    public private(set) var count = 0

    public init() {}
    /// The beginning of `bytes`: what passes the capacity is left out.
    public init(prefixOf bytes: Span<UInt8>) {
        let length = min(bytes.count, capacity)
        count = length
        // Safety: both have that many bytes, and nobody else has the storage.
        unsafe bytes.withUnsafeBytes { from in
            unsafe withUnsafeMutableBytes(of: &storage) { storage in
                unsafe storage.copyMemory(from: UnsafeRawBufferPointer(rebasing: from[..<length]))
            }
        }
    }
    /// Returns whether there was room.
    @discardableResult public mutating func append(_ byte: UInt8) -> Bool {
        if count >= capacity { return false }
        storage[count] = byte
        count += 1
        return true
    }
    public var span: Span<UInt8> {
        @_lifetime(borrow self) borrowing get { storage.span.extracting(0..<count) }
    }
    /// Byte `index`; 0 behind the end.
    public subscript(index: Int) -> UInt8 { index >= 0 && index < count ? storage[index] : 0 }
    /// Whether all of it is printable text. Not inlined: in a caller that keeps the value in
    /// registers, the compiler takes the memory that a span of it points to for undefined.
    @inline(never) fileprivate var isPrintable: Bool {
        var index = 0
        while index < count {
            let length = PrintableText.length(span, at: index)
            if length == 0 { return false }
            index += length
        }
        return true
    }
    /// Replaces each byte of no printable character by a dot. Line feeds stay, and carriage
    /// returns in front of one. Not inlined, for the same reason.
    @inline(never) public mutating func cleanLines() {
        let length = count
        var all = storage.mutableSpan
        var text = all._mutatingExtracting(first: length)
        PrintableText.clean(&text, keepsLines: true)
    }

    @available(*, unavailable, message: "write the type out where it is used: Bytes<100>")
    public static var words: UInt { 0 }
    public static var shape: UInt64 { InterfaceHash("Bytes", version: UInt64(capacity)).raw }
    public func put(into message: inout MessageWriter) {
        // Safety: the storage has `count` bytes.
        unsafe withUnsafeBytes(of: storage) { unsafe message.put(bytes: $0, count) }
    }
    public static func take(from message: inout MessageReader) -> Bytes? {
        guard let count = message.takeWord(), count <= UInt64(capacity) else { return nil }
        var bytes = Bytes()
        bytes.count = Int(count)
        // Safety: the storage has `count` bytes.
        let isWhole = unsafe withUnsafeMutableBytes(of: &bytes.storage) { storage in
            var index = 0
            while index &+ 8 <= Int(count) {
                guard let word = message.takeWord() else { return false }
                unsafe storage.storeBytes(of: word, toByteOffset: index, as: UInt64.self)
                index &+= 8
            }
            if index == Int(count) { return true }
            guard var word = message.takeWord() else { return false }
            for place in index..<Int(count) {
                unsafe storage[place] = UInt8(truncatingIfNeeded: word)
                word >>= 8
            }
            // Behind the last byte, nothing.
            return word == 0
        }
        return isWhole ? bytes : nil
    }
}

extension MessageWriter {
    /// The words of `Bytes`.
    mutating func put(_ bytes: Span<UInt8>) {
        // Safety: the span has that many bytes.
        unsafe bytes.withUnsafeBytes { unsafe put(bytes: $0, $0.count) }
    }
    fileprivate mutating func put(bytes: UnsafeRawBufferPointer, _ count: Int) {
        put(UInt64(count))
        var index = 0
        while index &+ 8 <= count {
            put(unsafe bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self))
            index &+= 8
        }
        if index == count { return }
        var word: UInt64 = 0
        for place in index..<count {
            unsafe word |= UInt64(bytes[place]) << UInt64(8 &* (place &- index))
        }
        put(word)
    }
}

/// Printable text in UTF-8, up to `capacity` bytes. A message with other bytes is refused, so text
/// of a client can be shown as it is.
public struct FixedString<let capacity: Int>: MessageValue, Sendable {
    private var bytes: Bytes<capacity>

    /// No text.
    public init() { bytes = Bytes() }
    /// Returns nil if the text is too long or not printable.
    public init?(_ text: Span<UInt8>) {
        if text.count > capacity { return nil }
        self.init(checking: Bytes(prefixOf: text))
    }
    /// The same for text that the author wrote.
    public init?(_ text: StaticString) {
        var bytes = Bytes<capacity>()
        var fits = true
        // Safety: a static string is there for good, and says how long it is.
        text.withUTF8Buffer { buffer in
            for index in 0..<buffer.count where fits { unsafe fits = bytes.append(buffer[index]) }
        }
        if !fits { return nil }
        self.init(checking: bytes)
    }
    /// The beginning of a text, as many whole characters as fit. A dot stands for each byte that
    /// belongs to no printable character.
    public init(cleaning text: Span<UInt8>) {
        bytes = Bytes()
        var index = 0
        while index < text.count {
            let length = PrintableText.length(text, at: index)
            let end = index + max(length, 1)
            if bytes.count + end - index > capacity { break }
            for place in index..<end { bytes.append(length == 0 ? UInt8(ascii: ".") : text[place]) }
            index = end
        }
    }
    /// Returns nil if the bytes are not printable.
    public init?(checking bytes: Bytes<capacity>) {
        if !bytes.isPrintable { return nil }
        self.bytes = bytes
    }
    public var count: Int { bytes.count }
    public var span: Span<UInt8> { @_lifetime(borrow self) borrowing get { bytes.span } }
    /// Byte `index`; 0 behind the end.
    public subscript(index: Int) -> UInt8 { bytes[index] }

    @available(*, unavailable, message: "write the type out where it is used: FixedString<32>")
    public static var words: UInt { 0 }
    public static var shape: UInt64 { InterfaceHash("FixedString", version: UInt64(capacity)).raw }
    public func put(into message: inout MessageWriter) { bytes.put(into: &message) }
    public static func take(from message: inout MessageReader) -> FixedString? {
        message.take(Bytes<capacity>.self).flatMap { FixedString(checking: $0) }
    }
}

/// Up to `capacity` values.
public struct Items<Element: MessageValue, let capacity: Int>: MessageValue {
    private var storage = InlineArray<capacity, Element?>(repeating: nil)
    public private(set) var count = 0

    public init() {}
    /// Returns whether there was room.
    @discardableResult public mutating func append(_ element: Element) -> Bool {
        if count >= capacity { return false }
        storage[count] = element
        count += 1
        return true
    }
    /// Returns nil from `count` on.
    public subscript(index: Int) -> Element? {
        index >= 0 && index < count ? storage[index] : nil
    }

    @available(*, unavailable, message: "write the type out where it is used: Items<UInt32, 8>")
    public static var words: UInt { 0 }
    public static var shape: UInt64 {
        var hash = InterfaceHash("Items", version: UInt64(capacity))
        hash.add(Element.shape)
        return hash.raw
    }
    public func put(into message: inout MessageWriter) {
        message.put(UInt64(count))
        for index in 0..<count { if let element = storage[index] { message.put(element) } }
    }
    public static func take(from message: inout MessageReader) -> Items? {
        guard let count = message.takeWord(), count <= UInt64(capacity) else { return nil }
        var items = Items()
        for _ in 0..<count {
            guard let element = message.take(Element.self) else { return nil }
            items.append(element)
        }
        return items
    }
}
extension Items: Sendable where Element: Sendable {}
