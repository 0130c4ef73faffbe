// The factory's requests, decoded and checked before anything is done.

import KernelABI
import Protocols
import ServiceCores
import UserRuntime

extension FactoryFailure {
    /// What the caller is told.
    var message: RegisterMessage {
        RegisterMessage(cause.rawValue, UInt64(kernel?.rawValue ?? 0))
    }
}

extension Factory {
    /// Performs one request of the caller that `reply` holds, and answers it.
    ///
    /// - Parameter message: the request, and then the answer.
    mutating func answer(_ request: Received, _ message: inout LongMessage, _ reply: Reply) {
        do throws(FactoryFailure) {
            if try !perform(request, &message, reply) { return }
        } catch { message.set(error.message) }
        // A caller that gave up meanwhile needs no answer.
        try? reply.reply(&message)
    }

    /// Performs one request of the caller that `reply` holds.
    ///
    /// - Parameter message: the request, and then the answer.
    /// - Returns: whether the caller still waits for the answer.
    private mutating func perform(
        _ request: Received, _ message: inout LongMessage, _ reply: Reply
    ) throws(FactoryFailure) -> Bool {
        let code = UInt8(truncatingIfNeeded: request[0])
        guard let operation = FactoryOperation(rawValue: code) else {
            throw FactoryFailure(.badRequest)
        }
        try authorize(operation, request)
        // Only `spawnDriver` has more than the words of `request`.
        switch operation {
        case .spawnDriver, .service: break
        default: message.set(RegisterMessage(length: 8))
        }
        switch operation {
        case .manifest: try copyManifest(request, reply, &message)
        case .spawn:
            guard let number = number(of: name(request, at: 1)) else {
                throw FactoryFailure(.noSuchTask)
            }
            try start(number)
            message[1] = UInt64(number) + 1
        case .spawnDriver:
            let number = try spawnDriver(&message)
            message.set(RegisterMessage(0, number))
        case .kill:
            let number = try task(request[1])
            try kill(number)
            note(operation, number, by: request.client)
        case .move: try move(try task(request[1]), to: request[2])
        case .join: try join(try task(request.client.task), share: request[1], place: request[2])
        case .restart:
            let number = try task(request[1])
            let argument = name(request, at: 2)
            if !argument.isEmpty && !tasks[number].description.privileges.contains(.rootView) {
                throw FactoryFailure(.badRequest)
            }
            tasks[number].argument = argument
            tasks[number].life = nil
            try start(number)
            message[1] = UInt64(tasks[number].generation)
        case .task: describe(try task(request[1]), &message)
        case .taskMemory: try describeMemory(try task(request[1]), &message)
        case .interrupt: try describeInterrupt(request[1], &message)
        case .capability: try describeCapability(try task(request[1]), request[2], &message)
        case .memory:
            message[1] = boot.ramBytes
            message[2] = boot.kernelBytes
            message[3] = memory.freeBytes()
            message[4] = memory.givenBytes
        case .service:
            try giveService(request, reply)
            return false
        case .power: try power(request[1], request[2])
        case .crash:
            let number = try task(request[1])
            try crash(number)
            note(operation, number, by: request.client)
        case .root: describeRoot(&message)
        case .activity: describeActivity(request[1], &message)
        case .core: try describeCore(request[1], &message)
        case .thread: try describeThread(try task(request[1]), from: request[2], &message)
        case .stack: try describeStack(try task(request[1]), request, &message)
        case .hang:
            let number = try task(request[1])
            try hang(number)
            note(operation, number, by: request.client)
        case .begin: try begin(try task(request[1]))
        case .policy:
            let state = tasks[try task(request[1])]
            let description = state.description
            message[5] = UInt64(state.phase.rawValue) | UInt64(state.generation) << 8
            message[1] = UInt64(description.heartbeat)
            let restart = description.restart
            message[2] =
                UInt64(restart.maximumRestarts) | UInt64(restart.initialBackOff) << 16
            message[3] =
                UInt64(restart.maximumBackOff) | UInt64(restart.onGiveUp.rawValue) << 32
            message[4] = UInt64(restart.stableRun)
            message[6] = UInt64(description.privileges.raw)
            message[7] = state.progress.word
        }
        return true
    }

