// The model's other operations: notifications, what the root task does to threads and endpoints,
// and time.

import KernelABI

extension ReferenceModel {
    // Notifications

    mutating func signal(_ note: Int, _ bits: UInt64) {
        if let task = notes[note].bound, tasks[task].state == .receiving, !isEnding(task) {
            leavePlace(task)
            take(task, note, bits)
            letGo(task)
        } else if let task = notes[note].waiters.first {
            notes[note].waiters.removeFirst()
            tasks[task].on.notification = nil
            take(task, note, bits)
            letGo(task)
        } else {
            notes[note].bits |= bits
        }
    }
    /// Sets bits; a step wakes the task for them.
    mutating func post(_ note: Int, _ bits: UInt64) {
        notes[note].bits |= bits
        let receiver = boundReceiver(note)
        if let receiver, let door = tasks[receiver].on.endpoint, doors[door].plain == receiver {
            queuePlain(door)
        }
        if let waiter = notes[note].waiters.first {
            let urgency = receiver.map { tasks[$0].effective } ?? 0
            queueUpdate(waiter, max(urgency, tasks[waiter].effective))
        } else if let receiver {
            announce(receiver)
        }
    }
    /// An update that is pending already keeps its urgency.
    mutating func announce(_ task: Int) {
        if updates.contains(where: { $0.task == task }) { return }
        queueUpdate(task, tasks[task].effective)
    }
    func boundReceiver(_ note: Int) -> Int? {
        guard let task = notes[note].bound, tasks[task].state == .receiving, !isEnding(task) else {
            return nil
        }
        return task
    }
    /// The note that the task waits for, if bits are set there.
    func postedNote(_ task: Int) -> Int? {
        let note = tasks[task].state == .receiving ? tasks[task].bound : tasks[task].on.notification
        return note.flatMap { notes[$0].bits != 0 ? $0 : nil }
    }
    mutating func signal(_ task: Int, _ note: Int, _ bits: UInt64) {
        finish(task)
        signal(note, bits)
    }
    mutating func wait(_ task: Int, _ note: Int, _ deadline: UInt64?) {
        number(task, deadline ?? ~0)
        if notes[note].bits != 0 { return take(task, note) }
        guard let deadline else {
            while notes[note].bits == 0 && serveDeadline(atLeast: tasks[task].effective) {}
            return notes[note].bits != 0 ? take(task, note) : finish(task, .wouldBlock)
        }
        if hasPassed(deadline) { return finish(task, .timedOut) }
        tasks[task].state = .waiting
        tasks[task].on.notification = note
        notes[note].waiters = queued(task, in: notes[note].waiters, by: \.waitKey)
        start(task, deadline)
    }

    // Threads

    mutating func yield(_ task: Int) {
        finish(task)
        serveDeadline(atLeast: tasks[task].effective)
        if updatesTop == tasks[task].effective {
            isUpdatesTurn = true
            performUpdates()
        }
        if let next = ready.first, tasks[next].effective >= tasks[task].effective { enqueue(task) }
    }
    mutating func setPriority(_ task: Int, _ base: Int) {
        tasks[task].base = base
        request(task)
    }
    mutating func suspend(_ task: Int) {
        switch tasks[task].state {
        case .stopped: return
        case .faulted: tasks[task].isSuspended = true
        default: stop(task)
        }
    }
    mutating func resume(_ task: Int) -> KernelError? {
        if tasks[task].state == .faulted {
            if isEnding(task) { conclude(task) }
            tasks[task].isSuspended = false
            if tasks[task].on != Waiting() { return nil }
            tasks[task].isFaulting = false
        } else if tasks[task].state != .stopped {
            return .wrongState
        }
        enqueue(task)
        return nil
    }
    mutating func bindServer(_ door: Int, _ task: Int) -> KernelError? {
        if !doors[door].senders.isEmpty { return .wrongState }
        for other in tasks.indices { tasks[other].owned.removeAll { $0 == door } }
        doors[door].server = task
        doors[door].isClosed = false
        tasks[task].owned.insert(door, at: 0)
        return nil
    }
    mutating func close(_ door: Int) {
        doors[door].isClosed = true
        queuePlain(door)
        while let sender = doors[door].senders.first { end(sender, .peerDied) }
    }
    mutating func deleteReply(_ reply: Int) {
        if let caller = replies[reply].caller {
            end(caller, .peerDied)
        } else if let holder = replies[reply].holder {
            end(holder, .invalidCapability)
        }
    }
    /// Its memory is reclaimed, and a new thread of that number is made.
    mutating func replace(_ task: Int, base: Int) {
        stop(task)
        for door in tasks[task].owned {
            close(door)
            doors[door].server = nil
        }
        while let caller = tasks[task].callers.first { end(caller, .peerDied) }
        if let note = tasks[task].bound { notes[note].bound = nil }
        deadlines.removeAll { $0.task == task }
        let handler = tasks[task].handler
        tasks[task] = Task(base: base, effective: base)
        tasks[task].handler = handler
    }
}
