// Which resources of a service a client may name, as the root task tells the server.

/// Methods of a service, and the resources that a client may name with them.
@frozen public struct ResourceRule: Equatable, Sendable {
    /// Bit n - 1: method n. No other rule of the client has one of these.
    public let methods: UInt32
    /// Bit n: resource n.
    public let resources: UInt64
    /// The next rule is another client's.
    public let isLast: Bool

    public init(methods: UInt32, resources: UInt64, isLast: Bool) {
        self.methods = methods
        self.resources = resources
        self.isLast = isLast
    }

    /// Two words in the server's page: the methods, with bit 63 for the last rule of a client; the
    /// resources.
    @inline(__always) public init(_ first: UInt64, _ second: UInt64) {
        methods = UInt32(truncatingIfNeeded: first)
        isLast = first >> 63 == 1
        resources = second
    }
    public var words: (UInt64, UInt64) { (UInt64(methods) | (isLast ? 1 << 63 : 0), resources) }

    /// Rules of all clients of a service together.
    public static var maximumCount: Int { 64 }
}
