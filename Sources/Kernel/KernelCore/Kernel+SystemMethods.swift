// System control: the console of last resort, power, statistics, the trace.

import HardwareInterface
import KernelABI

/// The kind of a trace event.
public enum TraceKind: UInt64, Sendable {
    case switched = 1
    case readied = 2
    case systemCall = 3
    case interrupt = 4
    case fault = 5
}

extension Kernel where H: ~Copyable {
    mutating func systemMethod(_ thread: Ref<Thread>, _ number: Slot, _ method: Method)
        throws(KernelError) -> Outcome
    {
        let right: Rights
        switch method {
        case .statistics: right = .read
        case .consoleWrite: right = .write
        case .trace: right = .execute
        default: right = .manage
        }
        _ = try object(thread, number, .systemControl, right) as Ref<Authority>
        switch method {
        case .consoleWrite:
            if argument(thread, 1) > 64 { throw .invalidArgument }
            if !writeConsole(thread) { return .restart }
        case .powerOff: hardware.powerOff(status: argument(thread, 1))
        case .reboot: hardware.reboot()
        case .statistics: return try reportStatistics(thread)
        case .resetStatistics:
            core.statistics[.longestMasked] = 0
            core.statistics[.longestMaskedControl] = 0
            core.statistics[.longestMaskedPlace] = 0
        case .setBudget: if try !setBudget(thread) { return .restart }
        default: return try traceMethod(thread)
        }
        return try done(thread, nil)
    }

    /// Writes at most 64 bytes from the message registers to the kernel's console, one attempt a
    /// step.
    ///
    /// x2 keeps the progress: how many bytes are done, and in its upper half how often the console
    /// refused the next one. After `consolePatience` refusals the byte is dropped, so that the
    /// writer does not wait for ever.
    ///
    /// - Returns: false if an interrupt came between.
    private mutating func writeConsole(_ thread: Ref<Thread>) -> Bool {
        let words = unsafe reference(thread.contextAddress, as: RegisterWords.self)
        while argument(thread, 2) & 0xff < argument(thread, 1) {  // one look a round
            let index = Int(truncatingIfNeeded: argument(thread, 2) & 63)
            let word = words.pointee.words[3 &+ index / 8]
            let byte = UInt8(
                truncatingIfNeeded: word &>> UInt64(truncatingIfNeeded: 8 &* (index & 7)))
            let refusals = argument(thread, 2) &>> 32
            let isOver = hardware.offerConsole(byte) || refusals >= KernelLimits.consolePatience
            thread.pointee.context.x.2 =
                isOver
                ? UInt64(truncatingIfNeeded: index &+ 1)
                : UInt64(truncatingIfNeeded: index) | (refusals &+ 1) &<< 32
            if isInterrupted() { return false }
        }
        return true
    }

    /// Returns eight statistics; 0 for unknown ones.
    ///
    /// - Parameter one: the core; nil: all cores together. A block that begins with a maximum is
    ///   then the own core's.
    /// - Complexity: `Limits.cores` rounds.
    private mutating func statistics(from index: UInt64, of one: Ref<Core>?) -> StatisticsBlock {
        var block = StatisticsBlock()
        if index > UInt64(Statistics.count &- 8) { return block }
        let first = Int(truncatingIfNeeded: index)
        let isMaximum =
            index <= Statistic.longestMaskedPlace.rawValue || index >= EntryKind.firstStatistic
        let one = one ?? (isMaximum ? own : nil)
        let now = hardware.now.ticks
        var rounds = LoopBound(Limits.cores)
        for number in 0..<Limits.cores {
            rounds.count()
            guard let core = own.pointee.peers[number] else { continue }
            if let one, one != core { continue }
            if core.pointee.current == nil {
                core.pointee.statistics[.idleTicks] &+= now &- core.pointee.lastSwitch
                core.pointee.lastSwitch = now
            }
            block.add(core.statistics(from: first).pointee)
        }
        return block
    }

    private mutating func reportStatistics(_ thread: Ref<Thread>) throws(KernelError) -> Outcome {
        var one: Ref<Core>?
        let number = argument(thread, 2) &- 1
        if number < UInt64(Limits.cores) {
            one = core.peers[Int(truncatingIfNeeded: number)]
        }
        if one == nil && argument(thread, 2) != 0 { throw .invalidArgument }
        // The sum of what each core has counted stands with the first.
        let strays = hardware.strayExceptions(isShared: core.isShared)
        core.peers[0]?.pointee.statistics[.fastInterrupts] = strays.fastInterrupts
        core.peers[0]?.pointee.statistics[.systemErrors] = strays.systemErrors
        let block = statistics(from: argument(thread, 1), of: one).words
        complete(thread, .success)
        thread.pointee.context.x.3 = block.0
        thread.pointee.context.x.4 = block.1
        thread.pointee.context.x.5 = block.2
        thread.pointee.context.x.6 = block.3
        thread.pointee.context.x.7 = block.4
        thread.pointee.context.x.8 = block.5
        thread.pointee.context.x.9 = block.6
        thread.pointee.context.x.10 = block.7
        return .done
    }

    /// Records the sizes and the time that only the boot code knows.
    public mutating func noteBoot(textBytes: UInt64, dataBytes: UInt64, ticks: UInt64) {
        core.statistics[.kernelTextBytes] = textBytes
        core.statistics[.kernelDataBytes] = dataBytes
        core.statistics[.bootTicks] = ticks
    }

    // Trace

    @inline(never) mutating func trace(
        _ kind: TraceKind, _ thread: Ref<Thread>, detail: UInt64 = 0
    ) {
        if shared.pointee.traceCount >= KernelLimits.traceEvents { return }
        shared.pointee.trace[shared.pointee.traceCount] = TraceEvent(
            instant: hardware.now.ticks,
            what: kind.rawValue | UInt64(thread.effective) << 8 | detail << 16,
            thread: UInt64(thread.bits))
        shared.pointee.traceCount &+= 1
    }

    /// Turns the trace on or off, on all cores: each notices when it next enters the kernel.
    private mutating func trace(isOn: Bool) {
        var rounds = LoopBound(Limits.cores)
        for number in 0..<Limits.cores {
            rounds.count()
            guard let other = core.peers[number] else { continue }
            other.pointee.isTracing = isOn
            other.pointee.isStale = true
        }
    }

    private mutating func traceMethod(_ thread: Ref<Thread>) throws(KernelError) -> Outcome {
        switch argument(thread, 1) {
        case 0: trace(isOn: false)
        case 1:
            shared.pointee.traceCount = 0
            trace(isOn: true)
        case 2:
            let first = Int(truncatingIfNeeded: min(argument(thread, 2), 1 << 20))
            complete(thread, .success)
            thread.pointee.context.x.3 = UInt64(truncatingIfNeeded: shared.pointee.traceCount)
            if first < shared.pointee.traceCount {
                thread.pointee.context.x.4 = shared.pointee.trace[first].instant
                thread.pointee.context.x.5 = shared.pointee.trace[first].what
                thread.pointee.context.x.6 = shared.pointee.trace[first].thread
            }
            if first &+ 1 < shared.pointee.traceCount {
                thread.pointee.context.x.7 = shared.pointee.trace[first &+ 1].instant
                thread.pointee.context.x.8 = shared.pointee.trace[first &+ 1].what
                thread.pointee.context.x.9 = shared.pointee.trace[first &+ 1].thread
            }
            return .done
        default: throw .invalidArgument
        }
        return try done(thread, nil)
    }
}
