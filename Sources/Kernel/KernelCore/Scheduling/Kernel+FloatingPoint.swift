// Floating point: who has the registers, and the fast paths of the threads that use them.
//
// A thread uses floating point from its first access on, which traps. From then on its registers are switched together
// with it: they go to its IPC buffer when it is left, and come back when it goes on. While a thread runs that uses none,
// every access traps, so nobody sees what another thread left in them. The cost of a switch is the same whoever ran in
// between, and a thread never pays for another one's state.
//
// Rule: the registers are the running thread's, and user code may use them, if and only if its scheduling word has the
// bit. That bit is one of those that the fast paths decline for; they end in the functions here, which know what has been
// checked already. A thread with the bit has an IPC buffer: when the buffer goes, so does the bit, and its registers are lost.

import HardwareInterface
import KernelABI

extension Kernel where H: ~Copyable {
    /// Switches the registers where one of the two threads uses floating point.
    ///
    /// - Context: in every switch outside the fast paths, before `core.current` changes.
    @inline(__always) mutating func switchFloatingPoint(
        from previous: Ref<Thread>?, to next: Ref<Thread>?
    ) {
        let old = previous?.pointee.floatingPointArea
        let new = next?.pointee.floatingPointArea
        if old == nil && new == nil { return }
        unsafe hardware.switchFloatingPoint(from: old?.raw, to: new?.raw)
    }

    /// Gives the registers to the running thread, which used floating point for the first time. They hold what its IPC
    /// buffer holds.
    ///
    /// - Returns: false where it has no IPC buffer to keep them in.
    mutating func giveFloatingPoint(to thread: Ref<Thread>) -> Bool {
        guard let area = thread.pointee.buffer?.floatingPointArea else { return false }
        thread.pointee.scheduling.usesFloatingPoint = true
        thread.pointee.floatingPointArea = area
        unsafe hardware.switchFloatingPoint(from: nil, to: area.raw)
        return true
    }

    /// Ends a thread's use of floating point, because its IPC buffer goes: its registers are lost. Its next access traps.
    mutating func dropFloatingPoint(of thread: Ref<Thread>) {
        if !thread.pointee.scheduling.usesFloatingPoint { return }
        thread.pointee.scheduling.usesFloatingPoint = false
        thread.pointee.floatingPointArea = nil
        if core.current == thread { hardware.setFloatingPoint(enabled: false) }
    }

    /// Where the registers of a thread that uses floating point go because it is about to get another IPC buffer. They are
    /// copied there through the processor, whose registers the running thread gets back; unless it is the running thread's.
    ///
    /// - Returns: the place, for `keepFloatingPoint` when the thread has got the buffer; nil: it uses none.
    mutating func copyFloatingPoint(of thread: Ref<Thread>, to page: Ref<BufferPage>) -> Ref<
        FloatingPointArea
    >? {
        guard let old = thread.pointee.floatingPointArea else { return nil }
        let new = page.floatingPointArea
        if core.current == thread { return new }
        unsafe hardware.switchFloatingPoint(
            from: core.current?.floatingPointArea ?? nil, to: old.raw)
        unsafe hardware.switchFloatingPoint(
            from: new.raw, to: core.current?.floatingPointArea ?? nil)
        return new
    }

    /// Lets a thread go on to use floating point that has got another IPC buffer.
    mutating func keepFloatingPoint(of thread: Ref<Thread>, in area: Ref<FloatingPointArea>) {
        thread.pointee.scheduling.usesFloatingPoint = true
        thread.pointee.floatingPointArea = area
        if core.current == thread { hardware.setFloatingPoint(enabled: true) }
    }

    // Fast paths

    /// The scheduling word of a ready server that takes a caller.
    ///
    /// - Parameter word: the caller's.
    @inline(__always) func inherited(_ word: UInt32, by server: Ref<Thread>) -> UInt32 {
        let kept = word & ~SchedulingWord.floatingPointBit
        var result = SchedulingWord(
            raw: kept | server.pointee.scheduling.raw & SchedulingWord.floatingPointBit)
        result.effective = max(result.effective, server.effective)
        return result.raw
    }

    /// `call` where one of the two threads uses floating point, and all else is as for `fastCall`.
    ///
    /// - Precondition: `fastCall` declined with this slot.
    /// - Postcondition: the registers are still the caller's.
    @inline(__always) public mutating func floatingPointCall(
        _ thread: Ref<Thread>, _ raw: UInt64, _ slot: Ref<Capability>
    ) -> Handover {
        let endpoint: Ref<Endpoint> = slot.fastObject()
        let server = endpoint.pointee.readyServer.fastValue
        let word = thread.pointee.scheduling.raw
        connect(thread, word, to: server, inherited(word, by: server), at: endpoint)
        return Handover(
            thread: server, result: raw & ControlWord.messageMask, badge: slot.pointee.badge,
            source: thread)
    }

    /// `replyAndReceive`, likewise.
    ///
    /// - Precondition: `fastReplyAndReceive` declined with these slots.
    @inline(__always) public mutating func floatingPointReply(
        _ thread: Ref<Thread>, _ raw: UInt64, _ slot: Ref<Capability>, _ replySlot: Ref<Capability>,
        tolerating: UInt32 = 0
    ) -> Handover? {
        let endpoint: Ref<Endpoint> = slot.fastObject()
        let reply: Ref<Reply> = replySlot.fastObject()
        let caller = reply.pointee.caller.fastValue
        let word = caller.pointee.scheduling.raw & ~tolerating
        if !core.ready.isSurpassed(by: Int(word & 0xff)) { return nil }
        let own = thread.pointee.scheduling.raw & SchedulingWord.floatingPointBit
        disconnect(thread, own, from: caller, word, reply, at: endpoint)
        return Handover(
            thread: caller, result: raw & ControlWord.messageMask, badge: 0, source: thread)
    }

    /// Either of them with the IPC buffer.
    ///
    /// - Precondition: `fastExchange` declined with these slots.
    @inline(__always) public mutating func floatingPointExchange(
        _ thread: Ref<Thread>, _ raw: UInt64, _ slot: Ref<Capability>, _ replySlot: Ref<Capability>
    ) -> Handover? {
        guard let from = thread.pointee.buffer,
            var handover = isCall(raw)
                ? floatingPointCall(thread, raw, slot)
                : floatingPointReply(thread, raw, slot, replySlot)
        else { return nil }
        copyWords(from, ControlWord(raw: raw).length, with: &handover)
        return handover
    }
}

/// A thread's floating-point registers while it does not run: FPSR, FPCR, v0–v31. A part of its IPC buffer, which the
/// thread may change.
public struct FloatingPointArea: ~Copyable {
    var words: InlineArray<66, UInt64>
}

extension Ref where Object == BufferPage {
    @inline(__always) var floatingPointArea: Ref<FloatingPointArea> {
        // Safety: 528 bytes from offset 0x800 on lie within the page.
        unsafe reference(raw + IPCBuffer.floatingPoint, as: FloatingPointArea.self)
    }
}

extension Ref where Object == Thread {
    /// Where its floating-point registers are kept while it does not run; nil: it uses none.
    @inline(__always) public var floatingPointArea: UnsafeMutableRawPointer? {
        unsafe pointee.floatingPointArea?.raw
    }
}
