// Services and their clients: the capability that a client gets, and what each hears of the other's
// end and start.

import Interfaces
import KernelABI
import Protocols
import ServiceCores
import UserRuntime

extension Factory: ConnectionsServer {
    typealias Client = Caller<Given<Endpoint>, FactoryError>

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
        let refusal = scratch.use { slot -> FactoryError? in
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
            throw FactoryFailure(.noSuchService)
        }
        // It may have ended since it asked.
        if tasks[client].phase != .running { throw FactoryFailure(.wrongState) }
        if mustRun && tasks[provider].phase != .running { throw FactoryFailure(.wrongState) }
        if bits != 0 && !tasks[client].signalLife(of: provider, bits) {
            throw FactoryFailure(.exhausted)
        }
        let privileges = tasks[client].description.privileges
        let rights: Rights = privileges.contains(.sendCapabilities) ? .write | .grant : .write
        do throws(KernelError) {
            try CapabilityTable.own.mint(
                slots.task(provider).endpoint, to: slot, rights: rights,
                badge: badge(of: client, for: provider).raw)
        } catch { throw FactoryFailure(.kernel, error) }
    }

    mutating func started(
        after number: UInt64, _ client: ClientBadge
    ) throws(FactoryError) -> StartedService {
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

    /// The tasks that may open what task `number` provides.
    func clients(of number: Int) -> Int {
        let service = tasks[number].service
        if service != Name("names") { return tasks.count { $0.description.mayOpen(service) } }
        return tasks.count { $0.description.opensByName }
    }

    // What they hear of each other

    /// Task `number` runs, for the first time or again: the supervisor watches it from now on, the
    /// name service gives it to clients that wait, and clients hear of it that asked for that.
    ///
    /// - Complexity: O(tasks).
    mutating func announceStart(of number: Int) {
        // A task with the machine for itself is its own supervisor.
        if !tasks[number].description.privileges.contains(.rootView) {
            signalSupervisor(RootSignal.started)
        }
        if tasks[number].service.isEmpty { return }
        starts += 1
        tasks[number].lastStart = starts
        if let names = provider(of: Name("names")), names != number {
            signal(names, RootSignal.started)
        }
        signalClients(of: number)
    }

    /// Task `number` has ended: the services that it may open forget what it had there, and its
    /// clients hear of it that asked for that.
    ///
    /// - Complexity: O(tasks).
    func announceEnd(of number: Int) {
        let description = tasks[number].description
        for provider in 0..<tasks.count where provider != number {
            let service = tasks[provider].service
            if !service.isEmpty && description.mayOpen(service) {
                signal(provider, Server.clientEndedBit)
            }
        }
        signalClients(of: number)
    }

    private func signalClients(of number: Int) {
        for client in 0..<tasks.count {
            let bits = tasks[client].lifeBits(of: number)
            if bits != 0 { signal(client, bits) }
        }
    }

    /// Where the kernel refuses, the supervisor sees the first start of a task at its next
    /// look-round, and goes on with these beside a task that has the machine for itself.
    func signalSupervisor(_ bits: UInt64) {
        if let supervisor { signal(supervisor, bits) }
    }

    /// Signals the notification of a task that runs; one that has another capability in its place
    /// hears nothing.
    private func signal(_ number: Int, _ bits: UInt64) {
        if tasks[number].phase != .running { return }
        slots.outgoing.use { slot in
            try? CapabilityTable(slots.task(number).table).copy(
                StartSlot.notification, to: slot, in: .own, rights: .write)
            try? Notification(slot).signal(bits)
        }
    }
}
