// What a task is given to reach others, how it is started, and how it is ended.

import Interfaces
import KernelABI
import Protocols
import ServiceCores
import UserRuntime

extension Factory {
    /// The task's first capabilities, as its manifest entry says.
    mutating func giveCapabilities(_ number: Int) throws(FactoryFailure) {
        let place = slots.task(number)
        let table = CapabilityTable(place.table)
        let own = CapabilityTable.own
        let description = tasks[number].description
        let privileges = description.privileges
        do throws(KernelError) {
            try own.copy(place.table, to: StartSlot.table, in: table)
            try own.copy(place.space, to: StartSlot.addressSpace, in: table)
            // Handler, slice and maximum priority are what the manifest says: the right manage
            // stays here.
            try own.copy(place.thread, to: StartSlot.thread, in: table, rights: .read | .write)
            try own.copy(place.endpoint, to: StartSlot.endpoint, in: table, rights: .read | .manage)
            if description.mayOpen(Name("log")) {
                try giveService(Name("log"), number, StartSlot.log)
            }
            // All other services come through the name service.
            if description.opensByName {
                try giveService(Name("names"), number, StartSlot.names)
            }
            // Where the log is not open the supervisor is told how many lines it misses.
            let isHeard = description.mayOpen(Name("log"))
            let asks = description.mayOpen(Name("supervisor"))
            if description.heartbeat > 0 || asks || !isHeard {
                try giveService(Name("supervisor"), number, StartSlot.supervisor)
            }
            try giveRootServices(number)
            try giveSystemControl(privileges, StartSlot.systemControl, in: table)
            if privileges.contains(.interruptControl) {
                try own.copy(RootSlot.interruptControl, to: StartSlot.interruptControl, in: table)
            }
            if privileges.contains(.asidPool) { try giveASIDPool(number, StartSlot.asidPool) }
            try giveShares(number)
            if tasks[number].hasUntyped {
                try own.copy(place.untyped, to: StartSlot.untyped, in: table)
                // For the threads that it makes, until somebody else takes the faults
                // (`giveFaultHandler`).
                if tasks[number].hasFaultHandler {
                    try own.copy(
                        place.faultHandler, to: StartSlot.faultHandler, in: table,
                        rights: .write | .handleFaults)
                }
            }
        } catch { throw FactoryFailure(.kernel(error)) }
    }

    /// The root task's services that the task opens, and `shares` if its threads share a set.
    private func giveRootServices(_ number: Int) throws(KernelError) {
        for index in 1...UInt16(RootService.count) as ClosedRange<UInt16> {
            guard let service = RootService(rawValue: index) else { continue }
            let isShared = service == .shares && joinsSets(number)
            let methods = isShared ? .max : tasks[number].description.methods(of: service)
            if methods == 0 { continue }
            try CapabilityTable.own.mint(
                own, to: StartSlot.root(service), in: CapabilityTable(slots.task(number).table),
                rights: .write,
                badge: ClientBadge(
                    task: UInt64(number) + 1, methods: methods, resources: index
                ).raw)
        }
    }

    /// System control with the rights that the manifest lists, if any.
    func giveSystemControl(
        _ privileges: Privileges, _ slot: Slot, in table: CapabilityTable
    ) throws(KernelError) {
        var rights = Rights(raw: 0)
        if privileges.contains(.systemConsole) { rights = rights | .write }
        if privileges.contains(.systemStatistics) { rights = rights | .read }
        if privileges.contains(.systemTrace) { rights = rights | .execute }
        if privileges.contains(.systemPower) { rights = rights | .manage }
        if rights.raw == 0 { return }
        try CapabilityTable.own.copy(RootSlot.systemControl, to: slot, in: table, rights: rights)
    }

    /// A pool of the task's own, from its arena: it ends with the task, and so do the address
    /// spaces that it numbers.
    func giveASIDPool(_ number: Int, _ slot: Slot) throws(KernelError) {
        let place = slots.task(number)
        try ASIDControl(RootSlot.asidControl).createPool(
            from: Untyped(place.arena), table: place.table, index: slot)
    }

    /// A service's endpoint, to call and to send to; nobody sends capabilities along.
    private func giveService(_ service: Name, _ number: Int, _ slot: Slot) throws(KernelError) {
        guard let provider = provider(of: service), provider != number else { return }
        try CapabilityTable.own.mint(
            slots.task(provider).endpoint, to: slot, in: CapabilityTable(slots.task(number).table),
            rights: .write, badge: badge(of: number, for: provider).raw)
    }

