// Long random sequences of everything that threads do to one another, compared with the reference
// model after every step.

import KernelABI
import Testing

@testable import KernelCore

/// A kernel and the model of it, which do the same.
final class RandomWalk {
    let s: TestSystem
    var model = ReferenceModel()
    var random: SeededGenerator
    private var threads: [TestThread] = []
    private var arenas: [UInt32] = []
    private var doors: [UInt32] = []
    private var handlers: [UInt32?] = []
    private var replies: [UInt32] = []
    private var notes: [UInt32] = []
    private var log: [String] = []
    private(set) var hasFailed = false

    init(seed: UInt64, fast: Bool) {
        s = TestSystem(fast: fast)
        random = SeededGenerator(seed: seed)
        doors = (0..<4).map { _ in s.make(.endpoint) }
        replies = (0..<6).map { _ in s.make(.reply) }
        notes = (0..<3).map { _ in s.make(.notification) }
        model.doors = doors.map { _ in .init() }
        model.replies = replies.map { _ in .init() }
        model.notes = notes.map { _ in .init() }
        model.bells = replies.map { _ in nil }
        for index in 0..<8 {
            arenas.append(s.make(.untyped, sizeBits: 12))
            let handler = index < 4 ? s.copy(doors[index % 2], badge: UInt64(1000 + index)) : nil
            handlers.append(handler)
            model.tasks.append(.init(base: 10 + index, effective: 10 + index))
            model.tasks[index].handler = handler == nil ? nil : index % 2
            threads.append(
                s.makeThread(
                    priority: UInt64(10 + index), from: arenas[index], hasBuffer: false,
                    faultHandler: handler)
            )
        }
        for (door, server) in [(0, 0), (1, 1), (2, 0)] { asRoot { bindServer(door, server) } }
        bind(0, to: 0)
        bind(1, to: 5)
        for reply in 0..<4 { asRoot { bindAbandonment(reply, reply % 3) } }
        for index in threads.indices {
            s.start(threads[index])
            _ = model.resume(index)
        }
        s.go()
        s.inspectionPeriod = 4
        model.now = s.hardware.now
        model.reschedule()
        compare("start")
    }

    // One step

    func step() {
        if let task = model.running, random.next() % 10 < 8 { act(task) } else { interfere() }
        model.serveDeadlines()
        compare(log.last ?? "")
    }
    private func pick(_ count: Int) -> Int { Int.random(in: 0..<count, using: &random) }
    /// No two tasks have one at the same instant: which goes first then is the queue's own affair.
    private func deadline(_ task: Int) -> UInt64 {
        switch random.next() % 8 {
        case 0, 1, 2: return ~0
        case 3: return s.hardware.now &- random.next() % 3
        default: return (s.hardware.now + random.next() % 400) & ~7 | UInt64(task)
        }
    }

    /// A system call of the running thread.
    private func act(_ task: Int) {
        let thread = threads[task]
        var door = pick(doors.count)
        var reply = pick(replies.count)
        let note = pick(notes.count)
        let word = random.next() % 4
        var until = deadline(task)
        var kind = random.next() % 100
        if random.next() % 2 == 0 {
            // As servers and clients mostly do.
            until = ~0
            if let owned = model.tasks[task].owned.first {
                door = owned
                kind = 70
                reply = model.replies.firstIndex(of: .init()) ?? reply
            } else {
                kind = 0
            }
        }
        log.append(
            "\(task): \(kind) door \(door) reply \(reply) note \(note) word \(word) until \(until)")
        switch kind {
        case 0..<22:
            s.call(thread, doors[door], [word], deadline: until)
            model.send(task, door, word, until, isCall: true)
        case 22..<30:
            s.send(thread, doors[door], [word], deadline: until)
            model.send(task, door, word, until, isCall: false)
        case 30..<50:
            s.receive(thread, doors[door], reply: replies[reply], deadline: until)
            model.receive(task, door, reply, until)
        case 50..<60:
            s.reply(thread, replies[held(task) ?? reply], [word])
            model.reply(task, held(task) ?? reply, word)
        case 60..<76:
            let held = held(task) ?? reply
            s.replyAndReceive(thread, doors[door], reply: replies[held], [word], deadline: until)
            model.replyAndReceive(task, door, held, word, until)
        case 76..<82:
            s.signal(thread, notes[note], bits: 1 << word)
            model.signal(task, note, 1 << word)
        case 82..<87:
            s.wait(thread, notes[note], deadline: until)
            model.wait(task, note, until)
        case 87..<89:
            s.poll(thread, notes[note])
            model.wait(task, note, nil)
        case 89..<93:
            s.yield(thread)
            model.yield(task)
        case 93..<96:
            s.fault(thread)
            model.fault(task)
        default:
            let other = pick(threads.count)
            s.invoke(thread, .suspend, threads[other].slot)
            model.tasks[task].result = [0, 0, 0]
            model.suspend(other)
        }
        model.reschedule()
    }
    /// Returns a reply object of this thread that has a caller.
    private func held(_ task: Int) -> Int? {
        let held = model.replies.indices.filter {
            model.replies[$0].caller != nil && model.replies[$0].holder == task
        }
        return held.first
    }

