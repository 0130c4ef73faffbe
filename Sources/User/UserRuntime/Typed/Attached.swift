// What goes with a typed message besides its words: memory that the client lends for the call, and
// a capability that it hands over.

import KernelABI

/// Numbers in memory that a client lends for a call, to be read. Of structures the server would
/// see the padding.
public struct LentForReading<Element: FixedWidthInteger & MessageValue>: ~Copyable {
    private let loan: LentMemory<Element>
    init?(_ reply: Reply, _ bytes: UInt64) {
        guard let loan = LentMemory<Element>(reply, bytes) else { return nil }
        self.loan = loan
    }
    /// The number of elements, as the client says. The memory may end before, and then a read
    /// fails: a server stops at the first error.
    public var count: Int { loan.count }

    /// Copies numbers from `index` on until `numbers` is full.
    ///
    /// - Throws: `invalidArgument` if there are fewer; `missingRights` or `memoryFault` if the
    ///   client lent what it cannot read; `noCaller` if it gave up.
    /// - Complexity: O(bytes); the kernel takes interrupts each KiB.
    public func read(
        into numbers: inout MutableSpan<Element>, at index: Int = 0
    ) throws(KernelError) {
        let length = numbers.count
        let offset = try loan.offset(of: index, length)
        if length == 0 { return }
        // Safety: only the address is taken; the span is there for the whole call.
        let start = unsafe numbers.withUnsafeBufferPointer { unsafe address(of: $0) }
        let bytes = LentMemory<Element>.bytes(length)
        try loan.reply.loanRead(offset: offset, to: start, length: bytes)
    }
    public static var shape: UInt64 { LentMemory<Element>.shape("LentForReading") }
}
/// Numbers in memory that a client lends for a call, to be written.
public struct LentForWriting<Element: FixedWidthInteger & MessageValue>: ~Copyable {
    private let loan: LentMemory<Element>
    init?(_ reply: Reply, _ bytes: UInt64) {
        guard let loan = LentMemory<Element>(reply, bytes) else { return nil }
        self.loan = loan
    }
    /// The number of elements, as the client says. The memory may end before, and then a write
    /// fails: a server stops at the first error.
    public var count: Int { loan.count }

    /// Copies numbers there, from `index` on.
    ///
    /// - Throws: `invalidArgument` if there is no room; `missingRights` or `memoryFault` if the
    ///   client lent what it cannot write; `noCaller` if it gave up.
    /// - Complexity: O(bytes); the kernel takes interrupts each KiB.
    public func write(_ numbers: Span<Element>, at index: Int = 0) throws(KernelError) {
        let length = numbers.count
        let offset = try loan.offset(of: index, length)
        if length == 0 { return }
        // Safety: as in `read`.
        let start = unsafe numbers.withUnsafeBufferPointer { unsafe address(of: $0) }
        let bytes = LentMemory<Element>.bytes(length)
        try loan.reply.loanWrite(offset: offset, from: start, length: bytes)
    }
    public static var shape: UInt64 { LentMemory<Element>.shape("LentForWriting") }
}

/// A loan of the caller that a reply object holds.
private struct LentMemory<Element: FixedWidthInteger & MessageValue> {
    let reply: Reply
    let count: Int

    /// Returns nil if the client lent a part of a number.
    init?(_ reply: Reply, _ bytes: UInt64) {
        let size = LentMemory.bytes(1)
        guard bytes % size == 0, let count = Int(exactly: bytes / size) else { return nil }
        self.reply = reply
        self.count = count
    }
    func offset(of index: Int, _ length: Int) throws(KernelError) -> UInt64 {
        if index < 0 || length > count || index > count &- length { throw .invalidArgument }
        return LentMemory.bytes(index)
    }
    static func bytes(_ count: Int) -> UInt64 { UInt64(count) &* UInt64(Element.bitWidth / 8) }
    static func shape(_ name: StaticString) -> UInt64 {
        var hash = InterfaceHash(name, version: 0)
        hash.add(Element.shape)
        return hash.raw
    }
}
private func address<Element>(of memory: UnsafeBufferPointer<Element>) -> UInt64 {
    UInt64(UInt(bitPattern: memory.baseAddress))
}

/// Memory that a client lends. Generated code uses it, for as long as it has the span.
public struct Loan {
    let attachment: Attachment

    public init<Element: FixedWidthInteger & MessageValue>(_ numbers: Span<Element>) {
        // Safety: only the address is taken; the span is there for the whole call.
        let start = unsafe numbers.withUnsafeBufferPointer { unsafe address(of: $0) }
        attachment = Attachment(
            lending: start, length: LentMemory<Element>.bytes(numbers.count), .read)
    }
    public init<Element: FixedWidthInteger & MessageValue>(
        _ numbers: borrowing MutableSpan<Element>
    ) {
        // Safety: as above.
        let start = unsafe numbers.withUnsafeBufferPointer { unsafe address(of: $0) }
        attachment = Attachment(
            lending: start, length: LentMemory<Element>.bytes(numbers.count), .write)
    }
}

/// A handle to an object of one kind.
public protocol CapabilityHandle {
    static var kind: ObjectKind { get }
    var slot: Slot { get }
    init(_ slot: Slot)
}
extension Notification: CapabilityHandle { public static var kind: ObjectKind { .notification } }
extension Endpoint: CapabilityHandle { public static var kind: ObjectKind { .endpoint } }

/// A capability that a client hands over with a call. Both have it then, with the same rights: a
/// client hands over a copy with the rights that the server needs. The server's loop deletes it
/// after the method, unless the method moved it on.
public struct HandedOver<Handle: CapabilityHandle>: ~Copyable {
    private let arrival: Slot
    init(_ arrival: Slot) { self.arrival = arrival }

    /// Keeps the capability in the empty slot `slot`.
    public consuming func keep(in slot: Slot) throws(KernelError) -> Handle {
        try CapabilityTable.own.move(arrival, to: slot)
        return Handle(slot)
    }
    public static var shape: UInt64 {
        InterfaceHash("HandedOver", version: UInt64(Handle.kind.rawValue)).raw
    }
}

/// The result of a method that gives its client a capability. The client names an empty slot for
/// it; the server answers by `Caller.give`.
public struct Given<Handle: CapabilityHandle>: MessageValue, Sendable {
    init() {}
    @_transparent public static var words: UInt { 0 }
    public static var shape: UInt64 {
        InterfaceHash("Given", version: UInt64(Handle.kind.rawValue)).raw
    }
    @inline(__always) public func put(into message: inout MessageWriter) {}
    @inline(__always) public static func take(from message: inout MessageReader) -> Given? {
        Given()
    }
}