    /// The badge by which the task `provider` knows its client `number`, as the client's manifest
    /// entry says. A client that needs no entry, as of the supervisor, has what is open to each.
    func badge(of number: Int, for provider: Int) -> ClientBadge {
        let service = tasks[provider].service
        let client = tasks[number].description
        let methods = client.methods(of: service)
        if methods == 0 {
            return ClientBadge(
                task: UInt64(number) + 1, methods: tasks[provider].description.openMethods)
        }
        // Each task may show the supervisor a sign of life, whatever its entries name.
        let open = service == Name("supervisor") ? tasks[provider].description.openMethods : 0
        return ClientBadge(
            task: UInt64(number) + 1, methods: methods | open,
            resources: client.isLimited(at: service)
                ? listedTasks.firstResourceRule(of: client.name, for: service) : 0)
    }

    /// The manifest's entries, in its order.
    var listedTasks: [TaskDescription] {
        tasks.filter { $0.name == $0.description.name }.map { $0.description }
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
            // A core that does not run here leaves it on the first.
            try? thread.setCore(Int(tasks[number].core ?? description.core))
            try thread.setSlice(.microseconds(UInt64(description.sliceMicroseconds)))
            try thread.setEntry(
                programCounter: entry,
                stackPointer: description.startsThreads
                    ? TaskAddress.threadNames : TaskAddress.stackTop,
                argument: TaskAddress.information,
                threadPointer: IPCBuffer.threadPointer(TaskAddress.ipcBuffer))
            try limit(thread, description.budget, Budget(place.budget), arena: Untyped(place.arena))
            try Endpoint(place.endpoint).bindServer(thread)
            try thread.resume()
        } catch { throw FactoryFailure(.kernel(error)) }
    }

    /// Gives a thread its budget, if its task has one. The threads that it makes share it. The
    /// budget comes from the task's arena, which the task cannot reclaim.
    private func limit(
        _ thread: Thread, _ time: TimeBudget, _ budget: Budget, arena: Untyped
    ) throws(KernelError) {
        if !time.isSet { return }
        try arena.retype(.budget, index: budget.slot)
        try SystemControl(RootSlot.systemControl).set(
            budget, limit: .microseconds(UInt64(time.limit)),
            period: .microseconds(UInt64(time.period)), background: time.background)
        try thread.bindBudget(budget)
    }

    /// Has a task run on another core, also after its restarts.
    mutating func move(_ number: Int, to core: UInt8) throws(FactoryFailure) {
        if Int(core) >= Limits.cores { throw FactoryFailure(.badRequest) }
        if tasks[number].phase != .running { throw FactoryFailure(.wrongState) }
        do throws(KernelError) {
            try Thread(slots.task(number).thread).setCore(Int(core))
        } catch {
            throw error == .invalidArgument
                ? FactoryFailure(.badRequest) : FactoryFailure(.kernel(error))
        }
        tasks[number].core = core
    }

    /// Ends a task: its callers get `peerDied`, its memory is free again, and what its threads held
    /// or waited for is so no more. A task that waits for its restart, or is being loaded again,
    /// stays dead.
    mutating func kill(_ number: Int) throws(FactoryFailure) {
        if tasks[number].phase != .running { return try withdraw(number) }
        // A request that waits was made for the present life.
        _ = loads.withdraw(UInt16(number + 1), tasks[number].name)
        tasks[number].phase = .dead
        tasks[number].lifeSignals = []
        // Others hear of the end whatever the kernel says.
        defer {
            wakeSharers(of: number)
            announceEnd(of: number)
        }
        do throws(KernelError) { try reclaim(number) } catch {
            throw FactoryFailure(.kernel(error))
        }
    }

    /// Takes back all that a task consists of, and all that it made.
    func reclaim(_ number: Int) throws(KernelError) {
        // The threads that it started go before their address space does, so they do not fault. Its
        // first thread may start others until the arena is gone.
        try reclaimUntyped(number)
        try Untyped(slots.task(number).arena).reclaim()
        try reclaimUntyped(number)
    }

    private func reclaimUntyped(_ number: Int) throws(KernelError) {
        if tasks[number].hasUntyped { try Untyped(slots.task(number).untyped).reclaim() }
    }
}