    func task(_ word: UInt64) throws(FactoryFailure) -> Int {
        if word == 0 || word > UInt64(tasks.count) { throw FactoryFailure(.noSuchTask) }
        return Int(word) - 1
    }

    func name(_ request: Received, at index: Int) -> Name {
        Name(request[index], request[index + 1], request[index + 2], request[index + 3])
    }

    private func name(_ request: inout LongMessage, _ index: Int) -> Name {
        Name(request[index], request[index + 1], request[index + 2], request[index + 3])
    }

    private func copyManifest(
        _ request: Received, _ reply: Reply, _ message: inout LongMessage
    ) throws(FactoryFailure) {
        let size = unsafe UInt64(manifestFile.count)
        let offset = min(request[1], size)
        let count = min(size - offset, request.loanLength)
        message[1] = size
        message[2] = count
        if count == 0 { return }
        let address = unsafe UInt64(UInt(bitPattern: manifestFile.baseAddress)) + offset
        do throws(KernelError) {
            try reply.loanWrite(offset: 0, from: address, length: count)
        } catch {
            throw FactoryFailure(.kernel, error)
        }
    }

    private mutating func spawnDriver(
        _ request: inout LongMessage
    ) throws(FactoryFailure) -> UInt64 {
        let ranges = Int(request[0] >> 8 & 0xff)
        let lines = Int(request[0] >> 16 & 0xff)
        let instance = Int(request[0] >> 24 & 0xff)
        let parameters = Int(request[0] >> 40 & 0xff)
        let length = DriverRequest.length(ranges: ranges, lines: lines, parameters: parameters)
        if ranges > DriverRequest.maximumRanges || lines > DriverRequest.maximumLines
            || parameters > DriverRequest.maximumParameters || request.length < length
        {
            throw FactoryFailure(.badRequest)
        }
        guard let entry = number(of: name(&request, DriverRequest.entry)),
            tasks[entry].description.start == .device
        else { throw FactoryFailure(.noSuchTask) }
        var device = DeviceShare()
        device.variant = request[0] >> 32 & 0xff
        let window = DriverRequest.window(ranges: ranges, lines: lines)
        device.memory = DMAWindow(
            bus: request[window], physical: request[window + 1], bytes: request[window + 2])
        for index in 0..<parameters { device.parameters.append(request[window + 3 + index]) }
        for index in 0..<ranges {
            let at = DriverRequest.device + 2 * index
            device.registers.append((request[at], request[at + 1]))
        }
        for index in 0..<lines {
            let line = request[DriverRequest.device + 2 * ranges + index]
            device.lines.append((Int(line & 0xffff_ffff), line >> 32 == 1 ? .edge : .level))
        }
        var number = entry
        if tasks[entry].generation == 0 {
            try checkFree(device, for: tasks[entry].description, except: entry)
        } else {
            var state = TaskState(tasks[entry].description)
            state.name = name(&request, DriverRequest.name)
            if !state.service.isEmpty { state.service = state.service.numbered(instance) }
            let listed = self.number(of: state.name)
            // A driver that could not be started is listed, and has no device.
            if let listed,
                tasks[listed].generation > 0
                    || tasks[listed].description.name != state.description.name
            {
                throw FactoryFailure(.wrongState)
            }
            try checkFree(device, for: state.description, except: listed)
            number = if let listed { listed } else { try list(state) }
        }
        tasks[number].device = device
        do throws(FactoryFailure) { try start(number) } catch {
            tasks[number].device = DeviceShare()
            throw error
        }
        return UInt64(number) + 1
    }

