// The service `inspection`.

import Interfaces
import KernelABI
import Protocols
import ServiceCores
import UserRuntime

extension Factory: InspectionServer {
    mutating func task(_ number: UInt16, _ client: ClientBadge) throws(RootError) -> TaskRecord {
        if number == 0 { return describeRoot() }
        return try answering { () throws(FactoryFailure) in describe(try index(of: number)) }
    }

    private mutating func describeRoot() -> TaskRecord {
        var record = TaskRecord(
            name: FixedString(name: Name("root").words), phase: .running, generation: 1,
            stackBytes: UInt32(BootInformation.stackBytes), stackUsed: stack.usedBytes())
        if let state = try? Thread(RootSlot.thread).information() { record.take(state) }
        return record
    }

    private mutating func describe(_ number: Int) -> TaskRecord {
        let task = tasks[number]
        let description = task.description
        var record = TaskRecord(
            name: FixedString(name: task.name.words), phase: task.phase,
            basePriority: description.priority, maximumPriority: description.maximumPriority,
            start: description.start.rawValue, generation: task.generation,
            stackBytes: description.stackBytes, budget: description.budget.limit,
            budgetPeriod: description.budget.period)
        let place = slots.task(number)
        if task.phase == .running, let state = try? Thread(place.thread).information() {
            record.take(state)
            if isFaulted(number) { record.state = .faulted }
            record.stackUsed = stackUsed(number)
            if description.budget.isSet, let time = try? Budget(place.budget).information() {
                record.take(time)
            }
        }
        return record
    }

    mutating func thread(
        of task: UInt16, from place: UInt8, _ client: ClientBadge
    ) throws(RootError) -> ThreadRecord {
        try answering { () throws(FactoryFailure) in
            try describeThread(try index(of: task), from: Int(place))
        }
    }

    private func describeThread(
        _ number: Int, from first: Int
    ) throws(FactoryFailure) -> ThreadRecord {
        var from = first
        while let (place, name) = namedThread(of: number, from: from) {
            from = place + 1
            let information = try? with(.started(place), of: number) {
                (thread) throws(KernelError) in try thread.information()
            }
            // A task may write a name for a place where no thread is.
            guard let information else { continue }
            return ThreadRecord(
                place: UInt8(place), name: FixedString(name: name.words),
                state: information.state, basePriority: information.base,
                effectivePriority: information.effective, core: information.core,
                processorTicks: information.processorTime.ticks)
        }
        throw FactoryFailure(.nothingThere)
    }

    mutating func activity(
        without first: UInt16, _ client: ClientBadge
    ) -> Items<TaskActivity, 25> {
        var items = Items<TaskActivity, 25>()
        for number in min(Int(first), tasks.count)..<tasks.count {
            var activity = TaskActivity(
                phase: tasks[number].phase, state: .stopped, effectivePriority: 0,
                generation: tasks[number].generation, processorTicks: 0)
            let thread = Thread(slots.task(number).thread)
            if activity.phase == .running, let state = try? thread.information() {
                activity.state = state.state
                activity.effectivePriority = state.effective
                activity.processorTicks = state.processorTime.ticks
            }
            if !items.append(activity) { break }
        }
        return items
    }

    mutating func memory(of task: UInt16, _ client: ClientBadge) throws(RootError) -> TaskMemory {
        try answering { () throws(FactoryFailure) in describeMemory(try index(of: task)) }
    }

    private func describeMemory(_ number: Int) -> TaskMemory {
        let task = tasks[number]
        var memory = TaskMemory(persistent: UInt64(task.description.persistentBytes))
        if task.hasArena, let state = try? Untyped(slots.task(number).arena).information() {
            memory.arena = 1 << UInt64(state.sizeBits)
            memory.descriptors = state.lowBytes
            memory.pages = state.highBytes
            memory.arenaBase = state.physicalBase
        }
        if task.hasUntyped, let state = try? Untyped(slots.task(number).untyped).information() {
            memory.untyped = 1 << UInt64(state.sizeBits)
            memory.untypedBase = state.physicalBase
        }
        return memory
    }

