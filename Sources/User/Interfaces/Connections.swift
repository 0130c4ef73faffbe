// The root task's service `connections`: the capabilities by which clients reach services.

/// Gives capabilities of services. The badge of each names the client, and what it may ask there.
@Service(version: 1)
public protocol Connections {
    /// Gives the caller a service that its manifest entry lists under `opens`. The root task's own
    /// services are `notPermitted`: a task has them from its start.
    ///
    /// - Parameter bits: of the caller's notification, which are signalled each time the service's
    ///   task has ended, and each time it runs again; 0: none.
    @Method(1, .answeredLater) func open(
        _ service: FixedString<32>, bits: UInt64
    ) throws(RootError) -> Given<Endpoint>

    /// The same for another task, which the name service passes it on to. The badge is that
    /// task's. A service whose task does not run, between two of its lives, is `wrongState`.
    @Method(2, .answeredLater, .restricted) func give(
        _ service: FixedString<32>, to task: UInt16, bits: UInt64
    ) throws(RootError) -> Given<Endpoint>

    /// Returns the first start of a service's task after start `number`. Of several starts of a
    /// task only the last counts. `noSuchService`: there was none.
    @Method(3) func started(after number: UInt64) throws(RootError) -> StartedService
}

/// The start of a service's task.
@Message public struct StartedService: Sendable {
    /// Counts from 1.
    public var number: UInt64
    public var service: FixedString<32>

    public init(number: UInt64, service: FixedString<32>) {
        self.number = number
        self.service = service
    }
}