    private mutating func describeRoot(_ message: inout LongMessage) {
        var record = TaskRecord(Name("root"))
        record.phase = .running
        record.generation = 1
        record.stackBytes = UInt32(BootInformation.stackBytes)
        record.stackUsed = stack.usedBytes()
        if let state = try? Thread(RootSlot.thread).information() { record.take(state) }
        write(record, &message)
    }

    private func write(_ record: TaskRecord, _ message: inout LongMessage) {
        for index in 1..<TaskRecord.words { message[index] = record.word(index) }
    }

    private mutating func describe(_ number: Int, _ message: inout LongMessage) {
        let task = tasks[number]
        var record = TaskRecord(task.name)
        record.phase = task.phase
        record.generation = task.generation
        record.stackBytes = task.description.stackBytes
        record.basePriority = task.description.priority
        record.maximumPriority = task.description.maximumPriority
        record.start = task.description.start.rawValue
        record.budget = task.description.budget.limit
        record.budgetPeriod = task.description.budget.period
        let place = slots.task(number)
        if task.phase == .running, let state = try? Thread(place.thread).information() {
            record.take(state)
            if isFaulted(number) { record.state = .faulted }
            record.stackUsed = stackUsed(number)
            if task.description.budget.isSet, let time = try? Budget(place.budget).information() {
                record.take(time)
            }
        }
        write(record, &message)
    }

    private func describeThread(
        _ number: Int, from first: UInt64, _ message: inout LongMessage
    ) throws(FactoryFailure) {
        var from = first
        while let (place, name) = namedThread(of: number, from: from) {
            from = UInt64(place) + 1
            let information = try? with(.started(place), of: number) {
                (thread) throws(KernelError) in try thread.information()
            }
            // A task may write a name for a place where no thread is.
            guard let information else { continue }
            var record = TaskRecord(name)
            record.phase = .running
            record.take(information)
            write(record, &message)
            message[TaskRecord.words] = UInt64(place)
            return
        }
        throw FactoryFailure(.noSuchTask)
    }

    private func describeCore(
        _ number: UInt64, _ message: inout LongMessage
    ) throws(FactoryFailure) {
        if number >= UInt64(Limits.cores) { throw FactoryFailure(.noSuchTask) }
        let system = SystemControl(RootSlot.systemControl)
        do throws(KernelError) {
            let counts = try system.statistics(from: .idleTicks, ofCore: Int(number))
            message[CoreRecord.idleTicks] = counts.w0
            message[CoreRecord.coreInterrupts] = counts.w1
            message[CoreRecord.lockHeldTicks] = counts.w2
            message[CoreRecord.lockWaitTicks] = counts.w3
            message[CoreRecord.lockWaits] = counts.w4
            message[CoreRecord.threads] = counts.w5
            message[CoreRecord.interrupts] =
                try system.statistics(from: .interrupts, ofCore: Int(number)).w0
        } catch { throw FactoryFailure(.noSuchTask) }
    }

    private func describeActivity(_ first: UInt64, _ message: inout LongMessage) {
        let start = Int(min(first, UInt64(tasks.count)))
        let end = min(tasks.count, start + ActivityRecord.maximumCount)
        message[1] = UInt64(end - start)
        for number in start..<end {
            let at = ActivityRecord.start + ActivityRecord.stride * (number - start)
            var record = TaskRecord(name: [0, 0, 0, 0])
            record.phase = tasks[number].phase
            let thread = Thread(slots.task(number).thread)
            if record.phase == .running, let state = try? thread.information() {
                record.take(state)
            }
            message[at] = record.word(1)
            message[at + 1] = record.processorTicks
        }
    }

