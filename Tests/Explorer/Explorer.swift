// The search goes breadth first through every state that the threads and the hardware can reach. So
// the path to the first violation is a shortest one.

import Foundation
import KernelABI

@testable import KernelCore

/// The limits of a search, and its result.
struct SearchResult {
    var states = 0
    var steps = 0
    /// All states that are so many steps away were expanded.
    var depth = 0
    /// States in which an update of priority inheritance was pending.
    var laggingStates = 0
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
    private var underWay = Origin(parent: 0, action: 0, thread: -1)

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
        origins.append(Origin(parent: 0, action: 0, thread: -1))
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

    /// Takes every step from the present state: without interrupts, and with one at each look of
    /// the kernel.
    private func expand(_ number: Int, _ next: inout Level) {
        area.restore(from: present)
        let before = Before(system)
        let line = system.machine.hardware.pointee
        let canInterrupt =
            system.plan.hasInterrupts && (line.raised | line.quiet) & Lines.bit(Lines.first) == 0
        for action in choices(canInterrupt) {
            var origin = Origin(
                parent: UInt32(number), action: UInt16(action), thread: Int8(before.running ?? -1))
            let looks = take(origin, before, &next)
            if actions[action].isHardware { continue }
            for look in 0..<looks {
                origin.look = Int8(look)
                if result.violation == nil && canInterrupt { _ = take(origin, before, &next) }
                origin.isTick = true
                if result.violation == nil && system.plan.hasTicksInside {
                    _ = take(origin, before, &next)
                }
                origin.isTick = false
            }
            if result.violation != nil { return }
        }
    }

    /// Takes one step from the present state.
    ///
    /// - Returns: how often the kernel looked for interrupts.
    private func take(_ origin: Origin, _ before: Before, _ next: inout Level) -> Int {
        area.restore(from: present)
        system.machine.hardware.pointee.eventAtLook = Int(origin.look)
        system.machine.hardware.pointee.isEventTick = origin.isTick
        underWay = origin
        system.perform(actions[Int(origin.action)], fast: true)
        let looks = system.machine.hardware.pointee.looks
        conclude(origin, before, &next)
        return looks
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
        if system.hasPendingUpdate { result.laggingStates += 1 }
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
        system.machine.hardware.pointee.eventAtLook = -1
        system.machine.hardware.pointee.isEventTick = false
        guard let running = system.machine.running, !running.isRestarting else { return }
        system.machine.setArguments(running, [])
    }

    private func hash(_ saved: UnsafePointer<UInt64>) -> UInt64 {
        area.hash(saved, now: system.machine.now, dead: deadPlaces)
    }
    /// Where words stand that mean nothing now, in rising order.
    private var deadPlaces: [Int] {
        zip(temporaryPlaces, system.areMeant).filter { !$0.1 }.map { $0.0 }.sorted()
    }
    private lazy var temporaryPlaces = system.temporaryAddresses.map { area.place($0) ?? 0 }

    /// The steps from the first state to the end of a step, as a host test writes them.
    private func story(_ last: Origin) -> String {
        var path = [last]
        var at = Int(last.parent)
        while at != 0 {
            path.append(origins[at])
            at = Int(origins[at].parent)
        }
        let lines = path.reversed().map { origin in
            let event = origin.isTick ? "a tick passes" : "line \(Lines.first) interrupts"
            let comment = origin.look < 0 ? "" : "  // \(event) at look \(origin.look)"
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
    var hasPendingUpdate: Bool { threads.contains { $0.ref.pointee.scheduling.isPending } }

    /// Whether the passing of time changes anything: a deadline or the end of a slice lies ahead.
    var isTimeAwaited: Bool {
        if machine.kernel.pointee.core.sliceEnd != .never { return true }
        return deadlineNodes.contains {
            $0.pointee.isQueued && $0.pointee.instant.ticks > machine.now
        }
    }
}
