// Messages through endpoints: the general paths of call, send, receive and reply. Kernel+FastPath
// has the frequent case.
//
// Each operation looks up and checks first. Then `carry` copies the payload, and only then the
// state of threads and objects changes. An operation that finds a pending interrupt before that
// restarts. At a rendezvous the message is delivered at once to the side that waited.

import HardwareInterface
import KernelABI

extension Kernel where H: ~Copyable {
    /// Performs `call` and `send`.
    mutating func send(
        _ thread: Ref<Thread>, _ control: ControlWord, deadline: Instant, isCall: Bool
    ) -> Outcome {
        guard let slot = slot(thread, control.slot), slot.pointee.object != nil else {
            return .failed(.invalidCapability)
        }
        guard let endpoint = slot.endpoint else { return .failed(.wrongKind) }
        if !slot.pointee.rights.contains(.write) { return .failed(.missingRights) }
        if let error = checkMessage(thread, control, rights: slot.pointee.rights) {
            return .failed(error)
        }
        if endpoint.pointee.isClosed { return .failed(.peerDied) }
        thread.pointee.sendControl = control.raw & ControlWord.messageMask
        thread.pointee.sendBadge = slot.pointee.badge
        takeLoan(thread, isCall ? control : ControlWord(raw: 0))
        let outcome = offer(
            thread, endpoint, through: slot, deadline: deadline,
            state: isCall ? .calling : .sending)
        if thread.state == .running { endLoan(thread) }
        return outcome
    }

    /// Delivers a message or a fault to a waiting receiver, or queues its sender. Restartable.
    mutating func offer(
        _ thread: Ref<Thread>, _ endpoint: Ref<Endpoint>, through slot: Ref<Capability>,
        deadline: Instant, state: RunState
    ) -> Outcome {
        let expectsReply = state != .sending
        if isInterrupted() { return .restart }
        if let receiver = endpoint.waitingReceiver {
            if expectsReply, let error = checkChain(thread, receiver) { return .failed(error) }
            guard let capabilities = carry(from: thread, to: receiver) else { return .restart }
            endpoint.removeReceiver(receiver)
            deliver(from: thread, in: state, to: receiver, capabilities)
            if expectsReply && receiver.pointee.scheduling.isPending {
                // The caller may have lifted it above its update.
                queueUpdate(receiver, urgency: receiver.effective)
            } else {
                // The server of a call takes its caller's place among its equals, as on the fast
                // path.
                unblock(receiver, atHead: expectsReply)
            }
            if expectsReply { startDeadline(thread, deadline) }
            return .blocked
        }
        if hasPassed(deadline) { return .failed(.timedOut) }
        if let server = endpoint.pointee.server {
            if let error = checkChain(thread, server) { return .failed(error) }
        }
        if isInterrupted() { return .restart }
        thread.state = state
        thread.pointee.endpoint = endpoint
        endpoint.pointee.holdsSenders = true
        endpoint.insert(thread)
        thread.joinSenders(of: slot)
        if let server = endpoint.pointee.server { addCaller(thread, to: server) }
        startDeadline(thread, deadline)
        return .blocked
    }

    /// Delivers a sender's message to a receiver that holds a free reply object.
    ///
    /// - Precondition: `carry` has copied the payload. Neither thread is in a queue of the
    ///   endpoint. The receiver waits for no thread, so no chain grows too long and no cycle
    ///   closes. The sender waits for no thread, or for the receiver.
    /// - Parameters:
    ///   - state: the sender's: calling, sending or faulted.
    ///   - capabilities: the number of capabilities that were passed.
    /// - Postcondition: the receiver's results are set, but it is not ready yet. A caller awaits
    ///   the reply; a one-way sender has its result.
    @inline(never) private mutating func deliver(
        from sender: Ref<Thread>, in state: RunState, to receiver: Ref<Thread>, _ capabilities: Int
    ) {
        guard let reply = receiver.pointee.reply else { return }
        receiver.pointee.reply = nil
        if state == .faulted {
            writeFault(of: sender, to: receiver, badge: sender.pointee.sendBadge)
        } else {
            transfer(
                from: sender, to: receiver, state == .sending ? .oneWay : .message,
                badge: sender.pointee.sendBadge, capabilities)
        }
        if state == .sending {
            reply.pointee.holder = nil
            return complete(sender, .success)
        }
        reply.pointee.holder = receiver
        reply.pointee.caller = sender
        sender.pointee.reply = reply
        sender.state = state == .faulted ? .faulted : .awaitingReply
        if sender.pointee.blockedOn == nil { adoptCaller(sender, by: receiver) }
    }

