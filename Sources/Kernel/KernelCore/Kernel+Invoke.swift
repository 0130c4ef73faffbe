// `invoke`: one exhaustive switch dispatches the methods. Each is decoded and checked before
// anything changes.

import HardwareInterface
import KernelABI

extension Kernel where H: ~Copyable {
    @inline(__always) mutating func invoke(
        _ thread: Ref<Thread>, _ control: ControlWord
    ) -> Outcome {
        guard let method = control.method else { return .failed(.invalidArgument) }
        do { return try perform(thread, control.slot, method) } catch { return .failed(error) }
    }

    @inline(__always) private mutating func perform(
        _ thread: Ref<Thread>, _ slot: Slot, _ method: Method
    ) throws(KernelError) -> Outcome {
        switch method {
        case .retype, .reclaim, .untypedInformation: return try untypedMethod(thread, slot, method)
        case .copy, .mint, .move, .delete, .revoke, .describe:
            return try tableMethod(thread, slot, method)
        case .configure, .setPriority, .setSlice, .setCore, .resume, .suspend, .readRegisters,
            .writeRegisters, .setEntry, .bindNotification, .bindBudget, .threadInformation:
            return try threadMethod(thread, slot, method)
        case .map, .unmap, .protect, .attachTable: return try spaceMethod(thread, slot, method)
        case .frameInformation, .maintainCache: return try frameMethod(thread, slot, method)
        case .bindPage, .join, .leave: return try mutexMethod(thread, slot, method)
        case .bindServer, .close: return try endpointMethod(thread, slot, method)
        case .loanRead: return try copyLoan(thread, slot, toLoan: false)
        case .loanWrite: return try copyLoan(thread, slot, toLoan: true)
        case .bindAbandonment: return try bindAbandonment(thread, slot)
        case .createInterrupt:
            _ = try object(thread, slot, .interruptControl, .manage) as Ref<Authority>
            return try createInterrupt(thread)
        case .createASIDPool:
            _ = try object(thread, slot, .asidControl, .manage) as Ref<Authority>
            return try createASIDPool(thread)
        case .bindInterrupt, .acknowledge, .interruptInformation:
            return try interruptMethod(thread, slot, method)
        case .bindTimer, .arm, .cancelTimer: return try timerMethod(thread, slot, method)
        case .bindOverrun, .budgetInformation: return try budgetMethod(thread, slot, method)
        case .consoleWrite, .powerOff, .reboot, .statistics, .resetStatistics, .trace, .setBudget:
            return try systemMethod(thread, slot, method)
        case .readRegister, .writeRegister: return try registerMethod(thread, slot, method)
        }
    }

    /// Returns argument n of the call: x1 to x6.
    @inline(__always) func argument(_ thread: Ref<Thread>, _ number: Int) -> UInt64 {
        switch number {
        case 1: return thread.pointee.context.x.1
        case 2: return thread.pointee.context.x.2
        case 3: return thread.pointee.context.x.3
        case 4: return thread.pointee.context.x.4
        case 5: return thread.pointee.context.x.5
        default: return thread.pointee.context.x.6
        }
    }
    @inline(__always) func slotArgument(_ thread: Ref<Thread>, _ number: Int) -> Slot {
        Slot(UInt32(truncatingIfNeeded: argument(thread, number)))
    }
    func done(_ thread: Ref<Thread>, _ error: KernelError?) throws(KernelError) -> Outcome {
        if let error { throw error }
        complete(thread, .success)
        return .done
    }
    /// Completes the call with up to four results in x3–x6.
    func done(_ thread: Ref<Thread>, _ a: UInt64, _ b: UInt64 = 0, _ c: UInt64 = 0, _ d: UInt64 = 0)
        -> Outcome
    {
        complete(thread, .success)
        thread.pointee.context.x.3 = a
        thread.pointee.context.x.4 = b
        thread.pointee.context.x.5 = c
        thread.pointee.context.x.6 = d
        return .done
    }

    // Untyped memory

    private mutating func untypedMethod(
        _ thread: Ref<Thread>, _ number: Slot, _ method: Method
    ) throws(KernelError) -> Outcome {
        let slot = try need(thread, number, method == .untypedInformation ? .read : .manage)
        let untyped: Ref<Untyped> = try slot.object(.untyped)
        if method == .retype { return retype(thread, untyped) }
        if method == .reclaim {
            if untyped.pointee.isDevice { throw .wrongState }
            if !reclaim(untyped) { return .restart }
            return try done(thread, nil)
        }
        let taken = (1 << untyped.pointee.sizeBits) &- untyped.pointee.high
        return done(
            thread, untyped.pointee.physicalBase,
            UInt64(truncatingIfNeeded: untyped.pointee.sizeBits)
                | (untyped.pointee.isDevice ? 256 : 0),
            UInt64(truncatingIfNeeded: untyped.pointee.low), UInt64(truncatingIfNeeded: taken))
    }

