// Retype: makes objects from untyped memory.
//
// Descriptors come from the low end of a region; memory for user code and page tables comes from
// the high end. Both are zeroed in steps before the object is made. A call makes its objects one at
// a time. The caller's registers keep the count, so a restarted call continues where it stopped.

import HardwareInterface
import KernelABI

extension Kernel where H: ~Copyable {
    /// Performs `retype`. x1: kind | sizeBits << 8, x2: count, x3: table, x4: first index, x5:
    /// memory for descriptors or ASID pool, x6: offset.
    ///
    /// x7 counts the objects that were made, also across restarts. User code sets it to 0.
    mutating func retype(_ thread: Ref<Thread>, _ source: Ref<Untyped>) -> Outcome {
        do { return try retypeSteps(thread, source) } catch {
            let made = thread.pointee.context.x.7
            complete(thread, ResultWord(error: error))
            thread.pointee.context.x.3 = made
            return .done
        }
    }

    @inline(__always) private mutating func retypeSteps(
        _ thread: Ref<Thread>, _ source: Ref<Untyped>
    ) throws(KernelError) -> Outcome {
        guard let kind = ObjectKind(rawValue: UInt8(truncatingIfNeeded: thread.pointee.context.x.1))
        else { throw .invalidArgument }
        let descriptors = try checkRetype(thread, source, kind)
        let low = Footprint.descriptor(kind, sizeBits: thread.retypeSize)
        while thread.pointee.context.x.2 > 0 {  // one object a round
            let target = try self.slot(
                thread, table: Slot(UInt32(truncatingIfNeeded: thread.pointee.context.x.3)),
                index: thread.pointee.context.x.4, right: .write)
            if target.pointee.object != nil { throw .slotOccupied }
            guard let high = try prepare(thread, source, descriptors, kind, low)
            else { return .restart }
            make(thread, source, descriptors, kind, low: low, high: high, target)
            thread.pointee.context.x.2 &-= 1
            thread.pointee.context.x.4 &+= 1
            thread.pointee.context.x.7 &+= 1
            if source.pointee.isDevice {
                thread.pointee.context.x.6 &+= 1 << UInt64(truncatingIfNeeded: thread.retypeSize)
            }
            if thread.pointee.context.x.2 == 0 { break }
            if isInterruptedAfterStep() { return .restart }
        }
        let made = thread.pointee.context.x.7
        complete(thread, .success)
        thread.pointee.context.x.3 = made
        return .done
    }

    /// Refuses kinds that `retype` does not make, sizes that a kind does not have, and an address
    /// space without a usable ASID pool.
    ///
    /// - Returns: the memory for descriptors.
    @inline(__always) private func checkRetype(
        _ thread: Ref<Thread>, _ source: Ref<Untyped>, _ kind: ObjectKind
    ) throws(KernelError) -> Ref<Untyped> {
        let other = Slot(UInt32(truncatingIfNeeded: thread.pointee.context.x.5))
        var descriptors = source
        if other != .none { descriptors = try otherMemory(thread, source, kind, other) }
        if descriptors.pointee.isDevice { throw .invalidArgument }
        if !source.isOpen { throw .wrongState }
        let size = UInt64(truncatingIfNeeded: thread.retypeSize)
        if size > 63 || kind.sizes & (1 &<< size) == 0 { throw .invalidArgument }
        if kind == .addressSpace { try checkPool(thread) }
        if source.pointee.isDevice && kind != .frame && kind != .untyped { throw .invalidArgument }
        return descriptors
    }

    /// Returns the memory for descriptors if x5 names a slot: other untyped memory for a device
    /// region; for an address space, whose ASID pool x5 names, the source itself.
    @inline(never) private func otherMemory(
        _ thread: Ref<Thread>, _ source: Ref<Untyped>, _ kind: ObjectKind, _ other: Slot
    ) throws(KernelError) -> Ref<Untyped> {
        if kind == .addressSpace { return source }
        if !source.pointee.isDevice { throw .invalidArgument }
        let descriptors: Ref<Untyped> = try object(thread, other, .untyped, .manage)
        if !descriptors.isOpen { throw .wrongState }
        return descriptors
    }

