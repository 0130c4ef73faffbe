// How a client reaches a service by its name.

extension ServiceClient {
    /// Opens the service, and creates its client. A service that does not run yet, or not again
    /// yet, is waited for.
    ///
    /// - Parameters:
    ///   - slot: gets the service's capability. If an endpoint is there already, that one is asked
    ///     for its version; with `bits` it is replaced.
    ///   - service: one of several services of this interface.
    ///   - instance: of the devices of one kind; 0 is the first.
    ///   - bits: of the task's own notification. They are signalled each time the service's task
    ///     has ended, and each time it runs again: what was registered there is lost.
    /// - Throws: `noService` if it has never started by `deadline`; `kernel(.peerDied)` if it had
    ///   ended, and does not run by then; `notOpened` if the manifest does not list it for the
    ///   task; what `init(checking:)` throws; and `kernel` if the name service has died or does not
    ///   answer.
    public init(
        opening slot: Slot, named service: StaticString = Self.service, instance: UInt8 = 0,
        signalling bits: UInt64 = 0, by deadline: Instant = .patience
    ) throws(SystemError) {
        try self.init(slot, service, instance, bits, by: deadline, waiting: true)
    }

    /// Opens the service if its task has ever started: a board may lack the device. Between two
    /// lives of that task it throws `kernel(.peerDied)`. Otherwise as `init(opening:)`.
    public init(
        finding slot: Slot, named service: StaticString = Self.service, instance: UInt8 = 0,
        signalling bits: UInt64 = 0, by deadline: Instant = .patience
    ) throws(SystemError) {
        try self.init(slot, service, instance, bits, by: deadline, waiting: false)
    }

    private init(
        _ slot: Slot, _ service: StaticString, _ instance: UInt8, _ bits: UInt64,
        by deadline: Instant, waiting: Bool
    ) throws(SystemError) {
        let name = try name(service, instance)
        let endpoint = try open(name, to: slot, waiting: waiting, signalling: bits, by: deadline)
        try self.init(checking: endpoint, by: deadline)
    }
}

/// As the manifest names the instance of a service: `serial`, `serial.1`.
private func name(
    _ service: StaticString, _ instance: UInt8
) throws(SystemError) -> FixedString<32> {
    var name = Bytes<32>()
    // Safety: a static string is there for good, and says how long it is.
    service.withUTF8Buffer { text in
        for index in 0..<text.count { name.append(unsafe text[index]) }
    }
    if instance > 0 {
        name.append(UInt8(ascii: "."))
        if instance > 99 { name.append(UInt8(ascii: "0") + instance / 100) }
        if instance > 9 { name.append(UInt8(ascii: "0") + instance / 10 % 10) }
        name.append(UInt8(ascii: "0") + instance % 10)
    }
    guard let name = FixedString(checking: name) else { throw .noService }
    return name
}

/// Opens a service by its name. An endpoint that is in `slot` already is taken for it, unless bits
/// are to be signalled.
///
/// - Parameter waiting: until the service's task runs. If it does not by the deadline, the error
///   says whether it has ever started.
/// - Throws: as `ServiceClient.init(opening:)`.
@inline(never) private func open(
    _ name: FixedString<32>, to slot: Slot, waiting: Bool, signalling bits: UInt64,
    by deadline: Instant
) throws(SystemError) -> Endpoint {
    if (try? CapabilityTable.own.describe(slot))?.kind == .endpoint {
        if bits == 0 { return Endpoint(slot) }
        // The root task learns of the bits when it gives the capability.
        try? CapabilityTable.own.delete(slot)
    }
    let names = NamesClient(Endpoint(StartSlot.names))
    var absence: NamesError?
    while true {
        do throws(SystemError) {
            return try names.open(
                name, waiting: absence != nil, bits: bits, to: slot, by: deadline)
        } catch {
            let refusal = error.of(NamesError.self)
            if waiting && absence == nil && (refusal == .noService || refusal == .ended) {
                absence = refusal
                continue
            }
            throw reason(error, absence)
        }
    }
}

/// Why a service cannot be opened.
///
/// - Parameter absence: why it could not be had at once, of a client that waited for it.
private func reason(_ error: SystemError, _ absence: NamesError?) -> SystemError {
    switch error.of(NamesError.self) ?? (error == .kernel(.timedOut) ? absence : nil) {
    case .noService: .noService
    case .notPermitted: .notOpened
    case .exhausted: .refused(.busy)
    case .ended: .kernel(.peerDied)
    // The manifest lists no service for the task, or the log alone.
    case nil: error == .kernel(.invalidCapability) ? .notOpened : error
    }
}
