// The service `connections`: the capability by which a client reaches a service.

import Interfaces
import KernelABI
import Protocols
import ServiceCores
import UserRuntime

extension Factory: ConnectionsServer {
    typealias Client = Caller<Given<Endpoint>, RootError>

    mutating func open(_ service: FixedString<32>, bits: UInt64, _ caller: consuming Client) {
        let client = UInt16(truncatingIfNeeded: caller.client.task)
        give(service, to: client, bits: bits, mustRun: false, caller)
    }

    mutating func give(
        _ service: FixedString<32>, to task: UInt16, bits: UInt64, _ caller: consuming Client
    ) {
        give(service, to: task, bits: bits, mustRun: true, caller)
    }

    private mutating func give(
        _ service: FixedString<32>, to task: UInt16, bits: UInt64, mustRun: Bool,
        _ caller: consuming Client
    ) {
        var waiting: Client? = caller
        let scratch = slots.outgoing
        let refusal = scratch.use { slot -> RootError? in
            do throws(FactoryFailure) {
                let (name, client) = (Name(service.nameWords), try index(of: task))
                try mint(name, for: client, bits, mustRun: mustRun, to: slot)
            } catch { return error.cause }
            waiting.take()?.give(Endpoint(slot))
            return nil
        }
        if let caller = waiting.take(), let refusal { caller.refuse(refusal) }
    }

    /// Makes a capability of a service's endpoint with the `ClientBadge` of a client.
    ///
    /// - Throws: `wrongState` if the client does not run, or the service's task if it must;
    ///   `exhausted` if the client has too many services signalled.
    private mutating func mint(
        _ service: Name, for client: Int, _ bits: UInt64, mustRun: Bool, to slot: Slot
    ) throws(FactoryFailure) {
        if !tasks[client].description.mayOpen(service) { throw FactoryFailure(.notPermitted) }
        guard let provider = provider(of: service), tasks[provider].generation > 0 else {
            // The root task's services are those of no other task, and clients have them already.
            let isRoot = RootService(named: service) != nil
            throw FactoryFailure(isRoot ? .notPermitted : .noSuchService)
        }
        // It may have ended since it asked.
        if tasks[client].phase != .running { throw FactoryFailure(.wrongState) }
        // Also a client that is refused now hears when the service runs again.
        if bits != 0 && !tasks[client].signalLife(of: provider, bits) {
            throw FactoryFailure(.exhausted)
        }
        if mustRun && tasks[provider].phase != .running { throw FactoryFailure(.wrongState) }
        let privileges = tasks[client].description.privileges
        let rights: Rights = privileges.contains(.sendCapabilities) ? .write | .grant : .write
        do throws(KernelError) {
            try CapabilityTable.own.mint(
                slots.task(provider).endpoint, to: slot, rights: rights,
                badge: badge(of: client, for: provider).raw)
        } catch { throw FactoryFailure(.kernel(error)) }
    }

    mutating func started(
        after number: UInt64, _ client: ClientBadge
    ) throws(RootError) -> StartedService {
        var next: Int?
        for task in 0..<tasks.count where tasks[task].lastStart > number {
            if let next, tasks[next].lastStart < tasks[task].lastStart { continue }
            next = task
        }
        guard let next else { throw .noSuchService }
        return StartedService(
            number: tasks[next].lastStart,
            service: FixedString(name: tasks[next].service.words))
    }
}