    private func describeStack(
        _ number: Int, _ request: Received, _ message: inout LongMessage
    ) throws(FactoryFailure) {
        let stackPointer = request[StackRecord.stackPointer]
        let isFault = request[StackRecord.kind] != 0
        let thread =
            isFault
            ? faultedThread(
                of: number, programCounter: request[StackRecord.faultedAt],
                stackPointer: stackPointer) : .first
        guard let thread else { throw FactoryFailure(.wrongState) }
        let place = try stop(number, thread)
        message[StackRecord.programCounter] = place.programCounter
        message[StackRecord.linkRegister] = place.linkRegister
        let addresses = returnAddresses(number, frame: place.framePointer)
        message[StackRecord.depth] = UInt64(addresses.count)
        for index in 0..<addresses.count {
            message[StackRecord.addresses + index] = addresses[index]
        }
        if !isFault { return }
        let cause = cause(
            number, thread, place, request[StackRecord.kind], address: request[StackRecord.address],
            syndrome: request[StackRecord.syndrome], stackPointer: stackPointer)
        let (words, saying) = (cause.words, cause.saying)
        message[StackRecord.lengths] = UInt64(words.count) | UInt64(saying.count) << 8
        message.setBytes(words.span, at: StackRecord.cause)
        message.setBytes(saying.span, at: StackRecord.saying)
        let name = name(of: thread, in: number)
        for index in 0..<4 { message[StackRecord.thread + index] = name[word: index] }
    }

    private func describeMemory(
        _ number: Int, _ message: inout LongMessage
    ) throws(FactoryFailure) {
        let task = tasks[number]
        if task.hasArena, let state = try? Untyped(slots.task(number).arena).information() {
            message[TaskMemory.arena] = 1 << UInt64(state.sizeBits)
            message[TaskMemory.descriptors] = state.lowBytes
            message[TaskMemory.pages] = state.highBytes
            message[TaskMemory.arenaBase] = state.physicalBase
        }
        message[TaskMemory.persistent] = UInt64(task.description.persistentBytes)
        if task.hasUntyped, let state = try? Untyped(slots.task(number).untyped).information() {
            message[TaskMemory.untyped] = 1 << UInt64(state.sizeBits)
            message[TaskMemory.untypedBase] = state.physicalBase
        }
    }

    private func describeInterrupt(
        _ index: UInt64, _ message: inout LongMessage
    ) throws(FactoryFailure) {
        var remaining = index
        for number in 0..<tasks.count {
            let count = UInt64(tasks[number].device.lines.count)
            if remaining >= count {
                remaining -= count
                continue
            }
            let line = tasks[number].device.lines[Int(remaining)].line
            message[InterruptRecord.task] = UInt64(number) + 1
            message[InterruptRecord.line] = UInt64(line)
            let interrupt = Interrupt(slots.task(number).interrupt(Int(remaining)))
            if let state = try? interrupt.information() {
                message[InterruptRecord.count] = state.count
                message[InterruptRecord.flags] =
                    (state.isBound ? 1 : 0) | (state.isOutstanding ? 2 : 0)
            }
            return
        }
        throw FactoryFailure(.noSuchTask)
    }

    private func describeCapability(
        _ number: Int, _ slot: UInt64, _ message: inout LongMessage
    ) throws(FactoryFailure) {
        let count: UInt64 = 1 << UInt64(tasks[number].description.tableBits)
        message[5] = count
        if tasks[number].phase != .running { throw FactoryFailure(.wrongState) }
        if slot >= count { throw FactoryFailure(.badRequest) }
        do throws(KernelError) {
            let state = try CapabilityTable(slots.task(number).table).describe(Slot(UInt32(slot)))
            message[1] = UInt64(state.kind.rawValue)
            message[2] = UInt64(state.rights.raw)
            message[3] = state.badge
            message[4] = UInt64(state.depth)
        } catch { throw FactoryFailure(.kernel, error) }
    }
}

extension TaskRecord {
    init(_ name: Name) { self.init(name: [name.word0, name.word1, name.word2, name.word3]) }

    mutating func take(_ time: Budget.Information) {
        let spent = Int64(time.limit.ticks) - time.left
        let microseconds = Duration(ticks: UInt64(max(spent, 0))).microseconds
        budgetSpent = UInt32(min(microseconds, UInt64(UInt32.max)))
        overruns = time.overruns
    }

    mutating func take(_ thread: Thread.Information) {
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
