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
    /// States in which an inter-processor interrupt was on its way, in which a thread waited for
    /// another core's answer, and in which a core was about to go on in its scheduling loop.
    var askedStates = 0
    var awaitingStates = 0
    var passingStates = 0
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
    private(set) var result = SearchResult()
    /// The step that is being taken.
    private var underWay = Origin(parent: 0, Move(action: 0), thread: nil)

    /// Steps of each system.
    private static let common: [Action] = [.interrupt, .tick, .restart, .take, .request, .goOn]
    private static func number(_ action: Action) -> Int {
        guard let number = common.firstIndex(of: action) else { preconditionFailure() }
        return number
    }

    init(_ plan: Plan) {
        system = System(plan)
        area = SnapshotArea(system)
        first = .allocate(capacity: area.words)
        present = .allocate(capacity: area.words)
        after = .allocate(capacity: area.words)
        var actions = Explorer.common
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
        area.save(to: first)
        var level = Level(size: area.words)
        _ = seen.insert(hash(first))
        origins.append(underWay)
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

    /// Takes every step of every core from the present state: without events, and with one at each
    /// look of the kernel.
    private func expand(_ number: Int, _ next: inout Level) {
        for core in system.machine.cores.indices {
            area.restore(from: present)
            system.machine.turn(to: core)
            let before = Before(system)
            let (moves, events) = (moves, system.events)
            for move in moves {
                let origin = Origin(parent: number, move, thread: before.running)
                let looks = take(origin, before, &next)
                if result.violation != nil { return }
                if actions[move.action].isHardware { continue }
                for look in 0..<looks {
                    for event in events {
                        _ = take(origin.with(event, atLook: look), before, &next)
                        if result.violation != nil { return }
                    }
                }
            }
        }
    }

    /// Takes one step from the present state.
    ///
    /// - Returns: how often the kernel looked for interrupts.
    private func take(_ origin: Origin, _ before: Before, _ next: inout Level) -> Int {
        area.restore(from: present)
        if let event = origin.event {
            system.machine.hardware.pointee.eventAtLook = Int(origin.look)
            system.machine.hardware.pointee.event = event
            if event == .wanted { system.machine.hardware.pointee.rival = system.rival }
        }
        underWay = origin
        system.perform(actions[Int(origin.action)], fast: true, isWaited: origin.isWaited)
        let looks = system.machine.hardware.pointee.looks
        if !actions[Int(origin.action)].isHardware { system.passLock() }
        conclude(origin, before, &next)
        return looks
    }

    /// What the acting core may do.
    private var moves: [Move] {
        let core = system.machine.acting
        func move(_ action: Action) -> Move { Move(action: Explorer.number(action), core: core) }
        let isOne = system.plan.cores == 1
        var moves: [Move] = []
        if isOne ? !system.machine.isInterruptPending : core == 0, system.isTimeAwaited {
            moves.append(move(.tick))
        }
        let turn = system.turn
        if turn == .another { return moves }
        if system.machine.kernel.pointee.core.isPassing { return moves + [move(.goOn)] }
        var calls: [Move] = []
        if let running = system.runningIndex {
            calls =
                system.machine.running?.isRestarting == true
                ? [move(.restart)] : menus[running].map { Move(action: $0, core: core) }
        }
        if system.machine.isInterruptPending {
            moves.append(move(.take))
        } else {
            if turn == .any { moves += calls }
            if system.canInterrupt { moves.append(move(.interrupt)) }
            if system.machine.hardware.pointee.isAsked { moves.append(move(.request)) }
        }
        // A call for which the core has waited differs only if something goes before it.
        if !isOne && (turn == .granted || system.hasSomethingFirst) {
            moves += calls.map { Move(action: $0.action, core: core, isWaited: true) }
        }
        return moves
    }

    /// Looks at the state that a step led to, and keeps it if it is new.
    private func conclude(_ origin: Origin, _ before: Before, _ next: inout Level) {
        result.steps += 1
        let action = actions[Int(origin.action)]
        var problem = system.violation(of: action, after: before, isWaited: origin.isWaited)
        if problem == nil, system.plan.cores > 1 {
            problem = system.coreViolation(
                of: action, after: before,
                isUndisturbed: origin.event == nil && !origin.isWaited)
        }
        if problem == nil, origin.event != .tick { problem = system.budgetViolation() }
        system.endStep()
        area.save(to: after)
        if problem == nil && !seen.insert(hash(after)) { return }
        origins.append(origin)
        count()
        let violations = problem.map { [$0] } ?? system.violations()
        if !violations.isEmpty {
            result.violation = violations.prefix(4).joined(separator: "\n") + "\n" + story(origin)
            return
        }
        next.append(origins.count - 1, after, first)
    }

    private func count() {
        if system.hasPendingUpdate { result.laggingStates += 1 }
        let cores = system.machine.cores
        if cores.contains(where: { $0.hardware.pointee.isAsked }) { result.askedStates += 1 }
        if cores.contains(where: { $0.kernel.pointee.core.isPassing }) { result.passingStates += 1 }
        if system.threads.contains(where: { $0.ref.state == .awaitingCore }) {
            result.awaitingStates += 1
        }
    }

    private func hash(_ saved: UnsafePointer<UInt64>) -> UInt64 {
        area.hash(saved, now: system.machine.now, dead: deadPlaces)
    }
    /// Where words stand that mean nothing now, in rising order.
    private var deadPlaces: [Int] {
        let areMeant = system.areMeant
        return temporaryPlaces.filter { !areMeant[$0.number] }.map { $0.place }
    }
    private lazy var temporaryPlaces = system.temporaryAddresses.enumerated()
        .map { (number: $0, place: area.place($1) ?? 0) }.sorted { $0.place < $1.place }

    /// The steps from the first state to the end of a step, as a host test writes them.
    private func story(_ last: Origin) -> String {
        var path = [last]
        var at = Int(last.parent)
        while at != 0 {
            path.append(origins[at])
            at = Int(origins[at].parent)
        }
        let lines = path.reversed().map { origin in
            let notes = notes(origin)
            let comment = notes.isEmpty ? "" : "  // " + notes.joined(separator: "; ")
            return system.words(
                actions[Int(origin.action)], of: origin.thread < 0 ? nil : Int(origin.thread))
                + comment
        }
        return ([system.setUp] + lines).joined(separator: "\n")
    }

    private func notes(_ origin: Origin) -> [String] {
        var notes = system.plan.cores == 1 ? [] : ["core \(origin.core)"]
        if origin.isWaited { notes.append("waited for the lock") }
        let place = "at look \(origin.look)"
        switch origin.event {
        case .line: notes.append("line \(Lines.first) interrupts \(place)")
        case .tick: notes.append("a tick passes \(place)")
        case .request: notes.append("the inter-processor interrupt arrives \(place)")
        case .wanted: notes.append("another core waits \(place)")
        case nil: break
        }
        return notes
    }

    /// Says which step never came to its end.
    func reportUnfinished() {
        print("error: the kernel stops within the last step\n" + story(underWay))
    }
}

