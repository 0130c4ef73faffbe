// The fast paths of `call` and `replyAndReceive`: the frequent case of both, without a search.
//
// Each path first checks that nothing unusual holds, without a change. Otherwise it declines, and
// the general path does the work in full. Threads that use floating point have fast paths of their
// own, which continue where these decline (`Kernel+FloatingPoint`).
//
// **State kept for these paths.** The rest of the kernel keeps some state twice, so that a call has
// less to compute:
// | state | beside | saves |
// |---|---|---|
// | `uses` of a capability | its kind and rights | one bit test answers for both |
// | `readyServer` of an endpoint | its queue of waiters | one load finds a server to switch to |
// | `occupation` of an endpoint | the same | one load tells whether a thread waits there |
// | the scheduling word of a thread | – | one mask tests all that is unusual |
// | `soleCaller` of a thread | its queue of callers | a caller comes and goes without a queue |
//
// **Several cores.** Each path has two instances. With one core, `isShared` is the constant false,
// and all threads are at home there. With several, a path also records the running thread, which
// other cores look at. If the other thread is at home on another core, Kernel+FastPathAcross goes
// on.
//
// The message registers are never copied: the exit loads them from the sender's context. Four rows
// of the benchmark pay for all this: `ipc.call.one-way` (goal 100), `ipc.reply.one-way` (105),
// `ipc.round-trip.words-0` (205), and its `client-above` (260), which adds inheritance
// (docs/realtime.md).

import HardwareInterface
import KernelABI

/// A switch by a fast path: resume `thread` from its system call with these results. The message
/// words are in the context of `source`.
public struct Handover {
    public let thread: Ref<Thread>
    public var result: UInt64
    public let badge: UInt64
    public let source: Ref<Thread>
}

/// The outcome of a fast path of messages.
public enum FastOutcome {
    case handedOver(Handover)
    /// Nothing changed. The only unusual fact is that one of the two threads uses floating point.
    /// The slots hold the capabilities that the call names: the endpoint, and for an answer the
    /// reply object.
    case usesFloatingPoint(endpoint: Ref<Capability>, reply: Ref<Capability>)
    /// Nothing changed. With several cores: the only unusual fact is that the other thread is at
    /// home on another one (Kernel+FastPathAcross). The slots are the same.
    case otherCore(endpoint: Ref<Capability>, reply: Ref<Capability>)
    /// Nothing changed: the general path decides.
    case declined
}

extension ControlWord {
    /// Whether it announces a `call` of up to eight words and nothing else: no deadline, no
    /// capability, no loan.
    @inline(__always) public var isPlainCall: Bool { raw &>> 32 <= UInt64(Message.registerWords) }
    /// Whether it announces `call` or `replyAndReceive` with the IPC buffer, and nothing but words.
    @inline(__always) public var isPlainExchange: Bool {
        raw &>> 41 == ControlWord.extendedBit &>> 41
    }
    /// Whether it announces a `replyAndReceive` of up to eight words and nothing else.
    @inline(__always) public var isPlainReplyAndReceive: Bool {
        raw &>> 32 &- UInt64(SystemCall.replyAndReceive.rawValue) &<< 8
            <= UInt64(Message.registerWords)
    }
}

extension Kernel where H: ~Copyable {
    /// Performs a `call` to a ready server. The caller's words stay in its context, from where the
    /// exit loads them.
    ///
    /// - Precondition: the caller runs, and its control word announces nothing but words.
    /// - Parameter isShared: whether the kernel runs on several cores; a constant.
    @inline(__always) public mutating func fastCall(
        _ thread: Ref<Thread>, _ raw: UInt64, isShared: Bool
    ) -> FastOutcome {
        let index = UInt(raw & 0xffff_ffff)
        if index >= thread.pointee.tableCount { return .declined }
        let slot = fastSlot(thread, index)
        if !slot.pointee.uses.contains(.call) { return .declined }
        let endpoint: Ref<Endpoint> = slot.fastObject()
        guard let server = endpoint.pointee.readyServer else { return .declined }
        let word = thread.pointee.scheduling.raw
        let home = isShared ? server.pointee.scheduling.raw & SchedulingWord.homeMask : 0
        let unusual = word ^ home
        if unusual & attention(isShared) != 0 {
            return why(unusual, isShared, endpoint: slot, reply: slot)
        }
        // One comparison answers two questions about the server: is its base priority above the
        // caller's, and does it use floating point?
        var serverWord = word
        let low = UInt16(truncatingIfNeeded: server.pointee.scheduling.raw)
        if low > UInt16(truncatingIfNeeded: word) {
            if low & UInt16(SchedulingWord.floatingPointBit) != 0 {
                return .usesFloatingPoint(endpoint: slot, reply: slot)
            }
            serverWord = word & ~0xff | UInt32(low & 0xff)
        }
        connect(thread, word, to: server, serverWord, at: endpoint)
        if isShared { core.current = server }
        return .handedOver(
            Handover(
                thread: server, result: raw & ControlWord.lengthMask, badge: slot.pointee.badge,
                source: thread))
    }

