// Restarts. A client that begins one does not wait for it. The root task loads the most urgent task
// first, and is as urgent meanwhile as that task: a driver does not stay away because a less urgent
// task is busy.
//
// While there is no supervisor, the root task plans restarts as the supervisor does, by the same
// policies.

import Interfaces
import KernelABI
import Protocols
import ServiceCores
import UserRuntime

extension Factory {
    /// The priority at which this task works for itself.
    static var priority: UInt8 { 30 }

    /// Notes that a task is to be started.
    mutating func begin(_ number: Int) throws(FactoryFailure) {
        if tasks[number].phase != .dead || tasks[number].progress == .underWay {
            throw FactoryFailure(.wrongState)
        }
        tasks[number].progress = .underWay
        setUrgency()
    }

    /// The most urgent task that is to be started and is not being loaded.
    var nextStart: Int? {
        var best: Int?
        for number in 0..<tasks.count
        where tasks[number].progress == .underWay && tasks[number].loading == .none {
            let priority = tasks[number].description.priority
            if let best, tasks[best].description.priority >= priority { continue }
            best = number
        }
        return best
    }

    /// Makes this task as urgent as the most urgent start that it was asked for.
    mutating func setUrgency() {
        var urgency = Factory.priority
        for task in tasks where task.progress == .underWay {
            urgency = max(urgency, task.description.priority)
        }
        do throws(KernelError) {
            try Thread(RootSlot.thread).setPriority(urgency, maximum: 255)
        } catch {
            console.line { $0.add("root: the own priority cannot be changed") }
        }
    }

    /// Starts a task that was begun, and tells the supervisor what became of it.
    mutating func startBegun(_ number: Int) {
        do throws(FactoryFailure) { try start(number) } catch {
            // A withdrawn load has not failed: the task may have been begun anew meanwhile.
            if !error.isWithdrawal {
                tasks[number].progress = .failed(error.cause)
                signalSupervisor(RootSignal.started)
            }
        }
        setUrgency()
        if supervisor == nil || tasks[number].service == Name("supervisor") { noteOwnStart(number) }
    }

    /// Takes back a restart that was planned, begun or asked for.
    mutating func withdraw(_ number: Int) throws(FactoryFailure) {
        var isPlanned = loads.withdraw(UInt16(number + 1), tasks[number].name)
        if tasks[number].progress == .underWay { isPlanned = true }
        if case .waiting? = tasks[number].life?.phase { isPlanned = true }
        if tasks[number].loading == .underWay {
            tasks[number].loading = .withdrawn
        } else if !isPlanned {
            throw FactoryFailure(.wrongState)
        }
        tasks[number].progress = .ended
        tasks[number].life?.stopped()
        setUrgency()
    }

    /// The supervisor, where it runs.
    var supervisor: Int? {
        guard let number = provider(of: Name("supervisor")), tasks[number].phase == .running else {
            return nil
        }
        return number
    }

    // Without a supervisor

    private var now: UInt64 { (Instant.now - Instant.immediately).milliseconds }

    /// Counts a death, and plans what the task's policy says.
    mutating func died(_ number: Int) -> RestartDecision {
        var life =
            tasks[number].life ?? RestartState(policy: tasks[number].description.restart, now: 0)
        let decision = life.died(at: now)
        tasks[number].life = life
        return decision
    }

    /// When the next planned restart is due.
    var nextRestart: Instant {
        var next: UInt64?
        for task in tasks {
            if case .waiting(let until)? = task.life?.phase { next = min(next ?? until, until) }
        }
        guard let next else { return .never }
        return .immediately + .milliseconds(next)
    }

    /// Begins the restarts whose time has come.
    mutating func beginDue() {
        let now = now
        for number in 0..<tasks.count where tasks[number].life?.isDue(at: now) == true {
            beginPlanned(number)
        }
    }

    mutating func beginPlanned(_ number: Int) {
        tasks[number].life?.starting()
        do throws(FactoryFailure) { try begin(number) } catch { report(tasks[number].name, error) }
    }

    /// What became of a start that this task planned itself.
    private mutating func noteOwnStart(_ number: Int) {
        guard tasks[number].life?.phase == .starting else { return }
        if case .failed(let error) = tasks[number].progress {
            report(tasks[number].name, FactoryFailure(error))
            _ = died(number)
            return
        }
        guard tasks[number].phase == .running else { return }
        let (now, generation) = (now, tasks[number].generation)
        tasks[number].life?.started(at: now, generation: generation)
        var text = Text()
        text.add(tasks[number].name)
        text.add(" restarted, generation ")
        text.decimal(UInt64(generation))
        say(text.bytes)
    }

    /// Plans the restarts that the supervisor planned and did not live to make: its memory
    /// survives it.
    mutating func takeUpPlans(_ supervisor: Int) {
        if tasks[supervisor].persistentPages == 0 { return }
        let plans = slots.task(supervisor).persistent(0)
        for number in 0..<tasks.count
        where tasks[number].phase == .dead && tasks[number].progress != .underWay {
            let isPlanned = unsafe try? window.look(at: plans, in: .own) { words in
                // Safety: a page has 512 words, and there are 64 tasks at most.
                unsafe words[number + 1] == 1
            }
            if isPlanned == true { _ = died(number) }
        }
    }

    /// Leaves all lives but its own to the supervisor: what waits for its restart is begun, and the
    /// supervisor sees that.
    mutating func handOver(_ supervisor: Int) {
        for number in 0..<tasks.count where number != supervisor {
            if case .waiting? = tasks[number].life?.phase { beginPlanned(number) }
            tasks[number].life = nil
        }
    }
}