    /// Lets time pass, or the root task act.
    private func interfere() {
        let kind = random.next() % 100
        let task = pick(threads.count)
        // Servers are mostly less urgent than their clients.
        let priority = task < 2 ? 1 + pick(8) : 5 + pick(20)
        let door = pick(doors.count)
        log.append("root: \(kind) task \(task) priority \(priority) door \(door)")
        if kind < 30 {
            let ticks = random.next() % 200
            model.now += ticks
            s.advance(by: ticks)
            return
        }
        asRoot {
            switch kind {
            case 30..<45: resume(task)
            case 45..<52:
                s.perform(.suspend, threads[task].slot)
                model.suspend(task)
            case 52..<75:
                s.perform(.setPriority, threads[task].slot, UInt64(priority), 200)
                model.setPriority(task, priority)
            case 75..<82: bindServer(door, task)
            case 82..<86:
                s.perform(.close, doors[door])
                model.close(door)
            case 86..<90:
                let reply = pick(replies.count)
                _ = s.delete(replies[reply])
                model.deleteReply(reply)
                replies[reply] = s.make(.reply)
                model.bells[reply] = nil
            case 90..<94: replace(task, priority)
            case 94..<97: bind(pick(notes.count), to: task)
            case 97: bindAbandonment(pick(replies.count), pick(notes.count))
            default:
                for other in threads.indices where model.tasks[other].state == .stopped {
                    resume(other)
                }
            }
        }
    }
    private func asRoot(_ body: () -> Void) {
        s.asRoot {
            model.preempt()
            body()
        }
        model.reschedule()
    }
    private func resume(_ task: Int) {
        #expect(s.perform(.resume, threads[task].slot).error == model.resume(task))
    }
    private func bindServer(_ door: Int, _ task: Int) {
        #expect(
            s.perform(.bindServer, doors[door], UInt64(threads[task].slot)).error
                == model.bindServer(door, task))
    }
    private func bind(_ note: Int, to task: Int) {
        let result = s.perform(.bindNotification, threads[task].slot, UInt64(notes[note])).error
        if model.notes[note].bound != nil {
            #expect(result == .wrongState)
            return
        }
        #expect(result == nil)
        if let old = model.tasks[task].bound { model.notes[old].bound = nil }
        model.tasks[task].bound = note
        model.notes[note].bound = task
        if model.notes[note].bits != 0 { model.signal(note, 0) }
    }
    private func bindAbandonment(_ reply: Int, _ note: Int) {
        let result = s.perform(.bindAbandonment, replies[reply], UInt64(notes[note]), 1 << 8)
        #expect(result.words[0] == (model.replies[reply].caller == nil ? 0 : 1))
        model.bells[reply] = note
    }
    private func replace(_ task: Int, _ priority: Int) {
        #expect(s.perform(.reclaim, arenas[task]).error == nil)
        model.replace(task, base: priority)
        threads[task] = s.makeThread(
            priority: UInt64(priority), from: arenas[task], hasBuffer: false,
            faultHandler: handlers[task])
        resume(task)
    }

    private func compare(_ what: String) {
        if hasFailed { return }
        var differences: [String] = []
        for (index, thread) in threads.enumerated() {
            let task = model.tasks[index]
            if s.state(thread) != task.state {
                differences.append("\(index) is \(s.state(thread)), should be \(task.state)")
            }
            if s.effective(thread) != task.effective {
                differences.append(
                    "\(index) has priority \(s.effective(thread)), should have \(task.effective)")
            }
            if task.state == .running || task.state == .ready {
                let x = s.results(thread).x
                let result = [x[0] & 0xffff, x[1], x[3]]
                if result != task.result {
                    differences.append("\(index) got \(result), should get \(task.result)")
                }
            }
        }
        let running = model.running.map { threads[$0].ref }
        if s.running != running { differences.append("another thread runs") }
        if differences.isEmpty { return }
        hasFailed = true
        let history = log.suffix(6).joined(separator: "\n  ")
        Issue.record(
            "step \(log.count): \(differences.joined(separator: "; ")); last steps:\n  \(history)")
    }
}

@Suite struct RandomTests {
    static let steps = 2500

    @Test(
        arguments: [1, 2, 3, 5_532_006_111_675_051_478, 7_459_588_827_528_297_317], [true, false]
    ) func fixedSeeds(
        seed: UInt64, fast: Bool
    ) {
        let walk = RandomWalk(seed: seed, fast: fast)
        for _ in 0..<RandomTests.steps where !walk.hasFailed { walk.step() }
        walk.s.inspectTables()
        #expect(walk.s.fastEntries > 50 || !fast)
    }

    @Test(arguments: [true, false]) func aNewSeed(fast: Bool) {
        let seed = UInt64.random(in: 0...UInt64.max)
        print("KernelCoreTests: random seed \(seed)")
        let walk = RandomWalk(seed: seed, fast: fast)
        for _ in 0..<RandomTests.steps where !walk.hasFailed { walk.step() }
        if walk.hasFailed { Issue.record("seed \(seed)") }
    }
}
