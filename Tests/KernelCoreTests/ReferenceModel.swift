// What the kernel must do, said a second time with nothing but arrays: who waits for whom, who is
// ready in which order, and what each call returns. It searches and recomputes everything, so that
// it shares no cleverness with the kernel.

import KernelABI

struct ReferenceModel {
    struct Waiting: Equatable {
        var endpoint: Int?
        var reply: Int?
        var notification: Int?
    }
    struct Task {
        var base: Int
        var effective: Int
        var state = ThreadState.stopped
        var on = Waiting()
        var blockedOn: Int?
        /// Those who wait for it, in the order in which they would be refused.
        var callers: [Int] = []
        var isFaulting = false
        /// Its deadline has passed, and its update will end its wait.
        var isTimedOut = false
        /// The priorities under which it stands in the queue where it waits, and among the callers
        /// of its server.
        var waitKey = 0
        var callerKey = 0
        /// When its wait with a deadline ends.
        var until: UInt64 = 0
        /// Whether a step has taken its deadline out of the queue to give it another place.
        var isDeadlineMoving = false
        var isSuspended = false
        var handler: Int?
        var word: UInt64 = 0
        /// Error and delivery (x0), badge (x1) and first word (x3) of its last call.
        var result: [UInt64] = [0, 0, 0]
        var bound: Int?
        /// Endpoints that it serves, the last bound first.
        var owned: [Int] = []
        /// The number of its deadlines: the lowest that was free when it first had one.
        var number: Int?
    }
    struct Door {
        var server: Int?
        var isClosed = false
        var senders: [Int] = []
        var receivers: [Int] = []
        /// The one receiver that stands in no queue: its priority follows at once.
        var plain: Int?
    }
    struct Answer: Equatable {
        var caller: Int?
        var holder: Int?
    }
    /// The note that a caller rings who leaves a reply object before the answer.
    var bells: [Int?] = []
    struct Bits {
        var bits: UInt64 = 0
        var waiters: [Int] = []
        var bound: Int?
    }

    var tasks: [Task] = []
    var doors: [Door] = []
    var replies: [Answer] = []
    var notes: [Bits] = []
    var ready: [Int] = []
    var running: Int?
    /// Those of tasks that were woken stay until they are due, or until the task waits again and
    /// they cannot stand for its new deadline.
    var deadlines: [(at: UInt64, task: Int, urgency: Int, isOver: Bool)] = []
    var now: UInt64 = 0
    /// What the timer is set to.
    var armed = UInt64.max
    /// Updates that wait, oldest first.
    var updates: [(task: Int, urgency: Int)] = []
    var isUpdatesTurn = false

    // Order

    func placed(
        _ task: Int, in list: [Int], by key: KeyPath<Task, Int> = \.effective, first: Bool = false
    ) -> [Int] {
        let priority = tasks[task][keyPath: key]
        let place =
            list.firstIndex {
                let other = tasks[$0][keyPath: key]
                return first ? other <= priority : other < priority
            } ?? list.count
        var list = list
        list.insert(task, at: place)
        return list
    }
    /// The list with the task at the place that its present priority gives it.
    mutating func queued(
        _ task: Int, in list: [Int], by key: WritableKeyPath<Task, Int>
    ) -> [Int] {
        tasks[task][keyPath: key] = tasks[task].effective
        return placed(task, in: list.filter { $0 != task }, by: key)
    }
    mutating func makeReady(_ task: Int, first: Bool = false) {
        cancelDeadline(task)
        if tasks[task].isSuspended {
            tasks[task].isSuspended = false
            tasks[task].state = .stopped
        } else {
            let passes =
                updatesTop == tasks[task].effective && tasks[task].base == tasks[task].effective
            enqueue(task, first: first || passes)
        }
    }
    mutating func enqueue(_ task: Int, first: Bool = false) {
        tasks[task].state = .ready
        ready = placed(task, in: ready, first: first)
    }
    mutating func reschedule() {
        performUpdates()
        if let at = running, tasks[at].state == .running {
            let priority = tasks[at].effective
            let isStale = updatesTop == priority && tasks[at].base < priority
            if let next = ready.first,
                tasks[next].effective > priority || (tasks[next].effective == priority && isStale)
            {
                ready.removeFirst()
                enqueue(at, first: true)
                running = next
                tasks[next].state = .running
            }
        } else {
            running = ready.first
            if let next = running {
                ready.removeFirst()
                tasks[next].state = .running
            }
        }
        arm(atLeast: running.map { tasks[$0].effective } ?? 0)
    }
    /// The root task, more urgent than all, comes between.
    mutating func preempt() {
        if let at = running, tasks[at].state == .running { enqueue(at, first: true) }
        running = nil
        armed = ~0
    }

