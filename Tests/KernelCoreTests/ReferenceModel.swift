// What the kernel must do, said a second time with nothing but arrays: who waits for whom, who is ready in which order, and
// what each call returns. It searches and recomputes everything, so that it shares no cleverness with the kernel.

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
        var depth = 0
        var isFaulting = false
        var isSuspended = false
        var handler: Int?
        var word: UInt64 = 0
        /// Error and delivery (x0), badge (x1) and first word (x3) of its last call.
        var result: [UInt64] = [0, 0, 0]
        var bound: Int?
        /// A receive that is to be performed again when the thread runs.
        var again: Again?
        /// Endpoints that it serves, the last bound first.
        var owned: [Int] = []
    }
    struct Again {
        var door: Int
        var reply: Int
        var deadline: UInt64
    }
    struct Door {
        var server: Int?
        var isClosed = false
        var senders: [Int] = []
        var receivers: [Int] = []
    }
    struct Answer: Equatable {
        var caller: Int?
        var holder: Int?
    }
    struct Bits {
        var bits: UInt64 = 0
        var waiters: [Int] = []
        var bound: Int?
    }

    /// Deadlines that one timer interrupt serves: said here as well, so that a change in the kernel is noticed.
    static let deadlineStep = 2

    var tasks: [Task] = []
    var doors: [Door] = []
    var replies: [Answer] = []
    var notes: [Bits] = []
    var ready: [Int] = []
    var running: Int?
    var deadlines: [(at: UInt64, task: Int)] = []
    var now: UInt64 = 0

    // Order

    func placed(_ task: Int, in list: [Int], first: Bool = false) -> [Int] {
        let priority = tasks[task].effective
        let place =
            list.firstIndex { first ? tasks[$0].effective <= priority : tasks[$0].effective < priority } ?? list.count
        var list = list
        list.insert(task, at: place)
        return list
    }
    private func replaced(_ task: Int, in list: [Int]) -> [Int] {
        list.contains(task) ? placed(task, in: list.filter { $0 != task }) : list
    }
    mutating func makeReady(_ task: Int, first: Bool = false) {
        deadlines.removeAll { $0.task == task }
        if tasks[task].isSuspended {
            tasks[task].isSuspended = false
            tasks[task].state = .stopped
        } else {
            enqueue(task, first: first)
        }
    }
    mutating func enqueue(_ task: Int, first: Bool = false) {
        tasks[task].state = .ready
        ready = placed(task, in: ready, first: first)
    }
    mutating func reschedule() {
        if let at = running, tasks[at].state == .running {
            guard let next = ready.first, tasks[next].effective > tasks[at].effective else { return }
            enqueue(at, first: true)
        }
        running = ready.first
        if let next = running {
            ready.removeFirst()
            tasks[next].state = .running
        }
    }
    /// The root task, more urgent than all, comes between.
    mutating func preempt() {
        if let at = running, tasks[at].state == .running { enqueue(at, first: true) }
        running = nil
    }

    // Inheritance

    private func inherited(_ task: Int) -> Int {
        tasks.indices.filter { tasks[$0].blockedOn == task }.map(inherited).reduce(tasks[task].base, max)
    }
    mutating func update() {
        let changed = tasks.indices.filter { inherited($0) != tasks[$0].effective }
        for task in changed { tasks[task].effective = inherited(task) }
        for task in changed {
            ready = replaced(task, in: ready)
            for door in doors.indices {
                doors[door].senders = replaced(task, in: doors[door].senders)
                doors[door].receivers = replaced(task, in: doors[door].receivers)
            }
            for note in notes.indices { notes[note].waiters = replaced(task, in: notes[note].waiters) }
            for other in tasks.indices { tasks[other].callers = replaced(task, in: tasks[other].callers) }
        }
    }
    mutating func block(_ caller: Int, on server: Int) {
        tasks[caller].blockedOn = server
        tasks[server].callers = placed(caller, in: tasks[server].callers)
        var depth = tasks[caller].depth
        var at: Int? = server
        while let task = at {
            depth += 1
            if tasks[task].depth < depth { tasks[task].depth = depth } else { break }
            at = tasks[task].blockedOn
        }
        update()
    }
    mutating func unblock(_ caller: Int) {
        guard let server = tasks[caller].blockedOn else { return }
        tasks[caller].blockedOn = nil
        tasks[server].callers.removeAll { $0 == caller }
        if tasks[server].callers.isEmpty { tasks[server].depth = 0 }
        update()
    }
    func chainError(_ caller: Int, _ server: Int) -> KernelError? {
        var row = [server]
        while let next = tasks[row[row.count - 1]].blockedOn { row.append(next) }
        let place = row.firstIndex(of: caller)
        let end = tasks[caller].depth + row.count >= Limits.chain ? Limits.chain - tasks[caller].depth - 1 : nil
        if let place, place <= end ?? row.count { return .deadlock }
        return end == nil ? nil : .chainTooLong
    }

    // Waits

    mutating func finish(_ task: Int, _ error: KernelError? = nil) {
        tasks[task].result = [UInt64(error?.rawValue ?? 0), 0, 0]
    }
    mutating func take(_ task: Int, _ note: Int, _ extra: UInt64 = 0) {
        tasks[task].result = [UInt64(Delivery.notification.rawValue) << 8, notes[note].bits | extra, 0]
        notes[note].bits = 0
    }
    mutating func free(_ reply: Int) {
        if let caller = replies[reply].caller { tasks[caller].on.reply = nil }
        if let holder = replies[reply].holder, tasks[holder].on.reply == reply { tasks[holder].on.reply = nil }
        replies[reply] = Answer()
    }
    mutating func withdraw(_ task: Int) {
        ready.removeAll { $0 == task }
        if let door = tasks[task].on.endpoint {
            doors[door].senders.removeAll { $0 == task }
            doors[door].receivers.removeAll { $0 == task }
        }
        if let reply = tasks[task].on.reply { free(reply) }
        if let note = tasks[task].on.notification { notes[note].waiters.removeAll { $0 == task } }
        tasks[task].on = Waiting()
        unblock(task)
        deadlines.removeAll { $0.task == task }
        tasks[task].isFaulting = false
        tasks[task].state = .stopped
    }
    mutating func abort(_ task: Int, _ error: KernelError) {
        let isFaulted = tasks[task].isFaulting
        withdraw(task)
        if isFaulted {
            tasks[task].state = .faulted
        } else {
            finish(task, error)
            makeReady(task)
        }
    }
    func hasPassed(_ deadline: UInt64) -> Bool { deadline != ~0 && deadline <= now }
    mutating func start(_ task: Int, _ deadline: UInt64) {
        if deadline != ~0 { deadlines.append((deadline, task)) }
    }
}
