// All interleavings of the lock's operations, with the policy that the kernel runs.
//
// Each core asks, waits, raises, holds and releases again and again, in every order. `release` is
// two steps: all others may go on between its `clear` and its grant. A state is the memory and what
// each core does. All reachable states are visited.

import Testing

@testable import KernelLock

/// What a core does.
private enum Phase: Hashable {
    case outside
    case waiting(UInt8)
    case holding(UInt8)
    /// Between the halves of `release`, with the requests that `clear` left.
    case passing(UInt64)

    /// The urgency for which the core waits; 0 if it does not.
    var waiting: UInt8 { if case .waiting(let byte) = self { byte } else { 0 } }
}

private struct State: Hashable {
    var memory = ModelMemory()
    var phases: [Phase]
    /// For each core that waits below the band: the cores that had a turn below it meanwhile.
    var passed: [UInt8]

    init(cores: Int) {
        phases = Array(repeating: .outside, count: cores)
        passed = Array(repeating: 0, count: cores)
    }
}

/// What a wrong lock would do. The model must find each.
enum PlantedFault: CaseIterable, Sendable {
    /// A core that waits writes a less urgent request over its own.
    case lowers
    /// A core that releases grants the lock while its own request still stands.
    case grantsBeforeItClears
    case grantsTwo
    /// The next of equals is counted from the core that releases, not from the last turn.
    case countsFromTheReleasingCore
    case grantsTheLeastUrgent
    case grantsNobody

    /// How the violation that it causes begins.
    var violation: String {
        switch self {
        case .lowers: "the request differs"
        case .grantsBeforeItClears, .grantsTwo: "two holders"
        case .countsFromTheReleasingCore: "two turns"
        case .grantsTheLeastUrgent: "not the most urgent"
        case .grantsNobody: "nobody is granted"
        }
    }
}

/// A model with this many cores, whose requests have these urgencies.
private struct LockModel {
    let cores: Int
    let urgencies: [UInt8]
    var fault: PlantedFault?
    var seen: Set<State> = []
    var violations: [String] = []

    init(cores: Int, urgencies: [UInt8], fault: PlantedFault? = nil) {
        self.cores = cores
        self.urgencies = urgencies
        self.fault = fault
    }

    mutating func explore() {
        var open = [State(cores: cores)]
        seen = [open[0]]
        while let state = open.popLast(), violations.isEmpty {
            for core in 0..<cores {
                for next in steps(state, core) where seen.insert(next).inserted {
                    check(next)
                    if fault == nil && cores < 4 { expect(isDrained(next), "for ever", next) }
                    open.append(next)
                }
            }
        }
    }

    /// The states that a step of this core leads to.
    private mutating func steps(_ state: State, _ core: Int) -> [State] {
        switch state.phases[core] {
        case .outside: return urgencies.map { enter(state, core, $0) } + take(state, core)
        case .waiting(let byte):
            return urgencies.filter { $0 > byte }.map { raise(state, core, $0) }
                + accept(state, core, byte)
                + (fault == .lowers && byte > 1 ? [lower(state, core)] : [])
        case .holding(let byte):
            look(state, core, byte)
            if fault == .grantsBeforeItClears { return [grantEarly(state, core)] }
            return [clear(state, core)]
        case .passing(let bits): return [pass(state, core, LockWord(bits: bits))]
        }
    }

    private func apply<Result>(
        _ state: inout State, _ core: Int, _ body: (inout KernelLock<ModelMemory>) -> Result
    ) -> Result {
        var lock = KernelLock(core: core, memory: state.memory)
        let result = body(&lock)
        state.memory = lock.memory
        return result
    }

    private mutating func take(_ state: State, _ core: Int) -> [State] {
        var next = state
        let isFree = state.memory.word.isFree
        let isTaken = apply(&next, core) { $0.take() }
        expect(isTaken == isFree, "take", state)
        guard isTaken else { return [] }
        next.phases[core] = .holding(1)
        return [next]
    }

    private mutating func enter(_ state: State, _ core: Int, _ byte: UInt8) -> State {
        var next = state
        let isHeld = apply(&next, core) { $0.request(urgency(byte)) }
        next.phases[core] = isHeld ? .holding(byte) : .waiting(byte)
        return next
    }

    private func raise(_ state: State, _ core: Int, _ byte: UInt8) -> State {
        var next = state
        let isRaised = apply(&next, core) { $0.tryRaise(to: urgency(byte)) }
        precondition(isRaised, "the model's memory raises at once")
        next.phases[core] = .waiting(byte)
        next.passed[core] = 0
        return next
    }

    private mutating func accept(_ state: State, _ core: Int, _ byte: UInt8) -> [State] {
        var next = state
        let isGranted = apply(&next, core) { $0.isGranted() }
        expect(isGranted == state.memory.isGranted(core), "accept", state)
        guard isGranted else { return [] }
        next.phases[core] = .holding(byte)
        next.passed[core] = 0
        return [next]
    }

    /// The holder, at work for any urgency up to its own request's, passes the lock on if and only
    /// if a more urgent core waits, or, below the band, any core.
    private mutating func look(_ state: State, _ core: Int, _ byte: UInt8) {
        var copy = state
        for work in urgencies where work <= byte {
            let shouldPass = apply(&copy, core) { $0.shouldPass(before: urgency(work)) }
            let waits = state.phases.contains { $0.waiting > (work == 1 ? 0 : work) }
            expect(shouldPass == waits, "look", state)
            let mustYield = apply(&copy, core) { $0.mustYield(to: urgency(work)) }
            let others = state.phases.contains { $0.waiting > 0 && $0.waiting >= work }
            expect(mustYield == others, "look before an interrupt", state)
        }
    }

