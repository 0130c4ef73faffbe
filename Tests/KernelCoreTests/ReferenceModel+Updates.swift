// The model's priority inheritance: links change at once, priorities follow one link a step, in the
// order of urgency.

import KernelABI

extension ReferenceModel {
    // Links

    mutating func block(_ caller: Int, on server: Int) {
        tasks[caller].blockedOn = server
        if let door = tasks[server].on.endpoint, doors[door].plain == server { queuePlain(door) }
        tasks[server].callers = queued(caller, in: tasks[server].callers, by: \.callerKey)
        request(server)
    }
    /// The same for a receiver, which stands in no queue: its priority follows at once.
    mutating func adopt(_ caller: Int, by receiver: Int) {
        tasks[caller].blockedOn = receiver
        tasks[receiver].callers = queued(caller, in: tasks[receiver].callers, by: \.callerKey)
        tasks[receiver].effective = inherited(receiver)
    }
    mutating func unblock(_ caller: Int) {
        guard let server = tasks[caller].blockedOn else { return }
        tasks[caller].blockedOn = nil
        tasks[server].callers.removeAll { $0 == caller }
        request(server)
    }
    func chainError(_ caller: Int, _ server: Int) -> KernelError? {
        var row = [server]
        while let last = row.last, !isEnding(last), let next = tasks[last].blockedOn {
            row.append(next)
        }
        if let place = row.firstIndex(of: caller), place < Limits.chain { return .deadlock }
        return row.count >= Limits.chain ? .chainTooLong : nil
    }
    private func inherited(_ task: Int) -> Int {
        tasks[task].callers.map { tasks[$0].callerKey }.reduce(tasks[task].base, max)
    }
    /// Does the task stand in a queue by its priority?
    private func isQueued(_ task: Int) -> Bool {
        if tasks[task].blockedOn != nil { return true }
        if let door = tasks[task].on.endpoint { return doors[door].plain != task }
        return tasks[task].on.notification != nil
    }

    // Updates

    var updatesTop: Int { updates.map(\.urgency).max() ?? -1 }
    private var firstUpdate: Int? { updates.first { $0.urgency == updatesTop }?.task }