    // With several cores a fast path tests two scheduling words at once: in place of the home core
    // stands its difference between both.

    @inline(__always) private func attention(_ isShared: Bool) -> UInt32 {
        isShared
            ? SchedulingWord.attentionMask | SchedulingWord.homeMask : SchedulingWord.attentionMask
    }
    /// Returns the outcome for two scheduling words that are unusual.
    @inline(__always) private func why(
        _ unusual: UInt32, _ isShared: Bool, endpoint: Ref<Capability>, reply: Ref<Capability>
    ) -> FastOutcome {
        let serious = unusual & attention(isShared) & ~SchedulingWord.floatingPointBit
        if serious == 0 { return .usesFloatingPoint(endpoint: endpoint, reply: reply) }
        return isShared && unusual & SchedulingWord.attentionMask == 0
            ? .otherCore(endpoint: endpoint, reply: reply) : .declined
    }

    /// Connects a caller with a ready server, which then runs. Both get their scheduling words; the
    /// caller's lacks its new state.
    ///
    /// The server waits for no thread, so no chain grows too long and no cycle closes.
    @inline(__always) mutating func connect(
        _ thread: Ref<Thread>, _ word: UInt32, to server: Ref<Thread>, _ serverWord: UInt32,
        at endpoint: Ref<Endpoint>
    ) {
        let reply = server.pointee.reply.fastValue
        endpoint.pointee.readyServer = nil
        endpoint.pointee.occupation = 0
        server.pointee.endpoint = nil
        server.pointee.reply = nil
        server.pointee.scheduling.raw = serverWord
        server.pointee.soleCaller = thread
        thread.pointee.blockedOn = server
        thread.pointee.reply = reply
        reply.pointee.caller = thread
        thread.pointee.scheduling.raw =
            word | RunState.awaitingReply.raw &<< SchedulingWord.stateShift
    }

    /// Delivers a fault to a handler that is a ready server.
    ///
    /// - Returns: the handler, which runs next; nil if nothing changed.
    @inline(__always) mutating func fastFault(_ thread: Ref<Thread>) -> Ref<Thread>? {
        let slot = thread.faultSlot
        if !slot.pointee.uses.contains(.call) { return nil }
        let endpoint: Ref<Endpoint> = slot.fastObject()
        guard let server = endpoint.pointee.readyServer else { return nil }
        let word = thread.pointee.scheduling.raw
        if word & SchedulingWord.seriousMask != 0 || !isHere(server) { return nil }
        connect(thread, word, to: server, inherited(word, by: server), at: endpoint)
        thread.pointee.scheduling.raw =
            word | SchedulingWord.faultingBit | RunState.faulted.raw &<< SchedulingWord.stateShift
        switchFloatingPoint(from: thread, to: server)
        core.current = server
        writeFault(of: thread, to: server, badge: slot.pointee.badge)
        return server
    }