    private mutating func clear(_ state: State, _ core: Int) -> State {
        var next = state
        let waiting = apply(&next, core) { $0.clear() }
        // Nothing but the requests of those that wait is left.
        expect(waiting == word(state.phases.map(\.waiting)), "clear", state)
        next.phases[core] = waiting.isFree ? .outside : .passing(waiting.bits)
        return next
    }

    private mutating func pass(_ state: State, _ core: Int, _ waiting: LockWord) -> State {
        var next = state
        if fault == .countsFromTheReleasingCore { next.memory.setTurn(inBand: false, core) }
        switch fault {
        case .grantsNobody: break
        case .grantsTheLeastUrgent:
            if let least = others(waiting).min(by: { $0.1 < $1.1 }) { next.memory.grant(least.0) }
        case .grantsTwo: for other in others(waiting) { next.memory.grant(other.0) }
        default: apply(&next, core) { $0.pass(to: waiting) }
        }
        next.phases[core] = .outside
        guard let chosen = (0..<cores).first(where: { next.memory.isGranted($0) }) else {
            violations.append("nobody is granted: \(state)")
            return next
        }
        let byte = waiting.urgency(of: chosen)
        expect(
            byte != .none && (0..<cores).allSatisfy { waiting.urgency(of: $0) <= byte },
            "not the most urgent", state)
        guard byte == .belowBand else { return next }
        for other in 0..<cores where other != chosen && state.phases[other] == .waiting(1) {
            let bit = UInt8(1) << UInt8(chosen)
            // A core that asks after the choice has not lost a turn by it.
            guard waiting.urgency(of: other) != .none else { continue }
            if next.passed[other] & bit != 0 { violations.append("two turns: \(state), \(chosen)") }
            next.passed[other] |= bit
        }
        return next
    }

    // Planted faults

    private func lower(_ state: State, _ core: Int) -> State {
        var next = state
        _ = next.memory.clear(core)
        _ = next.memory.raise(core, to: .belowBand)
        return next
    }

    private func grantEarly(_ state: State, _ core: Int) -> State {
        var next = state
        var waiting = state.memory.word
        waiting.clear(core)
        if let first = others(waiting).first, !state.memory.isGranted(first.0) {
            next.memory.grant(first.0)
        }
        return next
    }

    /// The cores that wait, and their urgencies.
    private func others(_ waiting: LockWord) -> [(Int, Urgency)] {
        (0..<cores).map { ($0, waiting.urgency(of: $0)) }.filter { $0.1 != .none }
    }

    /// Whether all that wait get the lock, one after the other, if no core asks anew.
    private mutating func isDrained(_ state: State) -> Bool {
        var state = state
        for _ in 0..<3 * cores {
            for core in 0..<cores {
                switch state.phases[core] {
                case .outside: break
                case .waiting(let byte): state = accept(state, core, byte).first ?? state
                case .holding: state = clear(state, core)
                case .passing(let bits): state = pass(state, core, LockWord(bits: bits))
                }
            }
        }
        return state.phases.allSatisfy { $0 == .outside } && state.memory.word.isFree
    }

    /// What holds in every state.
    private mutating func check(_ state: State) {
        let memory = state.memory
        var owners = 0
        for (core, phase) in state.phases.enumerated() {
            let request = memory.word.urgency(of: core)
            switch phase {
            case .outside:
                expect(request == .none, "a request of no core", state)
            case .waiting(let byte):
                expect(request == urgency(byte), "the request differs", state)
                owners += memory.isGranted(core) ? 1 : 0
            case .holding:
                expect(request != .none, "a holder without a request", state)
                owners += 1
            case .passing:
                expect(request == .none, "a request that was not cleared", state)
                owners += 1
            }
            expect(phase.waiting != 0 || !memory.isGranted(core), "a grant of no core", state)
        }
        expect(owners <= 1, "two holders", state)
        expect(memory.word.isFree == (owners == 0), "the word tells the wrong state", state)
        expect(owners == 1 || state.phases.allSatisfy { $0.waiting == 0 }, "a lost request", state)
    }

    private mutating func expect(_ condition: Bool, _ what: String, _ state: State) {
        if !condition { violations.append("\(what): \(state)") }
    }
}

@Suite struct LockModelTests {
    /// The least number of states shows that the model moves at all.
    @Test(
        arguments: [
            (2, [1, 128, 200, 255], 350), (3, [1, 128, 255], 5800), (4, [1, 128, 255], 100_000),
        ] as [(Int, [UInt8], Int)])
    func everyInterleaving(cores: Int, urgencies: [UInt8], states: Int) {
        var model = LockModel(cores: cores, urgencies: urgencies)
        model.explore()
        #expect(model.violations == [])
        #expect(model.seen.count > states)
        print("lock model: \(cores) cores: \(model.seen.count) states")
    }

    @Test(arguments: PlantedFault.allCases) func plantedFaultIsFound(fault: PlantedFault) {
        var model = LockModel(cores: 3, urgencies: [1, 128, 255], fault: fault)
        model.explore()
        #expect(model.violations.contains { $0.hasPrefix(fault.violation) })
    }
}
