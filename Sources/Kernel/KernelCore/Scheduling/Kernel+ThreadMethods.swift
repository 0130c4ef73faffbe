// The methods of a thread: its parts, its priorities and its registers.

import HardwareInterface
import KernelABI

extension Kernel where H: ~Copyable {
    mutating func threadMethod(_ caller: Ref<Thread>, _ number: Slot, _ method: Method)
        throws(KernelError) -> Outcome
    {
        let isReading = method == .threadInformation || method == .readRegisters
        let thread: Ref<Thread> = try object(caller, number, .thread, isReading ? .read : .write)
        // What needs manage besides is the maker's: a task does not hold it over its first thread.
        switch method {
        case .configure:
            _ = try need(caller, number, .manage)
            return try configure(caller, thread)
        case .setPriority: return try setPriority(caller, number, thread)
        case .setSlice:
            _ = try need(caller, number, .manage)
            let slice = argument(caller, 1)
            if slice >= 1 << 62 || (slice != 0 && slice < shortestPeriod) { throw .invalidArgument }
            thread.pointee.slice = slice
            core.isStale = true
            tellOfChange(thread)
            // A thread with a slice takes the general path, which starts the slice.
            if let endpoint = thread.pointee.endpoint, endpoint.pointee.readyServer == thread {
                queueReadyServer(endpoint)
            }
            queueSoleCaller(of: thread)
        case .resume:
            while thread.state == .faulted && thread.isEnding {
                finish(thread)
                if isInterrupted() { return .restart }
            }
            return try done(caller, resume(thread))
        case .suspend:
            if isRunningElsewhere(thread) {
                requestStop(thread)
                return .restart
            }
            if !suspend(thread) { return .restart }
        case .setCore:
            _ = try need(caller, number, .manage)
            let number = Int(truncatingIfNeeded: argument(caller, 1) & 63)
            if argument(caller, 1) >= UInt64(Limits.cores) || shared.pointee.cores[number] == nil {
                throw .invalidArgument
            }
            if !move(thread, to: number) { return .restart }
        case .bindBudget:
            _ = try need(caller, number, .manage)
            if try !bindBudget(caller, thread) { return .restart }
        case .setEntry:
            if !isStopped(thread) { throw .wrongState }
            thread.pointee.context = UserContext()
            thread.pointee.context.programCounter = argument(caller, 1)
            thread.pointee.context.stackPointer = argument(caller, 2)
            thread.pointee.context.x.0 = argument(caller, 3)
            thread.pointee.context.threadPointer = argument(caller, 4)
        case .readRegisters, .writeRegisters:
            try exchangeRegisters(caller, thread, write: method == .writeRegisters)
        case .bindNotification:
            if slotArgument(caller, 1) == .none { return try done(caller, bind(thread, nil)) }
            let notification: Ref<Notification> = try object(
                caller, slotArgument(caller, 1), .notification, .manage)
            if isInterrupted() { return .restart }
            return try done(caller, bind(thread, notification))
        default: return information(caller, thread)
        }
        return try done(caller, nil)
    }

    /// Whether the thread's registers may be exchanged: no operation of its own is going to change
    /// them.
    private func isStopped(_ thread: Ref<Thread>) -> Bool {
        thread.state == .stopped || thread.state == .faulted
    }

    // Configuration

    /// Replaces the thread's table, address space, buffer and fault handler. The arguments are
    /// slots; `Slot.none` leaves a part as it is. Restartable.
    private mutating func configure(_ caller: Ref<Thread>, _ thread: Ref<Thread>)
        throws(KernelError) -> Outcome
    {
        let table = try part(caller, 1, .capabilityTable, .write)
        let space = try part(caller, 2, .addressSpace, .manage)
        let buffer = try part(caller, 3, .frame, .read | .write)
        let fault = try part(caller, 4, .endpoint, .write | .handleFaults)
        if let frame = buffer?.frame, frame.pointee.isDevice || frame.pointee.size != .page {
            throw .invalidArgument
        }
        if isInterrupted() { return .restart }
        if fault != nil && !endWaits(with: thread.faultSlot) { return .restart }
        if let fault, let error = set(thread.faultSlot, fault) { throw error }
        if isInterrupted() { return .restart }
        // Nothing restarts from here on: these may be the caller's own table and address space.
        if core.isShared { requestReload(thread) }
        if let space, let error = set(thread.spaceSlot, space) { throw error }
        if let table, let error = set(thread.tableSlot, table) { throw error }
        var area: Ref<FloatingPointArea>?
        if let buffer {
            if let page = bufferPage(buffer) { area = copyFloatingPoint(of: thread, to: page) }
            if let error = set(thread.bufferSlot, buffer) { throw error }
        }
        refreshParts(thread)
        if let area { keepFloatingPoint(of: thread, in: area) }
        return try done(caller, nil)
    }

    private func part(
        _ caller: Ref<Thread>, _ number: Int, _ kind: ObjectKind, _ right: Rights
    ) throws(KernelError) -> Ref<Capability>? {
        if slotArgument(caller, number) == .none { return nil }
        let slot = try need(caller, slotArgument(caller, number), right)
        if slot.pointee.kind != kind { throw .wrongKind }
        if let object = slot.pointee.object, object.pointee.isDying { throw .invalidCapability }
        if Int(slot.pointee.depth) >= Limits.derivationDepth { throw .derivationTooDeep }
        return slot
    }

