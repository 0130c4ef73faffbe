// The restart policy: delays double and stay bounded, a stable run resets them, and the supervisor
// gives up in the end.
import Testing

@testable import ServiceCores

@Suite struct RestartStateTests {
    let policy = RestartPolicy(
        maximumRestarts: 4, initialBackOff: 20, maximumBackOff: 100, stableRun: 1000)

    @Test func delaysDoubleUpToTheBoundAndThenItGivesUp() {
        var state = RestartState(policy: policy, now: 0)
        var now: UInt64 = 0
        for delay in [20, 40, 80, 100] as [UInt64] {
            #expect(state.died(at: now) == .restart(at: now + delay))
            #expect(!state.isDue(at: now + delay - 1))
            #expect(state.isDue(at: now + delay))
            now += delay
            state.started(at: now, generation: state.generation + 1)
        }
        #expect(state.generation == 5)
        #expect(state.died(at: now) == .giveUp)
        #expect(state.phase == .dead)
        #expect(!state.isDue(at: ~0))
    }

    @Test func aStableRunResetsTheCount() {
        var state = RestartState(policy: policy, now: 0)
        _ = state.died(at: 10)
        state.started(at: 30, generation: state.generation + 1)
        #expect(state.died(at: 1029) == .restart(at: 1069))
        state.started(at: 1069, generation: state.generation + 1)
        #expect(state.died(at: 2069) == .restart(at: 2089))
        #expect(state.failures == 1)
    }

    @Test func aFailedRestartCountsAsADeath() {
        var state = RestartState(policy: policy, now: 0)
        _ = state.died(at: 0)
        #expect(state.died(at: 20) == .restart(at: 60))
        #expect(state.generation == 1)
    }

    @Test func aPersonMayStartAndStopIt() {
        var state = RestartState(policy: policy, now: 0)
        _ = state.died(at: 0)
        state.stopped()
        #expect(!state.isDue(at: 100))
        state.starting()
        state.started(at: 100, generation: state.generation + 1)
        #expect(state.generation == 2)
        #expect(state.died(at: 101) == .restart(at: 121))
    }

    @Test func aTaskOfALaterGenerationKeepsItsCount() {
        var state = RestartState(policy: policy, now: 0, generation: 3)
        _ = state.died(at: 1)
        state.started(at: 21, generation: state.generation + 1)
        #expect(state.generation == 4)
    }

    @Test func withoutRestartsItIsLeft() {
        let never = RestartPolicy(
            maximumRestarts: 0, initialBackOff: 0, maximumBackOff: 0, stableRun: 0)
        var state = RestartState(policy: never, now: 0)
        #expect(state.died(at: 5) == .leave)
        #expect(state.phase == .dead)
    }

    @Test func largeNumbersDoNotOverflow() {
        let large = RestartPolicy(
            maximumRestarts: .max, initialBackOff: .max, maximumBackOff: .max, stableRun: .max)
        var state = RestartState(policy: large, now: 0)
        for _ in 0..<70_000 { _ = state.died(at: 0) }
        #expect(state.phase == .dead)
        #expect(state.failures == 65536)
    }

