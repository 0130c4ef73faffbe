// Floating point: the owner of the registers, and the fast paths of the threads that use them.
//
// A thread uses floating point from its first access on, which traps. From then on each switch
// saves its registers to its IPC buffer when it stops running, and restores them when it runs
// again. While another thread runs, every access traps, so no thread sees another's registers. The
// cost of a switch does not depend on the threads that ran in between. A thread never pays for
// another's registers.
//
// Rule: the registers are the running thread's, and user code may use them, if and only if the
// thread's scheduling word has the bit. The fast paths decline for that bit, among others. The
// functions below continue from there, and know what was checked already. A thread with the bit has
// an IPC buffer. If the buffer goes, the bit goes with it, and the registers are lost.

import HardwareInterface
import KernelABI

extension Kernel where H: ~Copyable {
    /// Switches the registers if one of the two threads uses floating point.
    ///
    /// - Context: every switch outside the fast paths, before `core.current` changes.
    @inline(__always) mutating func switchFloatingPoint(
        from previous: Ref<Thread>?, to next: Ref<Thread>?
    ) {
        let old = previous?.pointee.floatingPointArea
        let new = next?.pointee.floatingPointArea
        if old == nil && new == nil { return }
        unsafe hardware.switchFloatingPoint(from: old?.raw, to: new?.raw)
    }

    /// Gives the registers to the running thread at its first access. They get the values in its
    /// IPC buffer.
    ///
    /// - Returns: false if the thread has no IPC buffer to keep them in.
    mutating func giveFloatingPoint(to thread: Ref<Thread>) -> Bool {
        guard let area = thread.pointee.buffer?.floatingPointArea else { return false }
        thread.pointee.scheduling.usesFloatingPoint = true
        thread.pointee.floatingPointArea = area
        unsafe hardware.switchFloatingPoint(from: nil, to: area.raw)
        return true
    }

    /// Ends a thread's use of floating point, because its IPC buffer goes. Its registers are lost,
    /// and its next access traps.
    ///
    /// - Precondition: another core that runs the thread was asked to reload.
    mutating func dropFloatingPoint(of thread: Ref<Thread>) {
        if !thread.pointee.scheduling.usesFloatingPoint { return }
        thread.pointee.scheduling.usesFloatingPoint = false
        thread.pointee.floatingPointArea = nil
        if core.current == thread { hardware.setFloatingPoint(enabled: false) }
    }

    /// Copies a thread's saved registers to the IPC buffer that it is about to get. The copy goes
    /// through the processor's registers, and the running thread gets its own back. Registers of a
    /// thread that runs, here or on another core, are not copied, since they are in a processor.
    ///
    /// - Returns: the area in the new buffer, for `keepFloatingPoint`; nil if the thread uses no
    ///   floating point.
    mutating func copyFloatingPoint(of thread: Ref<Thread>, to page: Ref<BufferPage>) -> Ref<
        FloatingPointArea
    >? {
        guard let old = thread.pointee.floatingPointArea else { return nil }
        let new = page.floatingPointArea
        if home(of: thread).pointee.current == thread { return new }
        unsafe hardware.switchFloatingPoint(
            from: core.current?.floatingPointArea ?? nil, to: old.raw)
        unsafe hardware.switchFloatingPoint(
            from: new.raw, to: core.current?.floatingPointArea ?? nil)
        return new
    }

    /// Continues a thread's use of floating point after it got another IPC buffer.
    ///
    /// - Precondition: another core that runs the thread was asked to reload.
    mutating func keepFloatingPoint(of thread: Ref<Thread>, in area: Ref<FloatingPointArea>) {
        thread.pointee.scheduling.usesFloatingPoint = true
        thread.pointee.floatingPointArea = area
        if core.current == thread { hardware.setFloatingPoint(enabled: true) }
    }

    // Fast paths

    /// Returns the scheduling word of a ready server that takes a caller.
    ///
    /// - Parameter word: the caller's.
    @inline(__always) func inherited(_ word: UInt32, by server: Ref<Thread>) -> UInt32 {
        let kept = word & ~SchedulingWord.floatingPointBit
        var result = SchedulingWord(
            raw: kept | server.pointee.scheduling.raw & SchedulingWord.floatingPointBit)
        result.effective = max(result.effective, server.effective)
        return result.raw
    }

    /// Performs a `call` if one of the two threads uses floating point, and all else is as for
    /// `fastCall`.
    ///
    /// - Precondition: `fastCall` ended in `usesFloatingPoint` with this slot.
    /// - Postcondition: the registers are still the caller's.
    @inline(__always) public mutating func floatingPointCall(
        _ thread: Ref<Thread>, _ raw: UInt64, _ slot: Ref<Capability>, isShared: Bool
    ) -> Handover {
        let endpoint: Ref<Endpoint> = slot.fastObject()
        let server = endpoint.pointee.readyServer.fastValue
        let word = thread.pointee.scheduling.raw
        connect(thread, word, to: server, inherited(word, by: server), at: endpoint)
        if isShared { core.current = server }
        return Handover(
            thread: server, result: raw & ControlWord.lengthMask, badge: slot.pointee.badge,
            source: thread)
    }

    /// Performs a `replyAndReceive` if one of the two threads uses floating point.
    ///
    /// - Precondition: `fastReplyAndReceive` ended in `usesFloatingPoint` with these slots.
    /// - Returns: nil if a more urgent thread or update goes first; then nothing changed.
    /// - Postcondition: the registers are still the server's.
    @inline(__always) public mutating func floatingPointReply(
        _ thread: Ref<Thread>, _ raw: UInt64, _ slot: Ref<Capability>, _ replySlot: Ref<Capability>,
        isShared: Bool, tolerating: UInt32 = 0
    ) -> Handover? {
        let endpoint: Ref<Endpoint> = slot.fastObject()
        let reply: Ref<Reply> = replySlot.fastObject()
        let caller = reply.pointee.caller.fastValue
        let word = caller.pointee.scheduling.raw & ~tolerating
        if !goesFirst(caller, word, isShared: isShared) { return nil }
        let own = thread.pointee.scheduling.raw & SchedulingWord.floatingPointBit
        disconnect(thread, own, from: caller, word, reply, at: endpoint)
        if isShared { core.current = caller }
        return Handover(
            thread: caller, result: raw & ControlWord.lengthMask, badge: 0, source: thread)
    }

    /// Performs either of them with the IPC buffer.
    ///
    /// - Precondition: `fastExchange` ended in `usesFloatingPoint` with these slots.
    /// - Returns: nil if nothing changed.
    @inline(__always) public mutating func floatingPointExchange(
        _ thread: Ref<Thread>, _ raw: UInt64, _ slot: Ref<Capability>, _ replySlot: Ref<Capability>,
        isShared: Bool
    ) -> Handover? {
        guard let from = thread.pointee.buffer,
            var handover = isCall(raw)
                ? floatingPointCall(thread, raw, slot, isShared: isShared)
                : floatingPointReply(thread, raw, slot, replySlot, isShared: isShared)
        else { return nil }
        copyWords(from, ControlWord(raw: raw).length, with: &handover)
        return handover
    }
}

/// The floating-point registers of a thread that does not run: FPSR, FPCR, v0–v31. They are a part
/// of its IPC buffer, which the thread may change.
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
    /// The area that keeps its floating-point registers while it does not run; nil if it uses none.
    @inline(__always) public var floatingPointArea: UnsafeMutableRawPointer? {
        unsafe pointee.floatingPointArea?.raw
    }
}
