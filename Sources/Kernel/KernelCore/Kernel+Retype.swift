// Untyped memory becomes objects.
//
// Descriptors are taken from the low end, handed-out memory from the high end, both zeroed in steps before the object is
// made. The objects of one call are made one at a time; the registers of the caller keep the count, so the call restarts
// after an interrupt where it stopped.

import HardwareInterface
import KernelABI

/// The arguments of `retype`, checked.
struct RetypeRequest {
    var source: Ref<Untyped>
    var descriptors: Ref<Untyped>
    var kind: ObjectKind
    var sizeBits: Int
    /// Byte offset within a device region.
    var offset: UInt64
}

extension Kernel where H: ~Copyable {
    /// `retype`. x1: kind | sizeBits << 8, x2: count, x3: table, x4: first index, x5: memory for descriptors, x6: offset.
    ///
    /// x7 is the kernel's while the call restarts: how many were made (user code starts it at 0).
    mutating func retype(_ thread: Ref<Thread>, _ slot: Ref<Capability>) -> Outcome {
        do { return try retypeSteps(thread, slot) } catch {
            let made = thread.pointee.context.x.7
            complete(thread, ResultWord(error: error))
            thread.pointee.context.x.3 = made
            return .done
        }
    }

    private mutating func retypeSteps(_ thread: Ref<Thread>, _ slot: Ref<Capability>) throws(KernelError) -> Outcome {
        var request = try decodeRetype(thread, slot)
        while thread.pointee.context.x.2 > 0 {  // one object a round, an interrupt is taken between rounds
            let target = try self.slot(
                thread, table: Slot(UInt32(truncatingIfNeeded: thread.pointee.context.x.3)),
                index: thread.pointee.context.x.4, right: .write)
            if target.pointee.object != nil { throw .slotOccupied }
            if try !prepare(request) { return .restart }
            try make(request, target)
            thread.pointee.context.x.2 &-= 1
            thread.pointee.context.x.4 &+= 1
            thread.pointee.context.x.7 &+= 1
            if request.source.pointee.isDevice {
                request.offset &+= 1 << UInt64(truncatingIfNeeded: request.sizeBits)
                thread.pointee.context.x.6 = request.offset
            }
            if thread.pointee.context.x.2 > 0 && isInterrupted() { return .restart }
        }
        let made = thread.pointee.context.x.7
        complete(thread, .success)
        thread.pointee.context.x.3 = made
        return .done
    }

    private func decodeRetype(_ thread: Ref<Thread>, _ slot: Ref<Capability>) throws(KernelError) -> RetypeRequest {
        let source: Ref<Untyped> = try slot.object(.untyped)
        guard let kind = ObjectKind(rawValue: UInt8(truncatingIfNeeded: thread.pointee.context.x.1)) else {
            throw .invalidArgument
        }
        let sizeBits = Int(truncatingIfNeeded: (thread.pointee.context.x.1 &>> 8) & 0xff)
        let other = Slot(UInt32(truncatingIfNeeded: thread.pointee.context.x.5))
        var descriptors = source
        if other != .none {
            if !source.pointee.isDevice { throw .invalidArgument }
            descriptors = try need(thread, other, .manage).object(.untyped)
        }
        if descriptors.pointee.isDevice { throw .invalidArgument }
        if !source.isOpen || !descriptors.isOpen { throw .wrongState }
        try checkSize(kind, sizeBits, isDevice: source.pointee.isDevice)
        let request = RetypeRequest(
            source: source, descriptors: descriptors, kind: kind, sizeBits: sizeBits,
            offset: thread.pointee.context.x.6)
        return request
    }

    /// Is this a kind that can be made, in a size that it comes in?
    private func checkSize(_ kind: ObjectKind, _ sizeBits: Int, isDevice: Bool) throws(KernelError) {
        switch kind {
        case .null, .interrupt, .interruptControl, .systemControl: throw .invalidArgument
        case .frame: if FrameSize(rawValue: UInt8(truncatingIfNeeded: sizeBits)) == nil { throw .invalidArgument }
        case .untyped: if sizeBits < 12 || sizeBits > 38 { throw .invalidArgument }
        case .capabilityTable: if !Limits.tableBits.contains(sizeBits) { throw .invalidArgument }
        case .endpoint, .notification, .reply, .thread, .addressSpace, .pageTable, .timer:
            if sizeBits != 0 { throw .invalidArgument }
        }
        if isDevice && kind != .frame && kind != .untyped { throw .invalidArgument }
    }