    /// A fault shows before its message comes: it must count once.
    @Test func onlyAStartingSupervisorEndsWhatItFindsFaulted() {
        func sighting(
            _ isDead: Bool, _ isFaulted: Bool, _ isPlanned: Bool, _ isFirstLook: Bool
        ) -> Sighting {
            Sighting(
                isDead: isDead, isFaulted: isFaulted, isPlanned: isPlanned, isFirstLook: isFirstLook
            )
        }
        #expect(sighting(false, true, false, true) == .diedUnseen)
        #expect(sighting(false, true, false, false) == .running)
        #expect(sighting(false, false, true, true) == .running)
        #expect(sighting(true, false, true, true) == .planned)
        #expect(sighting(true, false, false, false) == .left)
        var state = RestartState(policy: policy, now: 10, generation: 1, found: .running)
        #expect(state.died(at: 10) == .restart(at: 30))
        #expect(state.failures == 1)
        #expect(RestartState(policy: policy, now: 10, generation: 4, found: .left).phase == .dead)
        let planned = RestartState(policy: policy, now: 10, generation: 4, found: .planned)
        #expect(planned.phase == .waiting(until: 30) && planned.generation == 4)
        #expect(
            RestartState(policy: policy, now: 10, generation: 1, found: .diedUnseen).failures == 0)
    }

    /// Whatever step of an ending a supervisor dies behind, its successor finds a task that it
    /// brings back.
    @Test func anEndingCutShortIsTakenUp() {
        var state = RestartState(policy: policy, now: 0)
        var isPlanned = false
        var isDead = false
        var found: [Sighting] = []
        func look() {
            found.append(
                Sighting(
                    isDead: isDead, isFaulted: !isDead, isPlanned: isPlanned, isFirstLook: true))
        }
        let decision = state.end(at: 5) {
            isPlanned = $0
            look()
        } kill: {
            isDead = true
            look()
        }
        look()
        #expect(decision == .restart(at: 25))
        #expect(found == [.diedUnseen, .planned, .planned])
    }

    @Test func aTaskThatIsLeftIsNotTakenUp() {
        var state = RestartState(policy: policy, now: 0)
        for _ in 0..<4 { _ = state.died(at: 0) }
        var notes: [Bool] = []
        let decision = state.end(at: 0) {
            notes.append($0)
        } kill: {
        }
        #expect(decision == .giveUp)
        #expect(notes == [true, false])
    }

    @Test func aStartThatTheRootTaskWasAskedForIsNotAskedAgain() {
        var state = RestartState(policy: policy, now: 0)
        _ = state.died(at: 0)
        state.starting()
        #expect(!state.isDue(at: ~0))
        // It failed: that counts as a death.
        #expect(state.died(at: 20) == .restart(at: 60))
        state.starting()
        state.started(at: 60, generation: state.generation + 1)
        #expect(state.phase == .running(since: 60) && state.generation == 2)
    }

    /// The board cannot do without it: it comes back after every death, and not more often than its
    /// policy allows.
    @Test func whatIsEssentialIsStartedWithoutEnd() {
        var policy = policy
        policy.onGiveUp = .keepTrying
        var state = RestartState(policy: policy, now: 0)
        for _ in 0..<4 { #expect(state.died(at: 0).isRestart) }
        for death in 1...100 as ClosedRange<UInt64> {
            // The maximum back-off of 100 ms would be no rest for the processor.
            #expect(state.died(at: death) == .persist(at: death + 1000))
            #expect(state.phase == .waiting(until: death + 1000))
            #expect(state.failures == 5)
            state.started(at: death, generation: state.generation + 1)
        }
        // A stable run makes it a task like others again.
        #expect(state.died(at: 1100) == .restart(at: 1120))
    }

    @Test func longBackOffsStayWithoutEnd() {
        let slow = RestartPolicy(
            maximumRestarts: 1, initialBackOff: 10, maximumBackOff: 5000, stableRun: 10_000,
            onGiveUp: .keepTrying)
        var state = RestartState(policy: slow, now: 0)
        #expect(state.died(at: 0) == .restart(at: 10))
        #expect(state.died(at: 10) == .persist(at: 5010))
    }

    @Test func theBoardStartsAnewWhereTheManifestSaysSo() {
        var policy = policy
        policy.onGiveUp = .reboot
        var state = RestartState(policy: policy, now: 0)
        for _ in 0..<4 { #expect(state.died(at: 0).isRestart) }
        #expect(state.died(at: 0) == .reboot)
        #expect(state.phase == .dead)
        policy.maximumRestarts = 0
        var never = RestartState(policy: policy, now: 0)
        #expect(never.died(at: 0) == .reboot)
    }

    /// The note of a planned restart outlives the supervisor: it stays where the task is to
    /// come back.
    @Test func theNoteStaysWhereRestartsGoOn() {
        var policy = policy
        policy.onGiveUp = .keepTrying
        var state = RestartState(policy: policy, now: 0)
        for _ in 0..<4 { _ = state.died(at: 0) }
        var notes: [Bool] = []
        let decision = state.end(at: 0) {
            notes.append($0)
        } kill: {
        }
        #expect(decision == .persist(at: 1000))
        #expect(notes == [true])
    }
}