    // Capability tables

    private mutating func tableMethod(
        _ thread: Ref<Thread>, _ number: Slot, _ method: Method
    ) throws(KernelError) -> Outcome {
        let source = try slot(
            thread, table: number, index: argument(thread, 1),
            right: method == .describe ? .read : .write)
        switch method {
        case .describe:
            return done(
                thread, UInt64(source.pointee.kind.rawValue), UInt64(source.pointee.rights.raw),
                source.pointee.badge,
                UInt64(source.pointee.depth))
        case .delete, .revoke:
            if source.pointee.object == nil { throw .invalidCapability }
            return revoke(source, andDelete: method == .delete) ? try done(thread, nil) : .restart
        default: break
        }
        if source.pointee.object == nil { throw .invalidCapability }
        let target = try slot(
            thread, table: slotArgument(thread, 2), index: argument(thread, 3), right: .write)
        if target.pointee.object != nil { throw .slotOccupied }
        if method == .move {
            source.move(to: target)
            return try done(thread, nil)
        }
        guard let placement = Placement(rawValue: argument(thread, 5)) else {
            throw .invalidArgument
        }
        var badge = source.badgeToCopy
        if method == .mint {
            if source.pointee.badge != 0 || source.pointee.kind == .frame { throw .invalidArgument }
            badge = argument(thread, 6)
        }
        let rights = Rights(raw: UInt8(truncatingIfNeeded: argument(thread, 4)))
        return try done(
            thread, target.derive(from: source, rights: rights, badge: badge, placement: placement))
    }

    // Address spaces and frames

    private mutating func spaceMethod(
        _ thread: Ref<Thread>, _ number: Slot, _ method: Method
    ) throws(KernelError) -> Outcome {
        let space: Ref<AddressSpace> = try object(thread, number, .addressSpace, .manage)
        do throws(MapError) {
            switch method {
            case .map: try map(thread, in: space)
            case .unmap: try unmap(thread, in: space)
            case .protect: try protect(thread, in: space)
            default: try attachTable(thread, to: space)
            }
        } catch {
            complete(thread, ResultWord(error: error.error))
            thread.pointee.context.x.3 = UInt64(truncatingIfNeeded: error.level)
            return .done
        }
        complete(thread, .success)
        return .done
    }

    /// Returns the slot that x1 names.
    ///
    /// - Throws: `invalidCapability` or `wrongKind` if it holds no frame.
    @inline(__always) private func frameSlot(
        _ thread: Ref<Thread>
    ) throws(MapError) -> Ref<Capability> {
        guard let slot = slot(thread, slotArgument(thread, 1)) else {
            throw MapError(.invalidCapability)
        }
        if slot.pointee.kind == .frame { return slot }
        throw MapError(slot.pointee.object == nil ? .invalidCapability : .wrongKind)
    }
    @inline(__always) private func map(_ thread: Ref<Thread>, in space: Ref<AddressSpace>)
        throws(MapError)
    {
        let rights = Rights(raw: UInt8(truncatingIfNeeded: thread.pointee.context.x.3))
        try map(frameSlot(thread), in: space, at: thread.pointee.context.x.2, rights: rights)
    }
    @inline(__always) private func unmap(_ thread: Ref<Thread>, in space: Ref<AddressSpace>)
        throws(MapError)
    {
        let slot = try frameSlot(thread)
        if slot.pointee.mappedIn != space { throw MapError(.notMapped) }
        unmap(slot)
    }
    private func protect(_ thread: Ref<Thread>, in space: Ref<AddressSpace>) throws(MapError) {
        let rights = Rights(raw: UInt8(truncatingIfNeeded: thread.pointee.context.x.2))
        try protect(frameSlot(thread), in: space, rights: rights)
    }
    private func attachTable(_ thread: Ref<Thread>, to space: Ref<AddressSpace>) throws(MapError) {
        let table: Ref<PageTable>
        do throws(KernelError) {
            table = try object(thread, slotArgument(thread, 1), .pageTable, .manage)
        } catch {
            throw MapError(error)
        }
        try attach(table, to: space, at: thread.pointee.context.x.2)
    }

