// The badge of a capability that the name service gives: which task calls, and what its manifest
// entry lets it ask of a service. The root task makes it and the kernel delivers it, so no client
// chooses its own.

/// What a client may ask of a service beyond the ordinary.
public struct ClientRights: Equatable, Sendable {
    public var raw: UInt32
    public init(raw: UInt32) { self.raw = raw }
    public static var none: ClientRights { ClientRights(raw: 0) }
    /// Read what is typed at a serial line.
    public static var readSerial: ClientRights { ClientRights(raw: 1 << 0) }
    /// Send any bytes over a serial line: control characters, and lines without the sender's mark.
    public static var controlSerial: ClientRights { ClientRights(raw: 1 << 1) }
    /// Set the board's watchdog.
    public static var setWatchdog: ClientRights { ClientRights(raw: 1 << 2) }
    /// Set the time.
    public static var setTime: ClientRights { ClientRights(raw: 1 << 3) }

    public func contains(_ other: ClientRights) -> Bool { raw & other.raw == other.raw }
    public static func | (a: ClientRights, b: ClientRights) -> ClientRights {
        ClientRights(raw: a.raw | b.raw)
    }
}

/// A client as the kernel names it to a server. Badge 0 is the root task's own.
public struct ClientBadge: Equatable, Sendable {
    public let raw: UInt64
    public init(raw: UInt64) { self.raw = raw }
    public init(task: UInt64, _ rights: ClientRights) {
        raw = task & 0xffff_ffff | UInt64(rights.raw) << 32
    }

    /// The number of the client, as `ps` shows it.
    public var task: UInt64 { raw & 0xffff_ffff }
    public var isRoot: Bool { raw == 0 }
    public func may(_ right: ClientRights) -> Bool {
        ClientRights(raw: UInt32(truncatingIfNeeded: raw >> 32)).contains(right)
    }
}