extension System {
    var hasPendingUpdate: Bool { threads.contains { $0.ref.pointee.scheduling.isPending } }

    /// Whether the passing of time changes anything: a deadline or the end of a slice lies ahead,
    /// or time of a budget is used or comes back.
    var isTimeAwaited: Bool {
        if machine.cores.contains(where: {
            $0.kernel.pointee.core.sliceEnd != .never || $0.kernel.pointee.core.paying != nil
        }) {
            return true
        }
        if budgetRefs.contains(where: { $0.isTimeComing(after: machine.now) }) { return true }
        return deadlineNodes.contains {
            $0.pointee.isQueued && $0.pointee.instant.ticks > machine.now
        }
    }

    /// Whether the line may interrupt.
    var canInterrupt: Bool {
        let raised = machine.cores.reduce(machine.board.pointee.quiet) {
            $0 | $1.hardware.pointee.raised
        }
        return plan.hasInterrupts && raised & Lines.bit(Lines.first) == 0
    }

    /// What may happen before a look of the kernel.
    var events: [Event] {
        Event.allCases.filter {
            switch $0 {
            case .line: canInterrupt
            case .tick: plan.hasTicksInside
            case .request: plan.hasRequestsInside && machine.hardware.pointee.isAsked
            case .wanted: plan.hasRivals && rival >= 0
            }
        }
    }
}