    /// Zeroes the memory of the next object.
    ///
    /// - Parameter low: the bytes that its descriptor takes.
    /// - Returns: the high end of the source once the object is made; nil if an interrupt came
    ///   between.
    /// - Throws: `insufficientMemory`; `invalidArgument` for a range outside a device region;
    ///   `exhausted` if the ASID pool has no number left.
    @inline(__always) private mutating func prepare(
        _ thread: Ref<Thread>, _ source: Ref<Untyped>, _ descriptors: Ref<Untyped>,
        _ kind: ObjectKind, _ low: Int
    ) throws(KernelError) -> Int? {
        if source.pointee.isDevice { return try prepareDevice(thread, source, descriptors, low) }
        var high = source.pointee.high
        let bytes = Footprint.memory(kind, sizeBits: thread.retypeSize)
        if bytes != 0 {
            high = (high &- bytes) & ~(bytes &- 1)
            if high < 0 { throw .insufficientMemory }
        }
        if !fits(source, low, high: high) { throw .insufficientMemory }
        // Memory of a smaller region is zeroed later, when objects are made from it.
        if kind != .untyped && high < source.pointee.high && !clearHigh(source, to: high) {
            return nil
        }
        if kind == .addressSpace && checkedPool(thread).pointee.used == ~0 { throw .exhausted }
        return clearLow(source, to: source.pointee.low &+ low) ? high : nil
    }

    @inline(never) private mutating func prepareDevice(
        _ thread: Ref<Thread>, _ source: Ref<Untyped>, _ descriptors: Ref<Untyped>, _ low: Int
    ) throws(KernelError) -> Int? {
        let offset = thread.pointee.context.x.6
        let size: UInt64 = 1 << UInt64(truncatingIfNeeded: thread.retypeSize)
        let end: UInt64 = 1 << UInt64(truncatingIfNeeded: source.pointee.sizeBits)
        if offset & (size &- 1) != 0 || offset >= end || size > end &- offset {
            throw .invalidArgument
        }
        if !fits(descriptors, low, high: descriptors.pointee.high) { throw .insufficientMemory }
        return clearLow(descriptors, to: descriptors.pointee.low &+ low)
            ? source.pointee.high : nil
    }

    private func fits(_ untyped: Ref<Untyped>, _ descriptor: Int, high: Int) -> Bool {
        high &- untyped.pointee.low >= descriptor
    }

    /// Zeroes the low end up to `end`.
    ///
    /// - Returns: false if an interrupt came between.
    private mutating func clearLow(_ untyped: Ref<Untyped>, to end: Int) -> Bool {
        var at = max(untyped.pointee.lowCleared, untyped.pointee.low)
        // Each step zeroes at most `zeroStep` bytes. The object keeps the progress.
        while at < end {
            let bytes = min(end &- at, KernelLimits.zeroStep)
            unsafe hardware.zero(memory(untyped, at), bytes: bytes)
            at = at &+ bytes
            untyped.pointee.lowCleared = at
            if isInterruptedAfterStep() { return false }
        }
        return true
    }

    /// Zeroes the high end down to `end`.
    ///
    /// - Returns: false if an interrupt came between.
    private mutating func clearHigh(_ untyped: Ref<Untyped>, to end: Int) -> Bool {
        var at = min(untyped.pointee.highCleared, untyped.pointee.high)
        // Each step zeroes at most `zeroStep` bytes. The object keeps the progress.
        while at > end {
            let bytes = min(at &- end, KernelLimits.zeroStep)
            at = at &- bytes
            unsafe hardware.zero(memory(untyped, at), bytes: bytes)
            untyped.pointee.highCleared = at
            if isInterruptedAfterStep() { return false }
        }
        return true
    }

