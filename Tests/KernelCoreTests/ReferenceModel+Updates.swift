// The model's priority inheritance: links change at once, priorities follow one link a step, in the order of urgency.

import KernelABI

extension ReferenceModel {
    // Links

    mutating func block(_ caller: Int, on server: Int) {
        tasks[caller].blockedOn = server
        if let door = tasks[server].on.endpoint, doors[door].plain == server { doors[door].plain = nil }
        tasks[server].callers = placed(caller, in: tasks[server].callers)
        request(server)
    }
    mutating func unblock(_ caller: Int) {
        guard let server = tasks[caller].blockedOn else { return }
        tasks[caller].blockedOn = nil
        tasks[server].callers.removeAll { $0 == caller }
        request(server)
    }
    func chainError(_ caller: Int, _ server: Int) -> KernelError? {
        var row = [server]
        while let next = tasks[row[row.count - 1]].blockedOn { row.append(next) }
        if let place = row.firstIndex(of: caller), place < Limits.chain { return .deadlock }
        return row.count >= Limits.chain ? .chainTooLong : nil
    }
    private func inherited(_ task: Int) -> Int {
        tasks[task].callers.map { tasks[$0].effective }.reduce(tasks[task].base, max)
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
            ready = replaced(task, in: ready)
        } else if !isQueued(task) {
            updates.removeAll { $0.task == task }
            tasks[task].isTimedOut = false
            tasks[task].effective = priority
        } else {
            queueUpdate(task, max(priority, tasks[task].effective))
        }
    }
    private mutating func queueUpdate(_ task: Int, _ urgency: Int) {
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
    /// One step: the most urgent update, the oldest of equals. The urgency of a time-out is a second step.
    mutating func performUpdate() {
        guard let task = firstUpdate else { return }
        if tasks[task].isTimedOut { return abort(task, .timedOut) }
        let urgency = updatesTop
        updates.removeAll { $0.task == task }
        let priority = inherited(task)
        let deadline = deadlines.firstIndex { $0.task == task && !$0.isOver && $0.urgency != priority }
        if priority == tasks[task].effective {
            if let deadline { deadlines[deadline].urgency = priority }
            return
        }
        tasks[task].effective = priority
        if let door = tasks[task].on.endpoint {
            doors[door].senders = replaced(task, in: doors[door].senders)
            doors[door].receivers = replaced(task, in: doors[door].receivers)
        }
        if let note = tasks[task].on.notification { notes[note].waiters = replaced(task, in: notes[note].waiters) }
        if let server = tasks[task].blockedOn {
            tasks[server].callers = replaced(task, in: tasks[server].callers)
            request(server)
        }
        if deadline != nil { updates.append((task, urgency)) }
    }
    /// Steps until a thread goes first; a timer that is due is served before each and after the last.
    mutating func performUpdates() {
        if updates.isEmpty { return isUpdatesTurn = false }
        while true {
            let own = running.map { tasks[$0].state == .running ? tasks[$0].effective : 0 } ?? 0
            let least = max(updatesTop, own)
            arm(atLeast: least)
            if armed <= now {
                isUpdatesTurn = false
                serveDeadline(atLeast: least)
                if firstGoes { break }
                continue
            }
            if firstGoes { break }
            performUpdate()
        }
        isUpdatesTurn = false
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
        return effective > urgency || (effective == urgency && tasks[task].base == urgency && !isUpdatesTurn)
    }

    // Deadlines

    mutating func arm(atLeast urgency: Int) {
        armed = deadlines.filter { $0.urgency >= urgency }.map(\.at).min() ?? ~0
    }
    @discardableResult mutating func serveDeadline(atLeast urgency: Int) -> Bool {
        let due = deadlines.filter { $0.at <= now }
        // No two are at one instant.
        guard let first = due.min(by: { (-$0.urgency, $0.at) < (-$1.urgency, $1.at) }), first.urgency >= urgency else {
            return false
        }
        if first.isOver {
            deadlines.removeAll { $0.task == first.task }
        } else {
            cancelDeadline(first.task)
            tasks[first.task].isTimedOut = true
            queueUpdate(first.task, tasks[first.task].effective)
        }
        return true
    }
    /// The timer interrupts as long as something is due that is no less urgent than the task that runs.
    mutating func serveDeadlines() {
        while armed <= now {
            serveDeadline(atLeast: running.map { tasks[$0].effective } ?? 0)
            reschedule()
        }
    }
}
