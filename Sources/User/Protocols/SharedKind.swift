// What tasks of a system share by a name of the manifest, and how many bytes it has.

import KernelABI

/// What a task has of what is shared.
public enum ShareLimits {
    /// Shares of a task.
    public static var ofTask: Int { 8 }
    /// Participants of a task in a share's mutex set: its first thread, and each place for another.
    public static var participants: Int { 1 + ThreadMemory.maximumCount }
}

/// Callers that a server can hold for a later answer.
public enum CallerLimits {
    /// Where the manifest says nothing.
    public static var least: Int { 2 }
    public static var most: Int { 62 }
    /// Returns how many callers of one client a server holds: an equal part for each of `clients`.
    /// With as many places as clients each has one that no other can take.
    public static func ofClient(_ waiting: Int, clients: Int) -> Int {
        max(1, waiting / max(1, clients))
    }
}

/// A kind of shared object.
public enum SharedKind: UInt8, Sendable, CaseIterable {
    /// Bytes, and cells of a mutex set if the manifest says so.
    case memory = 0
    /// A message queue.
    case queue = 1
    /// A ring with one producer and one consumer.
    case ring = 2

    /// Bytes of the area that the writers, or the producer, write to.
    ///
    /// - Parameters:
    ///   - capacity: items, or bytes of memory.
    ///   - itemBytes: from one item to the next; 1 for memory.
    public func bytes(capacity: Int, itemBytes: Int) -> Int {
        switch self {
        case .memory: capacity
        case .queue: SharedKind.queueItems(capacity) + capacity * SharedKind.queueStride(itemBytes)
        case .ring: SharedKind.ringItems + capacity * itemBytes
        }
    }

    /// Bytes of a queue before its first node. Each node has 16 bytes.
    @inlinable public static var queueNodes: Int { 320 }
    /// Bytes of a queue before its first message.
    @inlinable public static func queueItems(_ capacity: Int) -> Int {
        queueNodes &+ 16 &* capacity
    }
    /// Bytes from one message to the next.
    public static func queueStride(_ itemBytes: Int) -> Int { (max(itemBytes, 1) + 15) & ~15 }
    /// The most messages of a queue.
    public static var queueMaximum: Int { 256 }
    /// The cells of a queue: a mutex, and two conditions.
    public static var queueCells: Int { 3 }
    /// Bytes of a ring's first area before its first item.
    @inlinable public static var ringItems: Int { 64 }
}
