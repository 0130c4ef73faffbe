// Why the machine cannot run: one sentence for the panic line. What boot code cannot do, nobody can do for it.

/// A reason to give up booting.
public struct BootFailure: Error {
    public let reason: StaticString
    public init(_ reason: StaticString) { self.reason = reason }
}
