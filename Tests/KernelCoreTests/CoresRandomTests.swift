// Long random sequences on three cores: everything that threads do to one another, moves, requests,
// budgets and mutexes among them. Cores take their interrupts late, and long operations are
// interrupted at any look. The invariants of the whole state hold after every entry of every core.

import KernelABI
import Testing

@testable import KernelCore

private final class CoresWalk {
    let s: TestSystem
    var random: SeededGenerator
    private var threads: [TestThread] = []
    private var arenas: [UInt32] = []
    private var doors: [UInt32] = []
    private var replies: [UInt32] = []
    private var notes: [UInt32] = []
    private var spaces: [UInt32] = []
    private var budgets: [UInt32] = []
    private let mutexes: TestMutexes
    var log: [String] = []

    init(seed: UInt64, fast: Bool) {
        s = TestSystem(fast: fast)
        random = SeededGenerator(seed: seed)
        mutexes = TestMutexes(s, sizeBits: 4)
        mutexes.setWord(4, CountingWord(units: 1).raw)
        mutexes.setWord(5, CountingWord.condition.raw)
        doors = (0..<4).map { _ in s.make(.endpoint) }
        replies = (0..<6).map { _ in s.make(.reply) }
        notes = (0..<3).map { _ in s.make(.notification) }
        spaces = (0..<2).map { _ in s.make(.addressSpace) }
        budgets = [s.makeBudget(700, of: 3000), s.makeBudget(1500, of: 4000, background: 12)]
        s.addCore()
        s.addCore()
        s.go()
        for index in 0..<9 {
            arenas.append(s.make(.untyped, sizeBits: 14))
            threads.append(makeThread(index))
        }
        for (door, server) in [(0, 0), (1, 3), (2, 6)] {
            s.perform(.bindServer, doors[door], UInt64(threads[server].slot))
        }
    }

    private func makeThread(_ index: Int) -> TestThread {
        let handler = index % 2 == 0 ? s.copy(doors[index % 4], badge: UInt64(1000 + index)) : nil
        let thread = s.makeThread(
            priority: UInt64(10 + index), from: arenas[index], faultHandler: handler)
        s.perform(.setCore, thread.slot, UInt64(index % 3))
        mutexes.join(thread, as: index)
        s.start(thread)
        return thread
    }

    private func pick(_ count: Int) -> Int { Int.random(in: 0..<count, using: &random) }
    private func deadline() -> UInt64 {
        switch pick(8) {
        case 0...4: return ~0
        default: return s.hardware.now + random.next() % 400
        }
    }

    /// One act of a core's running thread, of the root task, or of time.
    func step() {
        for other in s.others where pick(4) == 0 { other.isHeld.toggle() }
        if pick(3) == 0 { s.hardware.queriesLeft = pick(12) }
        for other in s.others where pick(3) == 0 { other.hardware.queriesLeft = pick(12) }
        for state in s.hardware.cores where pick(4) == 0 {
            state.letWait(priority: pick(40), after: pick(8))
        }
        let core = pick(3)
        if let running = s.allRunning[core],
            let index = threads.firstIndex(where: { $0.ref == running }),
            pick(10) < 8
        {
            act(threads[index], index)
        } else {
            interfere()
        }
        for state in s.hardware.cores { state.queriesLeft = nil }
    }

    private func act(_ thread: TestThread, _ index: Int) {
        let door = doors[pick(doors.count)]
        let reply = replies[pick(replies.count)]
        let note = notes[pick(notes.count)]
        let until = deadline()
        let other = threads[pick(threads.count)]
        let kind = pick(168)
        log.append("\(index): \(kind)")
        switch kind {
        case 0..<25: s.call(thread, door, [1], deadline: until)
        case 25..<30: s.send(thread, door, [2], deadline: until)
        case 30..<45: s.receive(thread, door, reply: reply, deadline: until)
        case 45..<50: s.reply(thread, held(thread) ?? reply, [3])
        case 50..<65:
            s.replyAndReceive(thread, door, reply: held(thread) ?? reply, [4], deadline: until)
        case 65..<71: s.signal(thread, note, bits: 1)
        case 71..<76: s.wait(thread, note, deadline: until)
        case 76..<79: s.yield(thread)
        case 79..<82: s.invoke(thread, .suspend, other.slot)
        case 82..<86: s.invoke(thread, .setPriority, other.slot, UInt64(1 + pick(60)), 200)
        case 86..<91: s.invoke(thread, .setCore, other.slot, UInt64(pick(3)))
        case 91..<94: s.invoke(thread, .setCore, thread.slot, UInt64(pick(3)))
        case 94..<96: s.invoke(thread, .resume, other.slot)
        case 96..<98:
            s.invoke(
                thread, .configure, other.slot, s.none, UInt64(spaces[pick(2)]), s.none, s.none)
        case 98..<100: s.invoke(thread, .setSlice, other.slot, pick(2) == 0 ? 0 : 1000)
        case 100..<120:
            // A mutex whose word is free is taken without the kernel.
            mutexes.lock(thread, pick(4), deadline: until)
        case 120..<138:
            let held = (0..<4).filter { mutexes.isHeld($0, by: thread) }
            mutexes.unlock(thread, held.isEmpty ? pick(4) : held[pick(held.count)])
        case 138..<146: mutexes.take(thread, 4, deadline: until)
        case 146..<154: mutexes.give(thread, 4)
        case 154..<160: mutexes.callSleep(thread, 5, seen: pick(2), deadline: until)
        case 160..<166: mutexes.wake(thread, 5)
        default:
            s.perform(.leave, mutexes.slot, UInt64(index))
            mutexes.join(thread, as: index)
        }
    }
    private func held(_ thread: TestThread) -> UInt32? {
        replies.first {
            let reply = s.object($0, as: Reply.self)
            return reply?.pointee.caller != nil && reply?.pointee.holder == thread.ref
        }
    }

    private func interfere() {
        // The root task's requests are answered at once.
        for other in s.others { other.isHeld = false }
        s.settle()
        let index = pick(threads.count)
        let thread = threads[index]
        let kind = pick(100)
        log.append("root: \(kind) \(index)")
        switch kind {
        case 0..<40: s.advance(by: random.next() % 200)
        case 40..<55: s.perform(.suspend, thread.slot)
        case 55..<75: s.perform(.resume, thread.slot)
        case 75..<85: s.perform(.setPriority, thread.slot, UInt64(1 + pick(60)), 200)
        case 85..<90: s.perform(.setCore, thread.slot, UInt64(pick(3)))
        case 90..<95:
            let budget = pick(3)
            s.perform(
                .bindBudget, thread.slot, budget == 2 ? s.none : UInt64(budgets[budget]))
        default:
            s.perform(.reclaim, arenas[index])
            if s.isBroken || s.running == s.root.ref { return }
            threads[index] = makeThread(index)
        }
    }
}

@Suite struct CoresRandomTests {
    @Test(arguments: [(1, true), (2, false), (3, true), (4, true), (5, false)])
    func everyStepKeepsTheInvariants(seed: UInt64, fast: Bool) {
        let walk = CoresWalk(seed: seed, fast: fast)
        for _ in 0..<3000 where !walk.s.isBroken { walk.step() }
        #expect(!walk.s.isBroken, "\(walk.log.suffix(4))")
        for other in walk.s.others { other.isHeld = false }
        walk.s.settle()
        walk.s.inspectTables()
    }
}