    /// Puts a copy of a capability into a slot of the control block. Nothing derives from such a
    /// slot.
    private mutating func set(_ slot: Ref<Capability>, _ source: Ref<Capability>) -> KernelError? {
        removePart(slot)
        return slot.derive(from: source, rights: .all, badge: source.badgeToCopy, placement: .child)
    }

    /// Updates the values that the control block caches of its capabilities.
    mutating func refreshParts(_ thread: Ref<Thread>) {
        if let table = thread.tableSlot.capabilityTable {
            thread.pointee.tableBase = table.slot(0).bits
            thread.pointee.tableCount = UInt(truncatingIfNeeded: table.pointee.count)
        }
        if let space = thread.spaceSlot.addressSpace {
            setTranslationBase(thread, space.pointee.translationBase)
        }
        if let page = bufferPage(thread.bufferSlot) { thread.pointee.buffer = page }
    }
    /// Returns the page of a capability to a frame; nil for another kind.
    private func bufferPage(_ slot: Ref<Capability>) -> Ref<BufferPage>? {
        guard let frame = slot.frame else { return nil }
        return unsafe reference(
            hardware.kernelAddress(physical: frame.pointee.physical), as: BufferPage.self)
    }

    /// Sets the thread's translation base. The current thread's takes effect here: an exit to the
    /// same thread does not load it.
    ///
    /// - Precondition: another core that runs the thread was asked to reload.
    mutating func setTranslationBase(_ thread: Ref<Thread>, _ base: UInt64) {
        thread.pointee.translationBase = base
        if core.current == thread { hardware.activate(translationBase: base) }
    }

    // Priority

    /// Sets base and maximum priority. Another maximum needs the right manage in slot `number`.
    private mutating func setPriority(
        _ caller: Ref<Thread>, _ number: Slot, _ thread: Ref<Thread>
    ) throws(KernelError) -> Outcome {
        let base = argument(caller, 1)
        let maximum = argument(caller, 2)
        if base > 255 || maximum > 255 || base > maximum { throw .invalidArgument }
        if maximum > UInt64(caller.pointee.maximum) { throw .notPermitted }
        if maximum != UInt64(thread.pointee.maximum) { _ = try need(caller, number, .manage) }
        thread.pointee.maximum = UInt8(truncatingIfNeeded: maximum)
        setBase(thread, UInt8(truncatingIfNeeded: base))
        return try done(caller, nil)
    }

    /// Changes the base priority. Inherited priority stays. A demoted thread is demoted again
    /// before it runs at the new one.
    mutating func setBase(_ thread: Ref<Thread>, _ base: UInt8) {
        if core.hasBudgets, let budget = thread.pointee.budget {
            undemote(thread, budget, to: base)
        } else {
            thread.pointee.ownBase = base
            thread.pointee.base = base
        }
        followThread(of: thread.pointee.boundNotification)
        requestUpdate(thread)
    }

    // Registers

    private func exchangeRegisters(_ caller: Ref<Thread>, _ thread: Ref<Thread>, write: Bool)
        throws(KernelError)
    {
        if !isStopped(thread) { throw .wrongState }
        guard let buffer = caller.pointee.buffer else { throw .noBuffer }
        // x0–x30 and SP, PC, flags, TPIDR_EL0 are 35 words in a row, in the context and from word 8
        // of the buffer on.
        let registers = unsafe reference(thread.contextAddress, as: RegisterWords.self)
        let words = unsafe reference(buffer.raw + 64, as: RegisterWords.self)
        if write {
            copy(words, to: registers)
            thread.pointee.context.setFlags(thread.pointee.context.flags)
        } else {
            copy(registers, to: words)
            words.pointee.words[33] &= UserContext.settable
        }
    }
    @inline(never) private func copy(_ from: Ref<RegisterWords>, to: Ref<RegisterWords>) {
        // 35 rounds.
        for index in 0..<35 { to.pointee.words[index] = from.pointee.words[index] }
    }

    private mutating func information(_ caller: Ref<Thread>, _ thread: Ref<Thread>) -> Outcome {
        if thread == caller { chargeRunning() }
        let state = UInt64(thread.state.reported.rawValue)
        let priorities =
            UInt64(thread.pointee.ownBase) << 8 | UInt64(thread.effective) << 16
            | UInt64(thread.pointee.maximum) << 24 | (thread.pointee.isDemoted ? 1 << 40 : 0)
        let home = UInt64(truncatingIfNeeded: thread.home)
        let time = thread.pointee.processorTime
        let counter = thread.pointee.context.programCounter
        let stack = thread.pointee.context.stackPointer
        let switches = thread.pointee.switches
        complete(caller, .success)
        caller.pointee.context.x.3 = state | priorities | home &<< 32
        caller.pointee.context.x.4 = time
        caller.pointee.context.x.5 = counter
        caller.pointee.context.x.6 = stack
        caller.pointee.context.x.7 = switches
        return .done
    }
}

/// The 35 words of a context that `readRegisters` and `writeRegisters` exchange.
public struct RegisterWords: ~Copyable {
    var words: InlineArray<35, UInt64>
}

extension RunState {
    /// The state as the interface reports it.
    var reported: ThreadState {
        switch raw {
        case RunState.running.raw: return .running
        case RunState.ready.raw: return .ready
        case RunState.calling.raw: return .calling
        case RunState.sending.raw: return .sending
        case RunState.receiving.raw: return .receiving
        case RunState.awaitingReply.raw: return .awaitingReply
        case RunState.waiting.raw, RunState.awaitingCore.raw, RunState.locking.raw: return .waiting
        case RunState.faulted.raw: return .faulted
        default: return .stopped
        }
    }
}