    /// Returns the kernel's address of a byte of untyped memory.
    func memory(_ untyped: Ref<Untyped>, _ offset: Int) -> UnsafeMutableRawPointer {
        unsafe hardware.kernelAddress(physical: untyped.pointee.physicalBase) + offset
    }

    /// Makes one object in prepared memory, and its first capability.
    @inline(__always) private mutating func make(
        _ thread: Ref<Thread>, _ source: Ref<Untyped>, _ descriptors: Ref<Untyped>,
        _ kind: ObjectKind, low: Int, high: Int, _ target: Ref<Capability>
    ) {
        let place = unsafe memory(descriptors, descriptors.pointee.low)
        descriptors.pointee.low &+= low
        source.pointee.high = high
        let isDevice = source.pointee.isDevice
        let offset = isDevice ? thread.pointee.context.x.6 : UInt64(truncatingIfNeeded: high)
        let object = unsafe reference(place, as: ObjectHeader.self)
        object.pointee.kind = kind
        object.pointee.size = UInt32(truncatingIfNeeded: low)
        initialize(
            thread, object, kind, sizeBits: thread.retypeSize, isDevice: isDevice,
            physical: source.pointee.physicalBase &+ offset)
        target.makeFirst(of: object, kind: kind)
    }

    /// Initialises zeroed memory as an object of a kind. All zeros is a valid value of every
    /// object, so only other members are written.
    @inline(__always) private mutating func initialize(
        _ thread: Ref<Thread>, _ object: Ref<ObjectHeader>, _ kind: ObjectKind, sizeBits: Int,
        isDevice: Bool, physical: UInt64
    ) {
        switch kind {
        case .endpoint, .notification, .reply, .null, .interrupt, .interruptControl, .systemControl,
            .registers, .asidControl, .asidPool:
            break
        case .timer:
            let timer = object.rebound(to: Timer.self)
            timer.pointee.deadline = .never
            timer.node.pointee.owner = object
        case .budget: object.rebound(to: Budget.self).node.pointee.owner = object
        case .thread: initializeThread(object.rebound(to: Thread.self))
        case .frame:
            let frame = object.rebound(to: Frame.self)
            frame.pointee.physical = physical
            frame.pointee.size = FrameSize(rawValue: UInt8(truncatingIfNeeded: sizeBits)) ?? .page
            frame.pointee.isDevice = isDevice
        case .pageTable: object.rebound(to: PageTable.self).pointee.physical = physical
        case .addressSpace:
            let space = object.rebound(to: AddressSpace.self)
            space.pointee.rootPhysical = physical
            assignASID(to: space, from: checkedPool(thread))
        case .untyped:
            initializeUntyped(
                object.rebound(to: Untyped.self), physical: physical, sizeBits: sizeBits,
                isDevice: isDevice)
        case .capabilityTable:
            object.rebound(to: CapabilityTable.self).pointee.count = 1 << sizeBits
        case .mutexSet:
            let set = object.rebound(to: MutexSet.self)
            set.pointee.count = 1 << sizeBits
            set.pageSlot.pointee.place = .mutexPage
        }
    }

    mutating func initializeThread(_ thread: Ref<Thread>) {
        thread.state = .stopped
        thread.pointee.home = Int(core.number)
        core.statistics[.threads] &+= 1
        thread.pointee.faultKind = .other
        thread.pointee.context.setFlags(0)
        thread.pointee.translationBase = emptyTranslationBase
        thread.initializeParts()
        // A thread cannot escape from its budget by making another one.
        guard core.hasBudgets, let budget = core.current?.pointee.budget else { return }
        join(thread, budget)
        refreshPayer(thread)
    }

    func initializeUntyped(
        _ untyped: Ref<Untyped>, physical: UInt64, sizeBits: Int, isDevice: Bool
    ) {
        untyped.pointee.physicalBase = physical
        untyped.pointee.sizeBits = sizeBits
        untyped.pointee.isDevice = isDevice
        untyped.pointee.high = 1 << sizeBits
        untyped.pointee.highCleared = 1 << sizeBits
        untyped.pointee.reclaimCursor = -1
    }

