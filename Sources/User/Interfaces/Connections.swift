// The root task's service `connections`: the capabilities by which clients reach services.

/// Gives capabilities of services. The badge of each names the client, and what it may ask there.
@Service(version: 1)
public protocol Connections {
    /// Gives the caller a service that its manifest entry lists under `opens`.
    ///
    /// - Parameter bits: of the caller's notification, which are signalled each time the service's
    ///   task has ended, and each time it runs again; 0: none.
    @Method(1, .answeredLater) func open(
        _ service: FixedString<32>, bits: UInt64
    ) throws(FactoryError) -> Given<Endpoint>

    /// The same for another task, which the name service passes it on to. The badge is that
    /// task's.
    @Method(2, .answeredLater, .restricted) func give(
        _ service: FixedString<32>, to task: UInt16, bits: UInt64
    ) throws(FactoryError) -> Given<Endpoint>

    /// The services whose tasks have started for the first time, in their order, without the first
    /// `count`: as many as fit into an answer.
    @Method(3) func started(without count: UInt16) -> Items<FixedString<32>, 8>
}