    mutating func request(_ task: Int) {
        let priority = inherited(task)
        let waiting = updates.firstIndex { $0.task == task }
        if waiting == nil && priority == tasks[task].effective { return }
        if tasks[task].state == .ready {
            tasks[task].effective = priority
            ready = placed(task, in: ready.filter { $0 != task })
        } else if !isQueued(task) && !isEnding(task) {
            updates.removeAll { $0.task == task }
            tasks[task].isTimedOut = false
            tasks[task].effective = priority
        } else {
            queueUpdate(task, max(priority, tasks[task].effective))
        }
    }
    mutating func queueUpdate(_ task: Int, _ urgency: Int) {
        if let waiting = updates.firstIndex(where: { $0.task == task }) {
            if urgency <= updates[waiting].urgency { return }
            updates.remove(at: waiting)
        }
        updates.append((task, urgency))
    }
    mutating func cancelUpdate(_ task: Int) {
        if !updates.contains(where: { $0.task == task }) { return }
        updates.removeAll { $0.task == task }
        tasks[task].isTimedOut = false
        tasks[task].effective = inherited(task)
    }
    /// One step of the most urgent update, the oldest of equals: one move in one queue.
    mutating func performUpdate() {
        guard let task = firstUpdate else { return }
        if isEnding(task) { return conclude(task) }
        if let note = postedNote(task) { return signal(note, 0) }
        if tasks[task].isTimedOut { return end(task, .timedOut) }
        tasks[task].effective = inherited(task)
        move(task)
        if !hasMove(task) { updates.removeAll { $0.task == task } }
    }
    /// The queues that hold the task under another priority than its own: where it waits, the
    /// callers of its server, and the deadlines, which it leaves in one step and enters in another.
    private func isMisplaced(_ task: Int) -> (waits: Bool, calls: Bool, hasDeadline: Bool) {
        let priority = tasks[task].effective
        let waits =
            tasks[task].on.notification != nil
            || tasks[task].on.endpoint.map { doors[$0].plain != task } ?? false
        let hasDeadline = deadlines.contains {
            $0.task == task && !$0.isOver && $0.urgency != priority
        }
        return (
            waits && tasks[task].waitKey != priority,
            tasks[task].blockedOn != nil && tasks[task].callerKey != priority,
            hasDeadline || tasks[task].isDeadlineMoving
        )
    }
    private func hasMove(_ task: Int) -> Bool { isMisplaced(task) != (false, false, false) }
    private mutating func move(_ task: Int) {
        let place = isMisplaced(task)
        if place.waits {
            if let door = tasks[task].on.endpoint {
                if doors[door].senders.contains(task) {
                    doors[door].senders = queued(task, in: doors[door].senders, by: \.waitKey)
                } else {
                    doors[door].receivers = queued(task, in: doors[door].receivers, by: \.waitKey)
                }
            } else if let note = tasks[task].on.notification {
                notes[note].waiters = queued(task, in: notes[note].waiters, by: \.waitKey)
            }
        } else if place.calls, let server = tasks[task].blockedOn {
            tasks[server].callers = queued(task, in: tasks[server].callers, by: \.callerKey)
            request(server)
        } else if tasks[task].isDeadlineMoving {
            tasks[task].isDeadlineMoving = false
            deadlines.append((tasks[task].until, task, tasks[task].effective, false))
        } else if let index = deadlines.firstIndex(where: { $0.task == task && !$0.isOver }),
            place.hasDeadline
        {
            deadlines.remove(at: index)
            tasks[task].isDeadlineMoving = true
        }
    }
    /// Steps until a thread goes first; a timer that is due is served before each and after the
    /// last.
    mutating func performUpdates() {
        if updates.isEmpty && armed > now { return isUpdatesTurn = false }
        while true {
            if armed <= now {
                isUpdatesTurn = false
                armed = ~0
                serveDeadline(atLeast: leastUrgency)
            } else if firstGoes {
                break
            } else {
                arm(atLeast: leastUrgency)
                if armed > now { performUpdate() }
            }
        }
        isUpdatesTurn = false
    }
    private var leastUrgency: Int {
        max(updatesTop, running.map { tasks[$0].state == .running ? tasks[$0].effective : 0 } ?? 0)
    }
    /// Does a task go before every update?
    private var firstGoes: Bool {
        let urgency = updatesTop
        if urgency < 0 { return true }
        if let at = running, tasks[at].state == .running, goesFirst(at, urgency) { return true }
        if let next = ready.first, goesFirst(next, urgency) { return true }
        return false
    }
    private func goesFirst(_ task: Int, _ urgency: Int) -> Bool {
        let effective = tasks[task].effective
        return effective > urgency
            || (effective == urgency && tasks[task].base == urgency && !isUpdatesTurn)
    }

    // Deadlines

    mutating func arm(atLeast urgency: Int) {
        armed = deadlines.filter { $0.urgency >= urgency }.map(\.at).min() ?? ~0
    }
    @discardableResult mutating func serveDeadline(atLeast urgency: Int) -> Bool {
        let due = deadlines.filter { $0.at <= now }
        // No two are at one instant.
        guard let first = due.min(by: { (-$0.urgency, $0.at) < (-$1.urgency, $1.at) }),
            first.urgency >= urgency
        else {
            return false
        }
        if first.isOver {
            deadlines.removeAll { $0.task == first.task }
        } else if tasks[first.task].until > now {
            deadlines.removeAll { $0.task == first.task }
            tasks[first.task].isDeadlineMoving = true
            queueUpdate(first.task, tasks[first.task].effective)
        } else {
            cancelDeadline(first.task)
            if deadlines.count == 1 { deadlines = [] }
            tasks[first.task].isTimedOut = true
            queueUpdate(first.task, tasks[first.task].effective)
        }
        return true
    }
    /// The timer interrupts as long as something is due that is no less urgent than the task that
    /// runs.
    mutating func serveDeadlines() {
        while armed <= now {
            armed = ~0
            serveDeadline(atLeast: running.map { tasks[$0].effective } ?? 0)
            reschedule()
        }
    }
}