    /// Performs `createInterrupt`. x1: line, x2: trigger, x3 to x5: see `makeGranted`. Restartable.
    mutating func createInterrupt(_ thread: Ref<Thread>) throws(KernelError) -> Outcome {
        let line = Int(truncatingIfNeeded: thread.pointee.context.x.1)
        guard line >= 0, line < Limits.interruptLines, hardware.isAssignable(line: line),
            let trigger = Trigger(rawValue: thread.pointee.context.x.2)
        else { throw .invalidArgument }
        guard let (object, target) = try makeGranted(thread, .interrupt) else { return .restart }
        let interrupt = object.rebound(to: Interrupt.self)
        interrupt.pointee.line = line
        interrupt.pointee.trigger = trigger
        interrupt.pointee.source.interrupt = interrupt
        target.makeFirst(of: object, kind: .interrupt)
        complete(thread, .success)
        return .done
    }

    /// Takes memory for an object that an authority grants. x3: untyped memory, x4: table, x5:
    /// index.
    ///
    /// - Returns: the object, zeroed except for its header, and the empty slot for its first
    ///   capability; nil if an interrupt came between.
    mutating func makeGranted(
        _ thread: Ref<Thread>, _ kind: ObjectKind
    ) throws(KernelError) -> (Ref<ObjectHeader>, Ref<Capability>)? {
        let slot = try need(
            thread, Slot(UInt32(truncatingIfNeeded: thread.pointee.context.x.3)), .manage)
        let untyped: Ref<Untyped> = try slot.object(.untyped)
        if untyped.pointee.isDevice { throw .invalidArgument }
        if !untyped.isOpen { throw .wrongState }
        let target = try self.slot(
            thread, table: Slot(UInt32(truncatingIfNeeded: thread.pointee.context.x.4)),
            index: thread.pointee.context.x.5,
            right: .write)
        if target.pointee.object != nil { throw .slotOccupied }
        let size = Footprint.descriptor(kind)
        if !fits(untyped, size, high: untyped.pointee.high) { throw .insufficientMemory }
        if !clearLow(untyped, to: untyped.pointee.low &+ size) { return nil }
        let object = unsafe reference(memory(untyped, untyped.pointee.low), as: ObjectHeader.self)
        untyped.pointee.low &+= size
        object.pointee.kind = kind
        object.pointee.size = UInt32(truncatingIfNeeded: size)
        return (object, target)
    }
}

extension Ref where Object == Thread {
    /// `sizeBits` of the `retype` that this thread performs.
    @inline(__always) fileprivate var retypeSize: Int {
        Int(truncatingIfNeeded: (pointee.context.x.1 &>> 8) & 0xff)
    }
}

extension ObjectKind {
    /// The sizes of its objects, a bit for each `sizeBits`; 0 if `retype` does not make them.
    fileprivate var sizes: UInt64 {
        switch self {
        case .null, .interrupt, .interruptControl, .systemControl, .registers, .asidControl,
            .asidPool:
            0
        case .endpoint, .notification, .reply, .thread, .pageTable, .addressSpace, .timer, .budget:
            1
        case .frame: 1 << 12 | 1 << 21 | 1 << 30
        case .untyped: bits(12...38)
        case .capabilityTable: bits(Limits.tableBits)
        case .mutexSet: bits(Limits.mutexBits)
        }
    }
    @inline(__always) private func bits(_ range: ClosedRange<Int>) -> UInt64 {
        2 << UInt64(range.upperBound) - 1 << UInt64(range.lowerBound)
    }
}

extension Ref where Object == Untyped {
    /// Whether objects may be made from it: neither it nor a region around it is being reclaimed.
    fileprivate var isOpen: Bool { pointee.reclaimCursor < 0 && !pointee.header.isDying }
}
