// The name service: how a task reaches the services that its manifest entry lists.

/// Gives tasks the services that their manifest entries list under `opens`.
///
/// A program calls it by `init(opening:)` and `init(finding:)` of a service's client.
@Service(version: 1)
public protocol Names {
    /// Gives the service of that name, or its instance as in `serial.1`. The capability's badge
    /// names the client, and what it may ask.
    ///
    /// - Parameters:
    ///   - waiting: until the service's task runs. Otherwise it fails with `noService` if that task
    ///     was never started, and with `ended` between two of its lives. A client waits for as many
    ///     services as the part of the name service's places that each has.
    ///   - bits: of the client's notification, which the root task signals each time the service's
    ///     task has ended, and each time it runs again: what the client had registered there is
    ///     lost. Also a client that gets `ended` hears of the next life. 0: none.
    @Method(1, .answeredLater) func open(
        _ name: FixedString<32>, waiting: Bool, bits: UInt64
    ) throws(NamesError) -> Given<Endpoint>
}

/// Why a service cannot be opened.
@Message public enum NamesError: UInt16, ServiceError {
    /// It has never started. This board may lack the device.
    case noService
    /// The client's manifest entry does not list it under `opens`.
    case notPermitted
    /// The root task could not give it, or the client has too many services signalled.
    case exhausted
    /// Its task has ended, and does not run again yet.
    case ended

    public var text: StaticString {
        switch self {
        case .noService: "the service has never started: this board may lack its device"
        case .notPermitted: "the task's manifest entry does not list the service under `opens`"
        case .ended: "the service has ended, and does not run"
        case .exhausted: "the root task has no room for another opened service"
        }
    }
}
