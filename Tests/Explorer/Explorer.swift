// The search: breadth first through every state that the threads and the hardware can bring about, so that the way to the
// first violation is a shortest one.

import Foundation
import KernelABI

@testable import KernelCore

/// How far a search goes, and what it found.
struct SearchResult {
    var states = 0
    var steps = 0
    /// All states that are so many steps away were expanded.
    var depth = 0
    /// Nothing was left to expand.
    var isExhausted = false
    var violation: String?
}

final class Explorer {
    let system: System
    private let area: SnapshotArea
    private let first: UnsafeMutablePointer<UInt64>
    private let present: UnsafeMutablePointer<UInt64>
    private let after: UnsafeMutablePointer<UInt64>
    private var seen = HashSet64(capacity: 1 << 16)
    private var origins: [Origin] = []
    private let actions: [Action]
    /// For each thread the numbers of its actions.
    private let menus: [[Int]]
    private let interrupt: Int
    private let tick: Int
    private let restart: Int
    private let take: Int
    private(set) var result = SearchResult()
    /// The step that is being taken.
    private var underWay = Origin(parent: 0, action: 0, look: -1, thread: -1)

    init(_ plan: Plan) {
        system = System(plan)
        area = SnapshotArea(system)
        first = .allocate(capacity: area.words)
        present = .allocate(capacity: area.words)
        after = .allocate(capacity: area.words)
        var actions: [Action] = [.interrupt, .tick, .restart, .take]
        (interrupt, tick, restart, take) = (0, 1, 2, 3)
        menus = plan.threads.map { thread in
            thread.actions.map { action in
                if let known = actions.firstIndex(of: action) { return known }
                actions.append(action)
                return actions.count - 1
            }
        }
        self.actions = actions
    }
    deinit {
        first.deallocate()
        present.deallocate()
        after.deallocate()
    }

    /// - Parameters:
    ///   - states: the search ends where so many were met.
    ///   - depth: and after so many steps from the first state.
    func search(states: Int, depth: Int) -> SearchResult {
        finishStep()
        area.save(to: first)
        var level = Level(size: area.words)
        _ = seen.insert(hash(first))
        origins.append(Origin(parent: 0, action: 0, look: -1, thread: -1))
        level.append(0, first, first)
        for round in 0..<depth {
            var next = Level(size: area.words)
            while let number = level.next(present, first) {
                Watch.restart()
                expand(number, &next)
                if result.violation != nil || origins.count >= states { return finish() }
            }
            result.depth = round + 1
            if next.count == 0 {
                result.isExhausted = true
                break
            }
            level = next
        }
        return finish()
    }

    private func finish() -> SearchResult {
        result.states = origins.count
        if result.violation == nil && !area.isComplete {
            result.violation = "a step changed memory that is in no snapshot"
        }
        return result
    }

    /// Takes every step from the present state.
    private func expand(_ number: Int, _ next: inout Level) {
        area.restore(from: present)
        let before = Before(system)
        let line = system.machine.hardware.pointee
        let canInterrupt =
            system.plan.hasInterrupts && (line.raised | line.quiet) & Lines.bit(Lines.first) == 0
        for action in choices(canInterrupt) {
            var look = -1
            repeat {
                area.restore(from: present)
                system.machine.hardware.pointee.interruptAtLook = look
                underWay = Origin(
                    parent: UInt32(number), action: UInt16(action), look: Int8(look),
                    thread: Int8(before.running ?? -1)
                )
                system.perform(actions[action], fast: true)
                let looks = system.machine.hardware.pointee.looks
                conclude(underWay, before, &next)
                if result.violation != nil { return }
                look += 1
                if !canInterrupt || look >= looks || actions[action].isHardware { break }
            } while true
        }
    }

    private func choices(_ canInterrupt: Bool) -> [Int] {
        if system.machine.hardware.pointee.isInterruptPending { return [take] }
        var choices: [Int] = []
        if let running = system.runningIndex {
            choices = system.machine.running?.isRestarting == true ? [restart] : menus[running]
        }
        if canInterrupt { choices.append(interrupt) }
        if system.isTimeAwaited { choices.append(tick) }
        return choices
    }

    /// Looks at the state that a step led to, and keeps it if it is new.
    private func conclude(_ origin: Origin, _ before: Before, _ next: inout Level) {
        result.steps += 1
        let problem = system.violation(of: actions[Int(origin.action)], after: before)
        finishStep()
        area.save(to: after)
        if problem == nil && !seen.insert(hash(after)) { return }
        origins.append(origin)
        let violations = problem.map { [$0] } ?? system.violations()
        if !violations.isEmpty {
            result.violation = violations.prefix(4).joined(separator: "\n") + "\n" + story(origin)
            return
        }
        next.append(origins.count - 1, after, first)
    }

    /// User code has taken its results, and its registers hold nothing that counts.
    private func finishStep() {
        system.machine.hardware.pointee.looks = 0
        system.machine.hardware.pointee.interruptAtLook = -1
        guard let running = system.machine.running, !running.isRestarting else { return }
        system.machine.setArguments(running, [])
    }

    private func hash(_ saved: UnsafePointer<UInt64>) -> UInt64 {
        area.hash(saved, now: system.machine.now, dead: deadPlaces)
    }
    /// Where keys of nodes stand that are in no queue, in rising order.
    private var deadPlaces: [Int] {
        var places: [Int] = []
        for thread in system.threads.indices {
            for (address, isQueued) in zip(keyPlaces[thread], system.areQueued(thread))
            where !isQueued {
                places.append(address)
            }
        }
        return places.sorted()
    }
    private lazy var keyPlaces: [[Int]] = system.threads.indices.map { thread in
        system.keyAddresses(thread).map { area.place($0) ?? 0 }
    }

    /// The steps from the first state to the end of a step, as a host test writes them.
    private func story(_ last: Origin) -> String {
        var path = [last]
        var at = Int(last.parent)
        while at != 0 {
            path.append(origins[at])
            at = Int(origins[at].parent)
        }
        let lines = path.reversed().map { origin in
            let comment = origin.look < 0 ? "" : "  // line \(Lines.first) interrupts at look \(origin.look)"
            return system.words(
                actions[Int(origin.action)], of: origin.thread < 0 ? nil : Int(origin.thread))
                + comment
        }
        return ([system.setUp] + lines).joined(separator: "\n")
    }

    /// Says which step never came to its end.
    func reportUnfinished() {
        print("error: the kernel stops within the last step\n" + story(underWay))
    }
}

extension System {
    /// Whether the passing of time changes anything: a deadline or the end of a slice lies ahead.
    var isTimeAwaited: Bool {
        let core = machine.kernel.pointee.core.sliceEnd != .never
        if core { return true }
        guard let last = machine.kernel.pointee.lastDeadline else { return false }
        return last > machine.now
    }
}

extension Kernel where H: ~Copyable {
    /// The latest deadline of a thread or a timer.
    fileprivate var lastDeadline: UInt64? {
        guard var at = core.deadlines.root else { return nil }
        while let next = at.pointee.right { at = next }
        return ~at.pointee.key
    }
}
