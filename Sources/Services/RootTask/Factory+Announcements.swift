// What services and their clients hear of each other's end and start.

import Interfaces
import KernelABI
import Protocols
import ServiceCores
import UserRuntime

extension Factory {
    /// The tasks that may open what task `number` provides.
    func clients(of number: Int) -> Int {
        let service = tasks[number].service
        if service != Name("names") { return tasks.count { $0.description.mayOpen(service) } }
        return tasks.count { $0.description.opensByName }
    }

    /// Tells of a start of task `number`: the supervisor watches it, the name service gives its
    /// service to waiting clients, and the clients hear of it that asked for signals.
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

    /// Tells of the end of task `number`: the services that it may open discard its registrations,
    /// and the clients hear of it that asked for signals.
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
