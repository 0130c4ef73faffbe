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

    private func placed(_ task: Int, in list: [Int], first: Bool = false) -> [Int] {
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
    private mutating func makeReady(_ task: Int, first: Bool = false) {
        deadlines.removeAll { $0.task == task }
        if tasks[task].isSuspended {
            tasks[task].isSuspended = false
            tasks[task].state = .stopped
        } else {
            enqueue(task, first: first)
        }
    }
    private mutating func enqueue(_ task: Int, first: Bool = false) {
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
    private mutating func update() {
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
    private mutating func block(_ caller: Int, on server: Int) {
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
    private mutating func unblock(_ caller: Int) {
        guard let server = tasks[caller].blockedOn else { return }
        tasks[caller].blockedOn = nil
        tasks[server].callers.removeAll { $0 == caller }
        if tasks[server].callers.isEmpty { tasks[server].depth = 0 }
        update()
    }
    private func chainError(_ caller: Int, _ server: Int) -> KernelError? {
        var row = [server]
        while let next = tasks[row[row.count - 1]].blockedOn { row.append(next) }
        let place = row.firstIndex(of: caller)
        let end = tasks[caller].depth + row.count >= Limits.chain ? Limits.chain - tasks[caller].depth - 1 : nil
        if let place, place <= end ?? row.count { return .deadlock }
        return end == nil ? nil : .chainTooLong
    }

    // Waits

    private mutating func finish(_ task: Int, _ error: KernelError? = nil) {
        tasks[task].result = [UInt64(error?.rawValue ?? 0), 0, 0]
    }
    private mutating func take(_ task: Int, _ note: Int, _ extra: UInt64 = 0) {
        tasks[task].result = [UInt64(Delivery.notification.rawValue) << 8, notes[note].bits | extra, 0]
        notes[note].bits = 0
    }
    private mutating func free(_ reply: Int) {
        if let caller = replies[reply].caller { tasks[caller].on.reply = nil }
        if let holder = replies[reply].holder, tasks[holder].on.reply == reply { tasks[holder].on.reply = nil }
        replies[reply] = Answer()
    }
    private mutating func withdraw(_ task: Int) {
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
    private mutating func abort(_ task: Int, _ error: KernelError) {
        let isFaulted = tasks[task].isFaulting
        withdraw(task)
        if isFaulted {
            tasks[task].state = .faulted
        } else {
            finish(task, error)
            makeReady(task)
        }
    }
    private func hasPassed(_ deadline: UInt64) -> Bool { deadline != ~0 && deadline <= now }
    private mutating func start(_ task: Int, _ deadline: UInt64) {
        if deadline != ~0 { deadlines.append((deadline, task)) }
    }

    // Messages

    private func badge(_ task: Int) -> UInt64 { tasks[task].isFaulting ? 1000 + UInt64(task) : 0 }

    mutating func send(_ task: Int, _ door: Int, _ word: UInt64, _ deadline: UInt64, isCall: Bool) {
        if doors[door].isClosed { return finish(task, .peerDied) }
        tasks[task].word = word
        if let error = offer(task, door, deadline, isCall ? .calling : .sending) { finish(task, error) }
    }
    private mutating func offer(_ task: Int, _ door: Int, _ deadline: UInt64, _ state: ThreadState) -> KernelError? {
        let wantsReply = state != .sending
        if let receiver = doors[door].receivers.first {
            if wantsReply, let error = chainError(task, receiver) { return error }
            tasks[task].state = state
            doors[door].receivers.removeFirst()
            tasks[receiver].on.endpoint = nil
            deliver(task, receiver)
            makeReady(receiver, first: wantsReply)
            if wantsReply { start(task, deadline) }
            return nil
        }
        if hasPassed(deadline) { return .timedOut }
        if let server = doors[door].server, let error = chainError(task, server) { return error }
        tasks[task].state = state
        tasks[task].on.endpoint = door
        doors[door].senders = placed(task, in: doors[door].senders)
        if let server = doors[door].server { block(task, on: server) }
        start(task, deadline)
        return nil
    }
    private mutating func deliver(_ sender: Int, _ receiver: Int) {
        let isOneWay = tasks[sender].state == .sending
        let delivery: Delivery = tasks[sender].isFaulting ? .fault : isOneWay ? .oneWay : .message
        let word = tasks[sender].isFaulting ? UInt64(FaultKind.pageRead.rawValue) : tasks[sender].word
        tasks[receiver].result = [UInt64(delivery.rawValue) << 8, badge(sender), word]
        unblock(sender)
        guard let reply = tasks[receiver].on.reply else { return }
        tasks[receiver].on.reply = nil
        if isOneWay {
            replies[reply] = Answer()
            finish(sender)
            if running == sender { tasks[sender].state = .running } else { makeReady(sender) }
            return
        }
        replies[reply] = Answer(caller: sender, holder: receiver)
        tasks[sender].on.reply = reply
        if !tasks[sender].isFaulting { tasks[sender].state = .awaitingReply }
        block(sender, on: receiver)
    }
    mutating func receive(_ task: Int, _ door: Int, _ reply: Int, _ deadline: UInt64) {
        if replies[reply] != Answer() { return finish(task, .noCaller) }
        if let note = tasks[task].bound, notes[note].bits != 0 { return take(task, note) }
        while let sender = doors[door].senders.first {
            if tasks[sender].state != .sending, tasks[sender].blockedOn != task, let error = chainError(sender, task) {
                abort(sender, error)
                // The kernel makes the receiver call again, after those who are more urgent.
                tasks[task].again = Again(door: door, reply: reply, deadline: deadline)
                return
            }
            doors[door].senders.removeFirst()
            tasks[sender].on.endpoint = nil
            tasks[task].on.reply = reply
            return deliver(sender, task)
        }
        if hasPassed(deadline) { return finish(task, .timedOut) }
        tasks[task].on = Waiting(endpoint: door, reply: reply)
        replies[reply].holder = task
        tasks[task].state = .receiving
        doors[door].receivers = placed(task, in: doors[door].receivers)
        start(task, deadline)
    }
    mutating func reply(_ task: Int, _ reply: Int, _ word: UInt64) {
        guard let caller = replies[reply].caller else { return finish(task, .noCaller) }
        answer(caller, reply, word)
        finish(task)
    }
    mutating func replyAndReceive(_ task: Int, _ door: Int, _ reply: Int, _ word: UInt64, _ deadline: UInt64) {
        if let caller = replies[reply].caller { answer(caller, reply, word) }
        receive(task, door, reply, deadline)
    }
    private mutating func answer(_ caller: Int, _ reply: Int, _ word: UInt64) {
        if tasks[caller].isFaulting {
            tasks[caller].isFaulting = false
            if word > 1 { tasks[caller].isSuspended = true }
        } else {
            tasks[caller].result = [0, 0, word]
        }
        free(reply)
        unblock(caller)
        makeReady(caller)
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
                abort(waiting, .deadlock)
                break
            }
        }
        _ = offer(task, door, ~0, .faulted)
    }

    // Notifications

    mutating func signal(_ note: Int, _ bits: UInt64) {
        if let task = notes[note].bound, tasks[task].state == .receiving {
            withdraw(task)
            take(task, note, bits)
            makeReady(task)
        } else if let task = notes[note].waiters.first {
            notes[note].waiters.removeFirst()
            tasks[task].on.notification = nil
            take(task, note, bits)
            makeReady(task)
        } else {
            notes[note].bits |= bits
        }
    }
    mutating func signal(_ task: Int, _ note: Int, _ bits: UInt64) {
        finish(task)
        signal(note, bits)
    }
    mutating func wait(_ task: Int, _ note: Int, _ deadline: UInt64?) {
        if notes[note].bits != 0 { return take(task, note) }
        guard let deadline else { return finish(task, .wouldBlock) }
        if hasPassed(deadline) { return finish(task, .timedOut) }
        tasks[task].state = .waiting
        tasks[task].on.notification = note
        notes[note].waiters = placed(task, in: notes[note].waiters)
        start(task, deadline)
    }

    // Threads

    mutating func yield(_ task: Int) {
        finish(task)
        if let next = ready.first, tasks[next].effective == tasks[task].effective { enqueue(task) }
    }
    mutating func setPriority(_ task: Int, _ base: Int) {
        tasks[task].base = base
        update()
    }
    mutating func suspend(_ task: Int) {
        switch tasks[task].state {
        case .stopped: return
        case .faulted: tasks[task].isSuspended = true
        case .ready, .running: withdraw(task)
        default:
            withdraw(task)
            finish(task, .cancelled)
        }
    }
    mutating func resume(_ task: Int) -> KernelError? {
        if tasks[task].state == .faulted {
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
        while let sender = doors[door].senders.first { abort(sender, .peerDied) }
    }
    mutating func deleteReply(_ reply: Int) {
        if let caller = replies[reply].caller {
            abort(caller, .peerDied)
        } else if let holder = replies[reply].holder {
            abort(holder, .invalidCapability)
        }
    }
    /// Its memory is reclaimed, and a new thread of that number is made.
    mutating func replace(_ task: Int, base: Int) {
        withdraw(task)
        for door in tasks[task].owned {
            close(door)
            doors[door].server = nil
        }
        while let caller = tasks[task].callers.first { abort(caller, .peerDied) }
        if let note = tasks[task].bound { notes[note].bound = nil }
        let handler = tasks[task].handler
        tasks[task] = Task(base: base, effective: base)
        tasks[task].handler = handler
    }
    /// Time went on: what is due and no less urgent than who runs, the most urgent first, two at a time as the kernel does it.
    mutating func serveDeadlines() {
        while true {
            let urgency = running.map { tasks[$0].effective } ?? 0
            var served = 0
            while served < ReferenceModel.deadlineStep, let task = mostUrgentDue(atLeast: urgency) {
                abort(task, .timedOut)
                served += 1
            }
            if served == 0 { return }
            reschedule()
        }
    }
    private func mostUrgentDue(atLeast urgency: Int) -> Int? {
        let due = deadlines.enumerated().filter {
            $0.element.at <= now && tasks[$0.element.task].effective >= urgency
        }
        return due.min {
            (-tasks[$0.element.task].effective, $0.element.at, $0.offset)
                < (-tasks[$1.element.task].effective, $1.element.at, $1.offset)
        }?.element.task
    }
}
