// What a task is given to reach others, how it is started, and how it is ended.

import KernelABI
import Protocols
import ServiceCores
import UserRuntime

extension Factory {
    /// The task's first capabilities, as its manifest entry says.
    func giveCapabilities(_ number: Int) throws(FactoryFailure) {
        let place = slots.task(number)
        let table = CapabilityTable(place.table)
        let own = CapabilityTable.own
        let privileges = tasks[number].description.privileges
        do throws(KernelError) {
            try own.copy(place.table, to: StartSlot.table, in: table)
            try own.copy(place.space, to: StartSlot.addressSpace, in: table)
            try own.copy(place.thread, to: StartSlot.thread, in: table)
            try own.copy(place.endpoint, to: StartSlot.endpoint, in: table, rights: .read | .manage)
            try giveService(Name("log"), number, StartSlot.log)
            try giveService(Name("names"), number, StartSlot.names)
            try giveService(Name("supervisor"), number, StartSlot.supervisor)
            if privileges.contains(.factory) {
                try own.mint(
                    self.own, to: StartSlot.factory, in: table, rights: .write | .grant, badge: UInt64(number) + 1)
            }
            if privileges.contains(.systemControl) {
                try own.copy(RootSlot.systemControl, to: StartSlot.systemControl, in: table)
            }
            if privileges.contains(.interruptControl) {
                try own.copy(RootSlot.interruptControl, to: StartSlot.interruptControl, in: table)
            }
            if tasks[number].hasUntyped {
                try Untyped(place.untyped).reclaim()
                try own.copy(place.untyped, to: StartSlot.untyped, in: table)
            }
        } catch { throw FactoryFailure(.kernel, error) }
    }

    private func giveService(_ service: Name, _ number: Int, _ slot: Slot) throws(KernelError) {
        guard let provider = provider(of: service), provider != number else { return }
        try CapabilityTable.own.mint(
            slots.task(provider).endpoint, to: slot, in: CapabilityTable(slots.task(number).table),
            rights: .write | .grant, badge: UInt64(number) + 1)
    }

    /// Lets the thread run, and its endpoint be served.
    func run(_ number: Int, _ entry: UInt64) throws(FactoryFailure) {
        let place = slots.task(number)
        let thread = Thread(place.thread)
        let description = tasks[number].description
        do throws(KernelError) {
            try thread.configure(
                table: place.table, addressSpace: place.space, ipcBuffer: place.ipcBuffer,
                faultHandler: place.faultHandler)
            try thread.setPriority(description.priority, maximum: description.maximumPriority)
            try thread.setSlice(.microseconds(UInt64(description.sliceMicroseconds)))
            try thread.setEntry(
                programCounter: entry, stackPointer: TaskAddress.stackTop, argument: TaskAddress.information,
                threadPointer: TaskAddress.ipcBuffer)
            try Endpoint(place.endpoint).bindServer(thread)
            try thread.resume()
        } catch { throw FactoryFailure(.kernel, error) }
    }

    /// Ends a task: its callers get `peerDied`, its arena is free again.
    mutating func kill(_ number: Int) throws(FactoryFailure) {
        if tasks[number].phase != .running { throw FactoryFailure(.wrongState) }
        tasks[number].phase = .dead
        do throws(KernelError) { try Untyped(slots.task(number).arena).reclaim() } catch {
            throw FactoryFailure(.kernel, error)
        }
    }
}