    /// Performs a `call` or `replyAndReceive` of more words than fit the registers: by the fast
    /// paths, and a copy from buffer to buffer.
    ///
    /// - Precondition: the control word announces one of them with the IPC buffer, and nothing but
    ///   words.
    /// - Complexity: 15 groups of eight words.
    @inline(__always) public mutating func fastExchange(
        _ thread: Ref<Thread>, _ raw: UInt64, replySlot: UInt64, isShared: Bool
    ) -> FastOutcome {
        let length = ControlWord(raw: raw).length
        if length <= Message.registerWords || length > Message.maximumWords { return .declined }
        guard let from = thread.pointee.buffer else { return .declined }
        let outcome =
            isCall(raw)
            ? fastCall(thread, raw, isShared: isShared)
            : fastReplyAndReceive(thread, raw, replySlot: replySlot, isShared: isShared)
        guard case .handedOver(var handover) = outcome else { return outcome }
        copyWords(from, length, with: &handover)
        return .handedOver(handover)
    }
    /// Whether the control word announces `call`.
    ///
    /// - Precondition: it announces `call` or `replyAndReceive`.
    @inline(__always) func isCall(_ raw: UInt64) -> Bool { raw & 1 &<< 40 == 0 }

    /// Copies the words of a handed-over message from word 8 on. A receiver without IPC buffer gets
    /// none of them.
    @inline(__always) func copyWords(
        _ from: Ref<BufferPage>, _ length: Int, with handover: inout Handover
    ) {
        if let to = handover.thread.pointee.buffer {
            copyWords(from, to, length)
        } else {
            handover.result = UInt64(truncatingIfNeeded: Message.registerWords) &<< 32
        }
    }

    /// Performs a `replyAndReceive` that answers a faulted thread and lets it continue.
    ///
    /// - Precondition: as for `fastCall`; the words are in the handler's context.
    /// - Returns: the faulted thread, which runs next; nil if nothing changed.
    @inline(__always) public mutating func fastResume(
        _ handler: Ref<Thread>, _ raw: UInt64, replySlot: UInt64, isShared: Bool
    ) -> Ref<Thread>? {
        let answer = FaultReply(rawValue: handler.pointee.context.x.3)
        guard answer == .retry || answer == .resumeAt, let caller = handler.pointee.soleCaller,
            caller.pointee.scheduling.isFaulting
        else { return nil }
        switch fastReplyAndReceive(
            handler, raw, replySlot: replySlot, isShared: isShared,
            tolerating: SchedulingWord.faultingBit)
        {
        case .handedOver: break
        case .usesFloatingPoint(let endpoint, let reply):
            if floatingPointReply(
                handler, raw, endpoint, reply, isShared: isShared,
                tolerating: SchedulingWord.faultingBit) == nil
            {
                return nil
            }
            switchFloatingPoint(from: handler, to: caller)
        case .otherCore, .declined: return nil
        }
        if answer == .resumeAt {
            caller.pointee.context.programCounter = handler.pointee.context.x.4
        }
        return caller
    }

    /// Performs a `replyAndReceive` if the only caller can run at once and no thread waits at the
    /// endpoint.
    ///
    /// - Precondition: as for `fastCall`.
    /// - Parameter tolerating: bits of the caller's scheduling word that are no reason to decline.
    ///   They are cleared.
    @inline(__always) public mutating func fastReplyAndReceive(
        _ thread: Ref<Thread>, _ raw: UInt64, replySlot: UInt64, isShared: Bool,
        tolerating: UInt32 = 0
    ) -> FastOutcome {
        let index = UInt(raw & 0xffff_ffff)
        let replyIndex = UInt(replySlot & 0xffff_ffff)
        let count = thread.pointee.tableCount
        if index >= count || replyIndex >= count { return .declined }
        let slot = fastSlot(thread, index)
        let replyCapability = fastSlot(thread, replyIndex)
        if !slot.pointee.uses.contains(.receive) || !replyCapability.pointee.uses.contains(.reply) {
            return .declined
        }
        let endpoint: Ref<Endpoint> = slot.fastObject()
        let reply: Ref<Reply> = replyCapability.fastObject()
        guard let caller = reply.pointee.caller else { return .declined }
        if endpoint.pointee.occupation != 0 || !thread.pointee.soleCaller.isSame(as: caller) {
            return .declined
        }
        let word = caller.pointee.scheduling.raw & ~tolerating
        let own = thread.pointee.scheduling.raw
        var unusual = word | own
        if isShared {
            unusual =
                unusual & ~SchedulingWord.urgencyMask | (word ^ own) & SchedulingWord.urgencyMask
        }
        if unusual & attention(isShared) != 0 {
            return why(unusual, isShared, endpoint: slot, reply: replyCapability)
        }
        if !goesFirst(caller, word, isShared: isShared) { return .declined }
        disconnect(thread, 0, from: caller, word, reply, at: endpoint)
        if isShared { core.current = caller }
        return .handedOver(
            Handover(
                thread: caller, result: raw & ControlWord.lengthMask, badge: 0, source: thread))
    }