    /// Zero the memory of the next object; false where an interrupt came between.
    private mutating func prepare(_ request: RetypeRequest) throws(KernelError) -> Bool {
        let descriptor = Footprint.descriptor(request.kind, sizeBits: request.sizeBits)
        if request.source.pointee.isDevice {
            let size: UInt64 = 1 << UInt64(truncatingIfNeeded: request.sizeBits)
            let end: UInt64 = 1 << UInt64(truncatingIfNeeded: request.source.pointee.sizeBits)
            if request.offset & (size &- 1) != 0 || request.offset >= end || size > end &- request.offset {
                throw .invalidArgument
            }
            if !fits(request.descriptors, descriptor, high: request.descriptors.pointee.high) {
                throw .insufficientMemory
            }
            return clearLow(request.descriptors, to: request.descriptors.pointee.low &+ descriptor)
        }
        guard let high = newHigh(request), fits(request.source, descriptor, high: high) else {
            throw .insufficientMemory
        }
        // Smaller untyped memory is cleared when it becomes an object itself.
        if request.kind != .untyped && high < request.source.pointee.high {
            if !clearHigh(request.source, to: high) { return false }
        }
        return clearLow(request.source, to: request.source.pointee.low &+ descriptor)
    }

    private func fits(_ untyped: Ref<Untyped>, _ descriptor: Int, high: Int) -> Bool {
        high &- untyped.pointee.low >= descriptor
    }

    /// Where the high end lies after the object took its memory, aligned to its size; nil without room.
    private func newHigh(_ request: RetypeRequest) -> Int? {
        let size = Footprint.memory(request.kind, sizeBits: request.sizeBits)
        if size == 0 { return request.source.pointee.high }
        let high = (request.source.pointee.high &- size) & ~(size &- 1)
        return high < 0 ? nil : high
    }

    /// Zero up to `to` at the low end; false where an interrupt came between.
    private mutating func clearLow(_ untyped: Ref<Untyped>, to end: Int) -> Bool {
        if untyped.pointee.lowCleared < untyped.pointee.low { untyped.pointee.lowCleared = untyped.pointee.low }
        // Bounded per step by zeroStep; the progress stays in the object.
        while untyped.pointee.lowCleared < end {
            let at = untyped.pointee.lowCleared
            let bytes = min(end &- at, KernelLimits.zeroStep)
            unsafe hardware.zero(memory(untyped, at), bytes: bytes)
            untyped.pointee.lowCleared = at &+ bytes
            if untyped.pointee.lowCleared < end && isInterrupted() { return false }
        }
        return true
    }

    /// Zero down to `to` at the high end; false where an interrupt came between.
    private mutating func clearHigh(_ untyped: Ref<Untyped>, to end: Int) -> Bool {
        if untyped.pointee.highCleared > untyped.pointee.high { untyped.pointee.highCleared = untyped.pointee.high }
        // Bounded per step by zeroStep; the progress stays in the object.
        while untyped.pointee.highCleared > end {
            let bytes = min(untyped.pointee.highCleared &- end, KernelLimits.zeroStep)
            let at = untyped.pointee.highCleared &- bytes
            unsafe hardware.zero(memory(untyped, at), bytes: bytes)
            untyped.pointee.highCleared = at
            if at > end && isInterrupted() { return false }
        }
        return true
    }

    /// The kernel's address of a byte of untyped memory.
    func memory(_ untyped: Ref<Untyped>, _ offset: Int) -> UnsafeMutableRawPointer {
        unsafe hardware.kernelAddress(physical: untyped.pointee.physicalBase) + offset
    }

    /// Make one object in prepared memory, and its first capability.
    private mutating func make(_ request: RetypeRequest, _ target: Ref<Capability>) throws(KernelError) {
        var asid: UInt16 = 0
        if request.kind == .addressSpace {
            guard let free = allocateASID() else { throw .exhausted }
            asid = free
        }
        let size = Footprint.descriptor(request.kind, sizeBits: request.sizeBits)
        let untyped = request.descriptors
        let place = unsafe memory(untyped, untyped.pointee.low)
        untyped.pointee.low &+= size
        var physical = request.source.pointee.physicalBase &+ request.offset
        if !request.source.pointee.isDevice, let high = newHigh(request) {
            request.source.pointee.high = high
            physical = request.source.pointee.physicalBase &+ UInt64(truncatingIfNeeded: high)
        }
        unsafe initialize(request, place, ObjectHeader(request.kind, size: size), physical: physical, asid: asid)
        unsafe target.makeFirst(of: reference(place, as: ObjectHeader.self), kind: request.kind)
    }