    // Waits

    mutating func finish(_ task: Int, _ error: KernelError? = nil) {
        tasks[task].result = [UInt64(error?.rawValue ?? 0), 0, 0]
    }
    mutating func take(_ task: Int, _ note: Int, _ extra: UInt64 = 0) {
        tasks[task].result = [
            UInt64(Delivery.notification.rawValue) << 8, notes[note].bits | extra, 0,
        ]
        notes[note].bits = 0
    }
    mutating func free(_ reply: Int) {
        if let caller = replies[reply].caller { tasks[caller].on.reply = nil }
        if let holder = replies[reply].holder, tasks[holder].on.reply == reply {
            tasks[holder].on.reply = nil
        }
        replies[reply] = Answer()
    }
    /// Takes a task out of where it waits.
    mutating func leavePlace(_ task: Int) {
        if let door = tasks[task].on.endpoint {
            leave(task, door)
        }
        if let reply = tasks[task].on.reply {
            let isCaller = replies[reply].caller == task
            free(reply)
            if isCaller, let note = bells[reply] { post(note, 1 << 8) }
        }
        if let note = tasks[task].on.notification {
            notes[note].waiters.removeAll { $0 == task }
            if notes[note].bits != 0 {
                if let next = notes[note].waiters.first ?? boundReceiver(note) { announce(next) }
            }
        }
        tasks[task].on = Waiting()
        tasks[task].isFaulting = false
        tasks[task].isTimedOut = false
    }
    /// Is its wait over, but for the step that takes it out of its chain?
    func isEnding(_ task: Int) -> Bool {
        updates.contains { $0.task == task } && tasks[task].on == Waiting()
    }
    mutating func end(_ task: Int, _ error: KernelError) {
        if isEnding(task) { return conclude(task) }
        leavePlace(task)
        if tasks[task].state != .faulted { finish(task, error) }
        letGo(task)
    }
    /// A task whose wait is over goes on: at once where it waits for no server and no update of it
    /// is pending, else by a step.
    mutating func letGo(_ task: Int, first: Bool = false) {
        if tasks[task].blockedOn != nil || updates.contains(where: { $0.task == task }) {
            queueUpdate(task, tasks[task].effective)
        } else if tasks[task].state != .faulted {
            makeReady(task, first: first)
        }
    }
    mutating func conclude(_ task: Int) {
        unblock(task)
        cancelUpdate(task)
        if tasks[task].state != .faulted { makeReady(task) }
    }
    mutating func stop(_ task: Int) {
        let state = tasks[task].state
        if state != .ready, state != .running, state != .stopped, !isEnding(task) {
            leavePlace(task)
            if state != .faulted { finish(task, .cancelled) }
        }
        ready.removeAll { $0 == task }
        unblock(task)
        cancelDeadline(task)
        cancelUpdate(task)
        tasks[task].isSuspended = false
        tasks[task].state = .stopped
    }
    /// A call with a deadline gives its thread a number, whatever becomes of it.
    mutating func number(_ task: Int, _ deadline: UInt64, receives: Bool = false) {
        if deadline == ~0 { return }
        // One that is not later, and as urgent as the task, stands for the new one.
        deadlines.removeAll {
            $0.task == task
                && (receives || $0.at > deadline || $0.urgency != tasks[task].effective)
        }
        if tasks[task].number != nil { return }
        let taken = Set(tasks.compactMap(\.number))
        tasks[task].number = (0...).first { !taken.contains($0) }
    }
    mutating func cancelDeadline(_ task: Int) {
        tasks[task].isDeadlineMoving = false
        guard let index = deadlines.firstIndex(where: { $0.task == task && !$0.isOver }) else {
            return
        }
        deadlines[index].isOver = true
    }
    mutating func leave(_ task: Int, _ door: Int) {
        doors[door].senders.removeAll { $0 == task }
        doors[door].receivers.removeAll { $0 == task }
        if doors[door].plain == task { doors[door].plain = nil }
    }
    /// The plain receiver stands in the queue from now on.
    mutating func queuePlain(_ door: Int) {
        if let task = doors[door].plain { tasks[task].waitKey = tasks[task].effective }
        doors[door].plain = nil
    }
    func hasPassed(_ deadline: UInt64) -> Bool { deadline != ~0 && deadline <= now }
    mutating func start(_ task: Int, _ deadline: UInt64) {
        if deadline == ~0 { return }
        tasks[task].until = deadline
        guard let index = deadlines.firstIndex(where: { $0.task == task }) else {
            return deadlines.append((deadline, task, tasks[task].effective, false))
        }
        deadlines[index].isOver = false
    }
}
