// The fast paths agree with the general path. From random reachable states the explorer performs
// the same entry both ways, and both must end in states of the same meaning.

import Foundation
import KernelABI

@testable import KernelCore

/// One step of a walk, and how it was performed.
struct WalkStep {
    var action: Action
    var thread: Int?
    var isFast: Bool
}

final class Agreement {
    static let walkLength = 300
    /// The states after every so many steps are inspected too.
    static let inspectionPeriod = 8
    private var random: SeededGenerator
    /// Different states that an entry was compared from.
    private(set) var states = HashSet64(capacity: 1 << 17)
    /// Those in which an update of priority inheritance was pending.
    private(set) var laggingStates = 0
    /// How often a fast path did an entry of each kind.
    private(set) var fastEntries: [String: Int] = [:]
    private(set) var steps = 0
    private(set) var systems = 0
    private(set) var difference: String?

    private var walk: Walk?

    init(seed: UInt64) { random = SeededGenerator(seed: seed) }

    /// Walks through new systems until so many states were compared, or a difference shows.
    func compare(states count: Int) {
        while states.count < count && difference == nil {
            let walk = Walk(Plan.random(&random))
            self.walk = walk
            systems += 1
            Watch.restart()
            for _ in 0..<10 where difference == nil {
                walk.begin()
                for _ in 0..<Agreement.walkLength {
                    guard let step = walk.choose(&random) else { break }
                    let isNew = states.insert(mix(walk.hash, UInt64(systems)))
                    if isNew && walk.system.hasPendingUpdate { laggingStates += 1 }
                    steps += 1
                    let isFast = walk.compare(
                        step, inspects: steps % Agreement.inspectionPeriod == 0)
                    if isFast { fastEntries[step.action.kind, default: 0] += 1 }
                    if let found = walk.difference {
                        difference = found + "\n" + walk.shrink()
                        break
                    }
                    walk.finish(fast: random.chance(50))
                }
            }
        }
    }
}

extension Agreement {
    /// Says after which steps the kernel stopped.
    func reportUnfinished() {
        guard let walk else { return }
        print("error: the kernel stops after these steps and one more\n" + walk.story(walk.steps))
    }
}

/// A walk through one system.
final class Walk {
    let system: System
    let area: SnapshotArea
    let first: UnsafeMutablePointer<UInt64>
    private let present: UnsafeMutablePointer<UInt64>
    private let after: UnsafeMutablePointer<UInt64>
    private(set) var steps: [WalkStep] = []
    private(set) var difference: String?

    init(_ plan: Plan) {
        system = System(plan)
        area = SnapshotArea(system)
        first = .allocate(capacity: area.words)
        present = .allocate(capacity: area.words)
        after = .allocate(capacity: area.words)
        area.save(to: first)
    }
    deinit {
        first.deallocate()
        present.deallocate()
        after.deallocate()
    }

    func begin() {
        area.restore(from: first)
        steps = []
    }

    /// A step that can be taken now; nil: nothing can happen any more.
    func choose(_ random: inout SeededGenerator) -> WalkStep? {
        let running = system.runningIndex
        func step(_ action: Action) -> WalkStep {
            WalkStep(action: action, thread: running, isFast: true)
        }
        if system.machine.isInterruptPending { return step(.take) }
        if system.machine.running?.isRestarting == true { return step(.restart) }
        if system.canInterrupt && (running == nil || random.chance(6)) { return step(.interrupt) }
        if system.isTimeAwaited && (running == nil || random.chance(12)) { return step(.tick) }
        guard let running else { return nil }
        return system.plan.threads[running].actions.randomElement(using: &random).map(step)
    }

    /// Takes a step both ways and notes the difference. The system is left in the state of the
    /// general path.
    ///
    /// - Parameter inspects: note also what is wrong with either state.
    /// - Returns: whether a fast path did it.
    func compare(_ step: WalkStep, inspects: Bool, isNamed: Bool = false) -> Bool {
        area.save(to: present)
        let isFast = system.perform(step.action, fast: true)
        let fast = Abstraction(system, isNamed: isNamed)
        var violations = inspects ? system.violations() : []
        area.save(to: after)
        area.restore(from: present)
        if step.action == .fault || step.action == .compute {
            system.machine.keepOffFastFault(system)
        }
        system.perform(step.action, fast: false)
        let general = Abstraction(system, isNamed: isNamed)
        if inspects { violations += system.violations() }
        steps.append(step)
        difference = violations.isEmpty ? nil : violations.prefix(4).joined(separator: "\n")
        if fast.values == general.values || difference != nil { return isFast }
        if !isNamed {
            steps.removeLast()
            area.restore(from: present)
            return compare(step, inspects: inspects, isNamed: true)
        }
        difference = describe(fast, general)
        return isFast
    }

    private func describe(_ fast: Abstraction, _ general: Abstraction) -> String {
        var lines: [String] = []
        for index in 0..<min(fast.values.count, general.values.count) where lines.count < 6 {
            if fast.values[index] == general.values[index] { continue }
            let values = [fast, general].map { String($0.values[index], radix: 16) }
            let ways = "\(values[0]) by the fast path, \(values[1]) by the general one"
            lines.append("\(fast.names[index]): \(ways)")
            if fast.names[index] != general.names[index] { break }
        }
        return lines.joined(separator: "\n")
    }

    /// Goes on from the state that one of the paths led to.
    func finish(fast: Bool) {
        if fast {
            area.restore(from: after)
        }
        steps[steps.count - 1].isFast = fast
        if let running = system.machine.running, !running.isRestarting {
            system.machine.setArguments(running, [])
        }
    }

    var hash: UInt64 {
        area.save(to: present)
        return area.hash(present, now: system.machine.now, dead: [])
    }
}

extension Machine {
    /// Makes a fault take the general path: the ready server of its endpoint moves into the wait
    /// queue.
    func keepOffFastFault(_ system: System) {
        guard let number = system.plan.faultEndpoint else { return }
        kernel.pointee.queueReadyServer(system.endpointRefs[number])
    }
}

extension Action {
    /// The name of its kind.
    var kind: String { String(describing: self).prefix { $0 != "(" }.description }
}