    /// Give zeroed memory the shape of its kind.
    private func initialize(
        _ request: RetypeRequest, _ place: UnsafeMutableRawPointer, _ header: consuming ObjectHeader, physical: UInt64,
        asid: UInt16
    ) {
        // Safety: `place` is `Footprint.descriptor` bytes of zeroed memory that belong to nothing else.
        switch request.kind {
        case .endpoint: unsafe place.bindMemory(to: Endpoint.self, capacity: 1).initialize(to: Endpoint(header: header))
        case .notification:
            unsafe place.bindMemory(to: Notification.self, capacity: 1).initialize(to: Notification(header: header))
        case .reply: unsafe place.bindMemory(to: Reply.self, capacity: 1).initialize(to: Reply(header: header))
        case .timer:
            unsafe place.bindMemory(to: Timer.self, capacity: 1).initialize(to: Timer(header: header))
            let timer = unsafe reference(place, as: Timer.self)
            timer.node.pointee.owner = timer.rebound(to: ObjectHeader.self)
        case .thread: unsafe initializeThread(place, header)
        case .frame:
            let size = FrameSize(rawValue: UInt8(truncatingIfNeeded: request.sizeBits)) ?? .page
            unsafe place.bindMemory(to: Frame.self, capacity: 1).initialize(
                to: Frame(header: header, physical: physical, size: size, isDevice: request.source.pointee.isDevice))
        case .pageTable:
            unsafe place.bindMemory(to: PageTable.self, capacity: 1).initialize(
                to: PageTable(header: header, physical: physical))
        case .addressSpace:
            unsafe place.bindMemory(to: AddressSpace.self, capacity: 1).initialize(
                to: AddressSpace(
                    header: header, rootPhysical: physical, asid: asid,
                    translationBase: hardware.translationBase(rootTable: physical, asid: asid)))
        case .untyped:
            unsafe initializeUntyped(
                place, header, physical: physical, sizeBits: request.sizeBits, isDevice: request.source.pointee.isDevice
            )
        case .capabilityTable:
            unsafe place.bindMemory(to: CapabilityTable.self, capacity: 1).initialize(
                to: CapabilityTable(header: header, count: 1 << request.sizeBits))
        case .null, .interrupt, .interruptControl, .systemControl: break
        }
    }

    func initializeThread(_ place: UnsafeMutableRawPointer, _ header: consuming ObjectHeader) {
        // Safety: as in `initialize`.
        unsafe place.bindMemory(to: Thread.self, capacity: 1).initialize(to: Thread(header: header))
        let thread = unsafe reference(place, as: Thread.self)
        thread.pointee.translationBase = emptyTranslationBase
        thread.initializeParts()
    }

    func initializeUntyped(
        _ place: UnsafeMutableRawPointer, _ header: consuming ObjectHeader, physical: UInt64, sizeBits: Int,
        isDevice: Bool
    ) {
        // Safety: as in `initialize`.
        unsafe place.bindMemory(to: Untyped.self, capacity: 1).initialize(
            to: Untyped(
                header: header, physicalBase: physical, sizeBits: sizeBits, isDevice: isDevice, high: 1 << sizeBits,
                highCleared: 1 << sizeBits))
    }

    /// `createInterrupt`. x1: line, x2: trigger, x3: untyped memory, x4: table, x5: index. Restartable.
    mutating func createInterrupt(_ thread: Ref<Thread>) throws(KernelError) -> Outcome {
        let line = Int(truncatingIfNeeded: thread.pointee.context.x.1)
        guard line >= 0, line < Limits.interruptLines, hardware.isAssignable(line: line),
            let trigger = Trigger(rawValue: thread.pointee.context.x.2)
        else { throw .invalidArgument }
        let slot = try need(thread, Slot(UInt32(truncatingIfNeeded: thread.pointee.context.x.3)), .manage)
        let untyped: Ref<Untyped> = try slot.object(.untyped)
        if untyped.pointee.isDevice { throw .invalidArgument }
        if !untyped.isOpen { throw .wrongState }
        let target = try self.slot(
            thread, table: Slot(UInt32(truncatingIfNeeded: thread.pointee.context.x.4)),
            index: thread.pointee.context.x.5,
            right: .write)
        if target.pointee.object != nil { throw .slotOccupied }
        let size = Footprint.descriptor(.interrupt)
        if !fits(untyped, size, high: untyped.pointee.high) { throw .insufficientMemory }
        if !clearLow(untyped, to: untyped.pointee.low &+ size) { return .restart }
        let place = unsafe memory(untyped, untyped.pointee.low)
        untyped.pointee.low &+= size
        // Safety: as in `initialize`.
        unsafe place.bindMemory(to: Interrupt.self, capacity: 1).initialize(
            to: Interrupt(header: ObjectHeader(.interrupt, size: size), line: line, trigger: trigger))
        unsafe target.makeFirst(of: reference(place, as: ObjectHeader.self), kind: .interrupt)
        complete(thread, .success)
        return .done
    }
}

extension Ref where Object == Untyped {
    /// Is nobody reclaiming it, or the memory that it lies in?
    fileprivate var isOpen: Bool { pointee.reclaimCursor < 0 && !pointee.header.isDying }
}
