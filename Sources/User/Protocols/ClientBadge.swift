// The badge of a client's capability: which task calls, which methods of the service it may call,
// and with which resources. The root task makes it from the client's manifest entry and the kernel
// delivers it, so no client chooses its own.

/// A client as the kernel names it to a server. Badge 0 is the root task's own, which may do
/// everything.
///
/// Bits 0–15: the task's number. Bits 16–31: the number of its first `ResourceRule`; 0: it may name
/// all resources.
/// At the root task, the number of the service (`RootService`).
/// Bits 32–63: bit 31 + n says that it may call method n.
public struct ClientBadge: Equatable, Sendable {
    public let raw: UInt64
    public init(raw: UInt64) { self.raw = raw }
    /// - Parameters:
    ///   - methods: bit n - 1 for method n.
    ///   - resources: the number of the first rule; 0: all.
    public init(task: UInt64, methods: UInt32 = .max, resources: UInt16 = 0) {
        raw = task & 0xffff | UInt64(resources) << 16 | UInt64(methods) << 32
    }

    /// The number of the client, as `ps` shows it.
    public var task: UInt64 { raw & 0xffff }
    public var resources: UInt16 { UInt16(truncatingIfNeeded: raw >> 16) }
    public var isRoot: Bool { raw == 0 }
    /// - Precondition: `method` is 1 to 32.
    @inline(__always) public func mayCall(_ method: UInt64) -> Bool {
        isRoot || raw & 1 << (31 &+ method) != 0
    }
}