    mutating func policy(of task: UInt16, _ client: ClientBadge) throws(RootError) -> TaskPolicy {
        let number = try answering { () throws(FactoryFailure) in try index(of: task) }
        let state = tasks[number]
        let restart = state.description.restart
        return TaskPolicy(
            phase: state.phase, generation: state.generation, progress: state.progress,
            heartbeat: state.description.heartbeat, maximumRestarts: restart.maximumRestarts,
            initialBackOff: restart.initialBackOff, maximumBackOff: restart.maximumBackOff,
            stableRun: restart.stableRun, onGiveUp: restart.onGiveUp.rawValue,
            takesMachine: state.description.privileges.contains(.rootView))
    }

    mutating func interrupt(
        _ index: UInt32, _ client: ClientBadge
    ) throws(RootError) -> InterruptRecord {
        var remaining = Int(index)
        for number in 0..<tasks.count {
            let lines = tasks[number].device.lines
            if remaining >= lines.count {
                remaining -= lines.count
                continue
            }
            let state = try? Interrupt(slots.task(number).interrupt(remaining)).information()
            return InterruptRecord(
                task: UInt16(number + 1), line: UInt32(truncatingIfNeeded: lines[remaining].line),
                count: state?.count ?? 0, isBound: state?.isBound ?? false,
                isOutstanding: state?.isOutstanding ?? false)
        }
        throw .nothingThere
    }

    mutating func capability(
        in slot: UInt32, of task: UInt16, _ client: ClientBadge
    ) throws(RootError) -> CapabilityRecord {
        let number = try answering { () throws(FactoryFailure) in try index(of: task) }
        if tasks[number].phase != .running { throw .wrongState }
        if UInt64(slot) >= 1 << UInt64(tasks[number].description.tableBits) { throw .badRequest }
        do throws(KernelError) {
            let state = try CapabilityTable(slots.task(number).table).describe(Slot(slot))
            return CapabilityRecord(
                kind: state.kind, rights: state.rights.raw, badge: state.badge,
                depth: UInt64(state.depth))
        } catch { throw .kernel(error) }
    }

    mutating func machineMemory(_ client: ClientBadge) -> MachineMemory {
        MachineMemory(
            ram: boot.ramBytes, kernel: boot.kernelBytes, free: memory.freeBytes(),
            given: memory.givenBytes)
    }

    mutating func core(_ number: UInt8, _ client: ClientBadge) throws(RootError) -> CoreCounts {
        if Int(number) >= Limits.cores { throw .nothingThere }
        let system = SystemControl(RootSlot.systemControl)
        do throws(KernelError) {
            let counts = try system.statistics(from: .idleTicks, ofCore: Int(number))
            let interrupts = try system.statistics(from: .interrupts, ofCore: Int(number)).w0
            return CoreCounts(
                idleTicks: counts.w0, coreInterrupts: counts.w1, lockHeldTicks: counts.w2,
                lockWaitTicks: counts.w3, lockWaits: counts.w4, threads: counts.w5,
                interrupts: interrupts)
        } catch { throw .nothingThere }
    }

    mutating func provider(
        of service: FixedString<32>, _ client: ClientBadge
    ) throws(RootError) -> UInt16 {
        guard let number = provider(of: Name(service.nameWords)) else { throw .noSuchService }
        return UInt16(number + 1)
    }
}

extension TaskRecord {
    fileprivate mutating func take(_ time: Budget.Information) {
        let spent = Int64(time.limit.ticks) - time.left
        let microseconds = Duration(ticks: UInt64(max(spent, 0))).microseconds
        budgetSpent = UInt32(min(microseconds, UInt64(UInt32.max)))
        overruns = time.overruns
    }

    fileprivate mutating func take(_ thread: Thread.Information) {
        state = thread.state
        basePriority = thread.base
        effectivePriority = thread.effective
        maximumPriority = thread.maximum
        core = thread.core
        processorTicks = thread.processorTime.ticks
        switches = thread.switches
        programCounter = thread.programCounter
    }
}
