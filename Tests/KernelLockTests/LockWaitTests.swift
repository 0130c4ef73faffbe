// How urgently a waiting core asks for the lock: as urgently as the most urgent of its pending
// lines and due deadlines, whatever comes in which order, within some rounds.

import KernelABI
import Testing

@testable import KernelLock

private let timer = 27

/// A core with pending lines, of which the controller shows one, and due deadlines.
private struct ModelCore: WaitingCore {
    /// The urgency of each pending device line.
    var lines: [Int: Urgency] = [:]
    var isSoftwarePending = false
    var askedUrgency = Urgency.none
    var isTimerPending = false
    var isTimerMasked = false
    var due: [Urgency] = []
    /// The nodes that a search looks at: how many are left, and what it has found.
    var left = 0
    var found: Urgency?
    /// Whether other cores have changed the deadlines since the search began.
    var hasChanged = false

    var isInterruptPending: Bool { first != nil }
    private var first: Int? {
        if isSoftwarePending { return 0 }
        return (isTimerPending && !isTimerMasked ? timer : nil)
            ?? lines.max { $0.value < $1.value }?.key
    }
    mutating func firstLine() -> Int? { first }
    func urgency(of line: Int) -> Urgency { lines[line] ?? .none }
    mutating func uncover(_ line: Int) {
        isSoftwarePending = isSoftwarePending && line != 0
        if line == timer { isTimerMasked = true }
    }
    mutating func startSearch() -> Bool {
        hasChanged = false
        left = due.count
        found = due.max()
        return !due.isEmpty
    }
    mutating func goOnSearching() -> Bool {
        left -= 1
        return left > 0
    }
    func foundUrgency() -> Urgency? { hasChanged ? nil : found }
    func relax() {}
    func stopInPanic() {}
}

@Suite struct LockWaitTests {
    /// A wait of core 1, while core 0 holds the lock.
    private func wait(_ core: ModelCore, at priority: Int = 130)
        -> LockWait<ModelMemory, ModelCore>
    {
        var memory = ModelMemory()
        _ = memory.take(0)
        var wait = LockWait(
            KernelLock(core: 1, memory: memory), core, urgency: Urgency(ofCore: priority))
        let isFree = wait.request()
        #expect(!isFree)
        return wait
    }

    private func go(_ wait: inout LockWait<ModelMemory, ModelCore>, rounds: Int = 16) {
        for _ in 0..<rounds {
            let isGranted = wait.performRound()
            #expect(!isGranted)
        }
    }
    private func request(_ wait: LockWait<ModelMemory, ModelCore>) -> Urgency {
        wait.lock.memory.word.urgency(of: 1)
    }

    @Test func itAsksAsUrgentlyAsADeadlineThatIsDue() {
        var wait = wait(ModelCore(isTimerPending: true, due: [urgency(129), urgency(250)]))
        go(&wait)
        #expect(request(wait) == urgency(250))
    }

    @Test func whatFallsDueLaterRaisesTheRequest() {
        var wait = wait(ModelCore(isTimerPending: true, due: [urgency(140)]))
        go(&wait)
        #expect(request(wait) == urgency(140) && wait.core.isTimerMasked)
        wait.core.due.append(urgency(250))
        go(&wait)
        #expect(request(wait) == urgency(250))
    }

    /// The timer was taken before the core passed the lock, or was set for none so urgent.
    @Test func aDeadlineIsFoundWithoutTheTimersInterrupt() {
        var wait = wait(ModelCore(due: [urgency(250)]))
        go(&wait)
        #expect(request(wait) == urgency(250))
    }

    /// A second request comes with the interrupt of the first, which is being taken.
    @Test func noRequestOfAnotherCoreIsLost() {
        for round in 0..<12 {
            var wait = wait(ModelCore(isSoftwarePending: true, askedUrgency: urgency(140)))
            go(&wait, rounds: round)
            wait.core.askedUrgency = urgency(250)
            go(&wait)
            #expect(request(wait) == urgency(250), "after round \(round)")
        }
    }

    @Test func theTimerHidesNoLine() {
        var wait = wait(ModelCore(lines: [40: urgency(200)], isTimerPending: true))
        go(&wait)
        #expect(request(wait) == urgency(200))
    }

    /// A line that stays pending keeps no deadline from being found, and the other way round.
    @Test func aLessUrgentLineHidesNoDeadline() {
        var wait = wait(
            ModelCore(lines: [40: urgency(131)], isTimerPending: true, due: [urgency(250)]))
        go(&wait)
        #expect(request(wait) == urgency(250))
        wait.core.lines[41] = urgency(253)
        go(&wait)
        #expect(request(wait) == urgency(253))
    }

    @Test func aSearchThatWasDisturbedBeginsAnew() {
        var wait = wait(ModelCore(isTimerPending: true, due: [urgency(250)]))
        for _ in 0..<40 {
            wait.core.hasChanged = true
            _ = wait.performRound()
        }
        #expect(request(wait) == urgency(130), "it may have found what is not there")
        go(&wait)
        #expect(request(wait) == urgency(250))
    }

    @Test func theRequestFollowsEverything() {
        var random = SystemRandomNumberGenerator()
        for _ in 0..<300 {
            func any() -> Urgency { urgency(UInt8.random(in: 128...254, using: &random)) }
            var wait = wait(ModelCore())
            var most = urgency(130)
            for _ in 0..<10 {
                let new = any()
                switch Int.random(in: 0..<3, using: &random) {
                case 0: wait.core.lines[Int.random(in: 32..<60, using: &random)] = new
                case 1:
                    wait.core.askedUrgency = max(wait.core.askedUrgency, new)
                    wait.core.isSoftwarePending = true
                default:
                    wait.core.isTimerPending = true
                    wait.core.due.append(new)
                }
                go(&wait, rounds: 60)
                most = max(most, new)
                #expect(request(wait) == most)
            }
        }
    }

    @Test func itEndsWithTheGrant() {
        var wait = wait(ModelCore(lines: [40: urgency(131)], isTimerPending: true))
        go(&wait)
        wait.lock.memory.grant(1)
        let isGranted = wait.performRound()
        #expect(isGranted)
    }
}
