// The model's messages: how a sender and a receiver meet, what each gets, and faults, which are
// messages as well.

import KernelABI

extension ReferenceModel {
    private func badge(_ task: Int) -> UInt64 { tasks[task].isFaulting ? 1000 + UInt64(task) : 0 }

    mutating func send(_ task: Int, _ door: Int, _ word: UInt64, _ deadline: UInt64, isCall: Bool) {
        number(task, deadline)
        if doors[door].isClosed { return finish(task, .peerDied) }
        tasks[task].word = word
        if let error = offer(task, door, deadline, isCall ? .calling : .sending) {
            finish(task, error)
        }
    }
    private mutating func offer(_ task: Int, _ door: Int, _ deadline: UInt64, _ state: ThreadState)
        -> KernelError?
    {
        let wantsReply = state != .sending
        if let receiver = doors[door].receivers.first {
            if wantsReply, let error = chainError(task, receiver) { return error }
            tasks[task].state = state
            leave(receiver, door)
            tasks[receiver].on.endpoint = nil
            cancelDeadline(receiver)
            deliver(task, receiver)
            letGo(receiver, first: wantsReply)
            if wantsReply { start(task, deadline) }
            return nil
        }
        if hasPassed(deadline) { return .timedOut }
        if let server = doors[door].server, let error = chainError(task, server) { return error }
        tasks[task].state = state
        tasks[task].on.endpoint = door
        doors[door].senders = queued(task, in: doors[door].senders, by: \.waitKey)
        if let server = doors[door].server { block(task, on: server) }
        start(task, deadline)
        return nil
    }
    private mutating func deliver(_ sender: Int, _ receiver: Int) {
        let isOneWay = tasks[sender].state == .sending
        let delivery: Delivery = tasks[sender].isFaulting ? .fault : isOneWay ? .oneWay : .message
        let word =
            tasks[sender].isFaulting ? UInt64(FaultKind.pageRead.rawValue) : tasks[sender].word
        tasks[receiver].result = [UInt64(delivery.rawValue) << 8, badge(sender), word]
        if !isOneWay && tasks[sender].blockedOn != receiver { unblock(sender) }
        guard let reply = tasks[receiver].on.reply else { return }
        tasks[receiver].on.reply = nil
        if isOneWay {
            replies[reply] = Answer()
            finish(sender)
            if running == sender { tasks[sender].state = .running } else { letGo(sender) }
            return
        }
        replies[reply] = Answer(caller: sender, holder: receiver)
        tasks[sender].on.reply = reply
        if !tasks[sender].isFaulting { tasks[sender].state = .awaitingReply }
        if tasks[sender].blockedOn == nil { adopt(sender, by: receiver) }
    }
    mutating func receive(_ task: Int, _ door: Int, _ reply: Int, _ deadline: UInt64) {
        number(task, deadline, receives: true)
        takeOrWait(task, door, reply, deadline)
    }
    private mutating func takeOrWait(_ task: Int, _ door: Int, _ reply: Int, _ deadline: UInt64) {
        if replies[reply] != Answer() { return finish(task, .noCaller) }
        if let note = tasks[task].bound, notes[note].bits != 0 { return take(task, note) }
        if let sender = doors[door].senders.first, updatesTop > tasks[sender].effective {
            performUpdate()
        }
        if let sender = doors[door].senders.first {
            doors[door].senders.removeFirst()
            tasks[sender].on.endpoint = nil
            tasks[task].on.reply = reply
            return deliver(sender, task)
        }
        if hasPassed(deadline) { return finish(task, .timedOut) }
        tasks[task].on = Waiting(endpoint: door, reply: reply)
        replies[reply].holder = task
        tasks[task].state = .receiving
        let isPlain =
            deadline == ~0 && doors[door].receivers.isEmpty && !doors[door].isClosed
            && tasks[task].callers.isEmpty
        queuePlain(door)
        if isPlain { doors[door].plain = task }
        doors[door].receivers = queued(task, in: doors[door].receivers, by: \.waitKey)
        start(task, deadline)
    }
    mutating func reply(_ task: Int, _ reply: Int, _ word: UInt64) {
        guard let caller = replies[reply].caller else { return finish(task, .noCaller) }
        answer(caller, reply, word)
        finish(task)
    }
    mutating func replyAndReceive(
        _ task: Int, _ door: Int, _ reply: Int, _ word: UInt64, _ deadline: UInt64
    ) {
        number(task, deadline, receives: true)
        if let caller = replies[reply].caller { answer(caller, reply, word) }
        takeOrWait(task, door, reply, deadline)
    }
    private mutating func answer(_ caller: Int, _ reply: Int, _ word: UInt64) {
        if tasks[caller].isFaulting {
            tasks[caller].isFaulting = false
            if word > 1 { tasks[caller].isSuspended = true }
        } else {
            tasks[caller].result = [0, 0, word]
        }
        free(reply)
        tasks[caller].state = .awaitingReply
        if tasks[caller].blockedOn == running { unblock(caller) }
        letGo(caller)
    }
    mutating func fault(_ task: Int) {
        tasks[task].isFaulting = true
        tasks[task].state = .faulted
        guard let door = tasks[task].handler, !doors[door].isClosed else { return }
        if offer(task, door, ~0, .faulted) != .deadlock { return }
        // The handler waits for this very task: that call ends.
        var at = doors[door].server
        while let waiting = at {
            at = tasks[waiting].blockedOn
            if at == task {
                end(waiting, .deadlock)
                break
            }
        }
        _ = offer(task, door, ~0, .faulted)
    }
}