    /// Returns whether a blocked thread may run next, without a look at the ready queue and at the
    /// deadlines: it is more urgent than all that is ready here and than all pending updates, and
    /// misses no deadline.
    ///
    /// - Parameter word: its scheduling word.
    @inline(__always) func goesFirst(
        _ thread: Ref<Thread>, _ word: UInt32, isShared: Bool
    ) -> Bool {
        let priority = Int(word & 0xff)
        if isShared && priority <= shared.pointee.updates.top { return false }
        return core.ready.isSurpassed(by: priority)
            || core.ready.isSurpassed(by: priority, least: leastLevel(beside: thread))
    }

    /// Disconnects a caller from its server, which then waits as the ready server. Both get their
    /// scheduling words.
    ///
    /// - Parameters:
    ///   - serverBits: bits of the server's scheduling word besides its base priority and state.
    ///   - word: the caller's scheduling word, with any state. The end of its deadline and of its
    ///     loan is the end of these bits: what else they left is stale.
    @inline(__always) mutating func disconnect(
        _ thread: Ref<Thread>, _ serverBits: UInt32, from caller: Ref<Thread>, _ word: UInt32,
        _ reply: Ref<Reply>, at endpoint: Ref<Endpoint>
    ) {
        caller.pointee.blockedOn = nil
        caller.pointee.reply = nil
        caller.pointee.scheduling.raw = word & ~SchedulingWord.waitMask
        reply.pointee.caller = nil
        reply.pointee.holder = thread
        thread.pointee.soleCaller = nil
        thread.pointee.reply = reply
        thread.pointee.endpoint = endpoint
        thread.pointee.scheduling.raw =
            UInt32(thread.pointee.restingWord) | serverBits
            | RunState.receiving.raw &<< SchedulingWord.stateShift
        endpoint.pointee.readyServer = thread
        endpoint.pointee.occupation = 1
    }

    /// Returns a slot of the thread's capability table.
    ///
    /// - Precondition: `index` is below `tableCount`.
    @inline(__always) func fastSlot(_ thread: Ref<Thread>, _ index: UInt) -> Ref<Capability> {
        // Safety: the caller compared index with tableCount, which is set together with tableBase.
        unsafe Ref(
            UnsafeMutablePointer(bitPattern: thread.pointee.tableBase &+ index &<< 6)
                .unsafelyUnwrapped)
    }
}

extension Ref where Object == Capability {
    /// Returns the object of a capability that has a use. Only an empty slot has no object, and it
    /// has no use.
    @inline(__always) func fastObject<T: ~Copyable>() -> Ref<T> {
        // Safety: some use is set, so object is set, and of the kind that the use belongs to.
        unsafe pointee.object.unsafelyUnwrapped.rebound(to: T.self)
    }
}

extension Optional where Wrapped == Ref<Reply> {
    /// The reply object of a `readyServer`.
    @inline(__always) var fastValue: Ref<Reply> {
        // Safety: an invariant of `Endpoint.readyServer`.
        unsafe unsafelyUnwrapped
    }
}

extension Optional where Wrapped == Ref<Thread> {
    /// The thread in a field that was found to be set.
    @inline(__always) var fastValue: Ref<Thread> {
        // Safety: the fast path that left the rest to another one has looked.
        unsafe unsafelyUnwrapped
    }
    /// Whether it is that thread: one comparison, without another one for nil.
    @inline(__always) func isSame(as other: Ref<Thread>) -> Bool {
        // Safety: an optional reference is an address, and nil is 0.
        unsafe unsafeBitCast(self, to: UInt.self) == other.bits
    }
}