    /// Performs `receive`. Restartable.
    ///
    /// Bits of the bound notification come first, then the most urgent sender. If there is neither,
    /// the thread waits.
    mutating func receive(
        _ thread: Ref<Thread>, endpoint endpointSlot: Slot, reply replySlot: Slot, deadline: Instant
    ) -> Outcome {
        let endpoint: Ref<Endpoint>
        let reply: Ref<Reply>
        do throws(KernelError) {
            (endpoint, reply) = try checkReceive(thread, endpointSlot, replySlot)
        } catch { return .failed(error) }
        if reply.pointee.caller != nil || reply.pointee.holder != nil { return .failed(.noCaller) }
        if let notification = thread.pointee.boundNotification, notification.pointee.bits != 0 {
            complete(thread, ResultWord(.notification), take(notification))
            return .done
        }
        if let caller = endpoint.waitingSender, shared.pointee.updates.top > Int(caller.effective),
            let update = shared.pointee.updates.first
        {
            // One step of a more urgent update goes before each caller. So a chain that is being
            // lifted overtakes the callers that wait here. It is only one step, so updates of
            // others delay this thread by no more than that.
            if isInterrupted() { return .restart }
            performUpdate(update)
            if isInterrupted() { return .restart }
        }
        if let sender = endpoint.waitingSender {
            return take(sender, at: endpoint, by: thread, with: reply)
        }
        if hasPassed(deadline) { return .failed(.timedOut) }
        thread.pointee.endpoint = endpoint
        thread.pointee.reply = reply
        reply.pointee.holder = thread
        thread.state = .receiving
        enqueueReceiver(thread, endpoint, isPlain: deadline == .never)
        startDeadline(thread, deadline)
        return .blocked
    }

    /// Delivers the message of a queued sender to the running thread.
    private mutating func take(
        _ sender: Ref<Thread>, at endpoint: Ref<Endpoint>, by thread: Ref<Thread>,
        with reply: Ref<Reply>
    ) -> Outcome {
        let state = sender.state
        // A caller that is received by another thread than the endpoint's server waits for that
        // thread from now on. Where an interrupt comes between, it waits for the server again.
        let server = state == .sending ? nil : sender.pointee.blockedOn
        let isMoved = server != nil && server != thread
        if isInterrupted() { return .restart }
        if isMoved {
            removeCaller(sender)
            adoptCaller(sender, by: thread)
        }
        guard let capabilities = carry(from: sender, to: thread) else {
            if isMoved, let server {
                dropCaller(sender, of: thread)
                addCaller(sender, to: server)
            }
            return .restart
        }
        endpoint.removeSender(sender)
        thread.pointee.reply = reply
        deliver(from: sender, in: state, to: thread, capabilities)
        if state == .sending { unblock(sender, atHead: false) }
        return .done
    }

    /// Looks up the objects that a receive needs. The reply object need not be free.
    private func checkReceive(
        _ thread: Ref<Thread>, _ endpointSlot: Slot, _ replySlot: Slot
    ) throws(KernelError) -> (Ref<Endpoint>, Ref<Reply>) {
        let endpoint: Ref<Endpoint> = try object(thread, endpointSlot, .endpoint, .read)
        return (endpoint, try object(thread, replySlot, .reply, .write))
    }

    /// Makes a receiver wait at the endpoint: as its ready server, or in its queue.
    ///
    /// - Parameter isPlain: the receiver has no deadline.
    private mutating func enqueueReceiver(
        _ thread: Ref<Thread>, _ endpoint: Ref<Endpoint>, isPlain: Bool
    ) {
        endpoint.pointee.holdsSenders = false
        if endpoint.pointee.readyServer != nil {
            queueReadyServer(endpoint)
        } else if isPlain && endpoint.pointee.occupation == 0 && !thread.hasCallers
            && thread.pointee.slice == 0 && thread.pointee.budget == nil
            && !thread.pointee.scheduling.isSuspended
        {
            endpoint.pointee.readyServer = thread
            endpoint.pointee.occupation = 1
            return
        }
        endpoint.insert(thread)
    }