    private mutating func frameMethod(
        _ thread: Ref<Thread>, _ number: Slot, _ method: Method
    ) throws(KernelError) -> Outcome {
        let slot = try need(thread, number, .manage)
        let frame: Ref<Frame> = try slot.object(.frame)
        if method == .frameInformation {
            return done(
                thread, frame.pointee.physical,
                UInt64(frame.pointee.size.rawValue) | (frame.pointee.isDevice ? 256 : 0),
                slot.pointee.mappedIn == nil ? 0 : slot.pointee.badge)
        }
        guard let operation = CacheOperation(rawValue: argument(thread, 1)), !frame.pointee.isDevice
        else {
            throw .invalidArgument
        }
        let size: UInt64 = 1 << UInt64(frame.pointee.size.rawValue)
        if argument(thread, 2) > size || argument(thread, 3) > size &- argument(thread, 2) {
            throw .invalidArgument
        }
        // One step a round; x2 and x3 keep the progress when the call restarts.
        while argument(thread, 3) > 0 {
            let bytes = min(argument(thread, 3), UInt64(truncatingIfNeeded: KernelLimits.cacheStep))
            let start = unsafe hardware.kernelAddress(
                physical: frame.pointee.physical &+ argument(thread, 2))
            unsafe hardware.maintainCache(operation, start, bytes: Int(truncatingIfNeeded: bytes))
            thread.pointee.context.x.2 &+= bytes
            thread.pointee.context.x.3 &-= bytes
            if argument(thread, 3) > 0 && isInterrupted() { return .restart }
        }
        return try done(thread, nil)
    }

    /// Reads or writes a 32-bit device register that shares a page with the kernel's own.
    private func registerMethod(
        _ thread: Ref<Thread>, _ number: Slot, _ method: Method
    ) throws(KernelError) -> Outcome {
        let isRead = method == .readRegister
        let window: Ref<RegisterWindow> = try object(
            thread, number, .registers, isRead ? .read : .write)
        let offset = argument(thread, 1)
        let bytes = window.pointee.bytes
        if offset & 3 != 0 || offset >= bytes || bytes &- offset < 4 { throw .invalidArgument }
        let address = window.pointee.address &+ offset
        if isRead { return done(thread, UInt64(hardware.readRegister(address))) }
        hardware.writeRegister(address, UInt32(truncatingIfNeeded: argument(thread, 2)))
        return try done(thread, nil)
    }

    // Endpoints, interrupts, timers

    private mutating func endpointMethod(
        _ thread: Ref<Thread>, _ number: Slot, _ method: Method
    ) throws(KernelError) -> Outcome {
        let endpoint: Ref<Endpoint> = try object(thread, number, .endpoint, .manage)
        if method == .close { return refuseSenders(endpoint) ? try done(thread, nil) : .restart }
        let server: Ref<Thread> = try object(thread, slotArgument(thread, 1), .thread, .write)
        return try done(thread, bindServer(endpoint, server))
    }

    private mutating func interruptMethod(
        _ thread: Ref<Thread>, _ number: Slot, _ method: Method
    ) throws(KernelError) -> Outcome {
        let interrupt: Ref<Interrupt> = try object(
            thread, number, .interrupt, method == .interruptInformation ? .read : .manage)
        if method == .acknowledge { return try done(thread, acknowledge(interrupt)) }
        if method == .bindInterrupt {
            let notification: Ref<Notification> = try object(
                thread, slotArgument(thread, 1), .notification, .manage)
            if argument(thread, 2) == 0 { throw .invalidArgument }
            let failure = bind(interrupt, notification, bits: argument(thread, 2))
            if failure == nil {
                interrupt.pointee.urgency = thread.pointee.ownBase
                interrupt.pointee.home = UInt8(truncatingIfNeeded: thread.home)
                follow(interrupt)
            }
            return try done(thread, failure)
        }
        return done(
            thread, UInt64(truncatingIfNeeded: interrupt.pointee.line), interrupt.pointee.count,
            (interrupt.pointee.isListed ? 1 : 0) | (interrupt.pointee.isOutstanding ? 2 : 0))
    }

    private mutating func timerMethod(
        _ thread: Ref<Thread>, _ number: Slot, _ method: Method
    ) throws(KernelError) -> Outcome {
        let timer: Ref<Timer> = try object(thread, number, .timer, .manage)
        switch method {
        case .arm:
            let isArmed = try arm(
                timer, at: Instant(ticks: argument(thread, 1)), period: argument(thread, 2),
                urgency: thread.pointee.maximum)
            if !isArmed { return .restart }
        case .bindTimer:
            if slotArgument(thread, 1) == .none { throw .invalidCapability }
            try bind(thread, timer.source)
        default: cancel(timer)
        }
        return try done(thread, nil)
    }
}
