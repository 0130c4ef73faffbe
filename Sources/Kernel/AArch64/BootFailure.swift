// Boot failures: each is one sentence for the panic line, since boot cannot continue after one.

/// A reason for which boot stops.
public struct BootFailure: Error {
    public let reason: StaticString
    public init(_ reason: StaticString) { self.reason = reason }
}