    /// Moves the ready server of an endpoint, if it has one, into the endpoint's queue, which is
    /// empty. From now on calls to it take the general path.
    @inline(__always) mutating func queueReadyServer(_ endpoint: Ref<Endpoint>) {
        guard let server = endpoint.pointee.readyServer else { return }
        endpoint.pointee.readyServer = nil
        endpoint.pointee.holdsSenders = false
        endpoint.pointee.waiters.insertFirst(server.waitNode, key: server.effective)
        endpoint.pointee.occupation = 1
    }

    /// Performs `reply`: answers the caller that the reply object in `replySlot` holds.
    mutating func reply(
        _ thread: Ref<Thread>, _ replySlot: Slot, _ control: ControlWord
    ) -> Outcome {
        do throws(KernelError) {
            if !(try answer(thread, replySlot, control)) { return .restart }
        } catch { return .failed(error) }
        complete(thread, .success)
        return .done
    }

    /// Delivers the answer and lets the caller run. The results of the replying thread stay as they
    /// are.
    ///
    /// - Returns: false if an interrupt is pending; then nothing has changed.
    private mutating func answer(
        _ thread: Ref<Thread>, _ replySlot: Slot, _ control: ControlWord
    ) throws(KernelError) -> Bool {
        guard let slot = slot(thread, replySlot), slot.pointee.object != nil else {
            throw .invalidCapability
        }
        guard let reply = slot.reply else { throw .wrongKind }
        if !slot.pointee.rights.contains(.write) { throw .missingRights }
        guard let caller = reply.pointee.caller else { throw .noCaller }
        if let error = checkMessage(thread, control, rights: slot.pointee.rights) { throw error }
        thread.pointee.sendControl = control.raw & ControlWord.messageMask & ~ControlWord.loanBit
        if caller.pointee.scheduling.isFaulting {
            if isInterrupted() { return false }
            applyFaultReply(caller, thread)
            caller.state = .awaitingReply
        } else {
            guard let capabilities = carry(from: thread, to: caller) else { return false }
            transfer(from: thread, to: caller, .message, badge: 0, capabilities)
        }
        endLoan(caller)
        release(reply)
        if caller.pointee.blockedOn == thread { dropCaller(caller, of: thread) }
        unblock(caller, atHead: false)
        return true
    }

    /// Performs `replyAndReceive`: without a held caller it is a plain receive. If the receive is
    /// refused, no caller is answered.
    mutating func replyAndReceive(
        _ thread: Ref<Thread>, _ control: ControlWord, replySlot: Slot, deadline: Instant
    ) -> Outcome {
        do throws(KernelError) {
            let (_, reply) = try checkReceive(thread, control.slot, replySlot)
            if reply.pointee.caller != nil {
                if !(try answer(thread, replySlot, control)) { return .restart }
                // From here on it is a plain receive: another thread may receive with the reply
                // object before this one starts anew.
                let receive = ControlWord(.receive, control.slot, timed: control.isTimed)
                thread.pointee.context.x.0 = receive.raw
                if isInterrupted() { return .restart }
            }
        } catch { return .failed(error) }
        return receive(thread, endpoint: control.slot, reply: replySlot, deadline: deadline)
    }

    /// Performs `bindAbandonment`.
    func bindAbandonment(_ thread: Ref<Thread>, _ slot: Slot) throws(KernelError) -> Outcome {
        let reply: Ref<Reply> = try object(thread, slot, .reply, .manage)
        try bind(thread, reply.source)
        return done(thread, reply.pointee.caller == nil ? 0 : 1)
    }
}

extension Ref where Object == Endpoint {
    /// The most urgent thread that waits here for a message.
    var waitingReceiver: Ref<Thread>? {
        if let server = pointee.readyServer { return server }
        return pointee.holdsSenders ? nil : pointee.waiters.first?.waiter
    }
    /// The most urgent thread that waits here with a message.
    var waitingSender: Ref<Thread>? { pointee.holdsSenders ? pointee.waiters.first?.waiter : nil }
}
