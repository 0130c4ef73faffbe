// A random walk through everything that leads from one thread to another, with floating point.

import KernelABI
import Testing

@testable import KernelCore

/// Threads with and without floating point that take random steps.
final class FloatingPointWalk {
    let s: TestSystem
    private var random: SeededGenerator
    private var threads: [TestThread] = []
    private var arenas: [UInt32] = []
    private var doors: [UInt32] = []
    private var replies: [UInt32] = []
    private var notes: [UInt32] = []
    private var interrupt: UInt32 = 0
    private var timer: UInt32 = 0
    /// How often a thread used floating point.
    private(set) var uses = 0
    private static let line = 41
    private static let count = 8

    init(seed: UInt64, fast: Bool) {
        s = TestSystem(fast: fast)
        random = SeededGenerator(seed: seed)
        doors = (0..<2).map { _ in s.make(.endpoint) }
        notes = (0..<3).map { _ in s.make(.notification) }
        interrupt = s.makeInterrupt(line: FloatingPointWalk.line, signalling: notes[0])
        timer = s.makeTimer(signalling: notes[1])
        for index in 0..<FloatingPointWalk.count {
            arenas.append(s.make(.untyped, sizeBits: 14))
            replies.append(s.make(.reply))
            threads.append(makeThread(index))
        }
        for server in doors.indices {
            s.perform(.bindServer, doors[server], UInt64(threads[server].slot))
        }
        s.perform(.bindNotification, threads[0].slot, UInt64(notes[2]))
        s.inspectionPeriod = 7
        s.go()
    }
    private func makeThread(_ index: Int) -> TestThread {
        let thread = s.makeThread(
            priority: UInt64(10 + 2 * index % 7), from: arenas[index],
            faultHandler: index > 1 ? doors[index % 2] : nil)
        s.start(thread)
        return thread
    }
    private func pick(_ count: Int) -> Int { Int.random(in: 0..<count, using: &random) }
    private func deadline() -> UInt64 { s.hardware.now + random.next() % 300 }
    /// Returns no deadline for most calls, since a fast path takes none with a deadline.
    private func callDeadline() -> UInt64 { pick(8) == 0 ? deadline() : ~0 }

    func step() {
        guard let running = s.running, let index = threads.firstIndex(where: { $0.ref == running }),
            pick(10) < 8
        else {
            return interfere(pick(FloatingPointWalk.count))
        }
        // Half of the threads use floating point often, and one of the others seldom.
        if index % 2 == 0 ? pick(3) > 0 : index == 1 && pick(20) == 0 {
            if s.useFloatingPoint(threads[index]) { uses += 1 }
            if s.running != running { return }
        }
        act(threads[index], index)
    }

    private func act(_ thread: TestThread, _ index: Int) {
        let length = [0, 3, 8, 20, 120][pick(5)]
        // The thread that owns an endpoint serves it in most steps.
        if index < doors.count && pick(10) < 8 {
            return s.replyAndReceive(thread, doors[index], reply: replies[index], length: length)
        }
        switch pick(20) {
        case 0..<9: s.call(thread, doors[pick(2)], length: length, deadline: callDeadline())
        case 9: s.send(thread, doors[pick(2)], length: length, deadline: deadline())
        case 10, 11: s.signal(thread, notes[pick(3)], bits: 1)
        case 12: s.wait(thread, notes[pick(3)], deadline: deadline())
        case 13, 14: s.yield(thread)
        case 15: s.fault(thread)
        case 16: s.invoke(thread, .suspend, threads[pick(threads.count)].slot)
        case 17: s.invoke(thread, .arm, timer, s.hardware.now + random.next() % 400)
        case 18: configure(index, by: thread)
        default: s.invoke(thread, .setSlice, thread.slot, pick(2) == 0 ? 0 : 700)
        }
    }

    /// Gives a thread another IPC buffer, by a call of its own or of the root task.
    private func configure(_ index: Int, by thread: TestThread?) {
        let frame = UInt64(s.make(.frame, sizeBits: 12))
        guard let thread, s.isRunning(thread) else {
            s.perform(.configure, threads[index].slot, s.none, s.none, frame, s.none)
            return
        }
        s.invoke(thread, .configure, threads[index].slot, s.none, s.none, frame, s.none)
    }

    private func interfere(_ index: Int) {
        if s.running == nil { wakeAll() }
        switch pick(12) {
        case 0..<4: s.advance(by: random.next() % 400)
        case 4, 5:
            s.raise(line: FloatingPointWalk.line)
            s.perform(.acknowledge, interrupt)
        case 6: s.perform(.suspend, threads[index].slot)
        case 7: s.perform(.setPriority, threads[index].slot, UInt64(5 + pick(20)), 200)
        case 8: configure(index, by: nil)
        case 9:
            // The thread loses its buffer, and may get another one.
            if let frame = threads[index].ref.bufferSlot.frame, let slot = slotOf(frame) {
                _ = s.revoke(slot)
            }
            if pick(2) == 0 { configure(index, by: nil) }
        case 10:
            s.perform(.reclaim, arenas[index])
            threads[index] = makeThread(index)
            if index < doors.count {
                s.perform(.bindServer, doors[index], UInt64(threads[index].slot))
            }
        default: wakeAll()
        }
    }
    /// Cancels every wait, and resumes all threads.
    private func wakeAll() {
        s.asRoot {
            for thread in threads where s.state(thread) != .ready {
                s.perform(.suspend, thread.slot)
                s.perform(.resume, thread.slot)
            }
        }
    }
    private func slotOf(_ frame: Ref<Frame>) -> UInt32? {
        (32..<s.nextSlot).first { s.object($0, as: Frame.self) == frame }
    }
}
