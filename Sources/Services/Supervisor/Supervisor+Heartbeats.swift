// Tasks that show no sign of life: which of them hang, and which are only kept from running. And
// tasks that keep others from running without ever waiting, whether they have a heartbeat or not.

import Interfaces
import KernelABI
import Protocols
import ServiceCores
import UserRuntime

/// What a task did at a look, and its processor time in milliseconds.
struct Activity {
    /// `waiting` if the root task cannot be asked.
    var phase = TaskPhase.waiting
    var urgency = Urgency(priority: 0, isRunnable: false)
    var used: UInt64 = 0
    /// How many times it was started.
    var generation: UInt32 = 0
    /// It neither runs nor waits, and will not by itself.
    var isStopped = true

    init() {}
    init(_ activity: TaskActivity) {
        phase = activity.phase
        generation = activity.generation
        let isRunning = phase == .running
        let state = activity.state
        urgency = Urgency(
            priority: activity.effectivePriority,
            isRunnable: isRunning && (state == .ready || state == .running))
        used = Duration(ticks: activity.processorTicks).milliseconds
        isStopped =
            !isRunning
            || (state == .stopped || state == .faulted) && activity.processorTicks > 0
    }
}

extension TaskSupervisor {
    /// Ends the tasks that hang, and names those that compute without a wait.
    mutating func judge() {
        let now = now
        let isLook = now >= lastLook + TaskSupervisor.period
        if !isLook && !hasSuspect(at: now) { return }
        let all = activity()
        noteForeignEnds(all)
        for index in culprits(all) { endHanging(index) }
        if !isLook { return }
        lastLook = now
        for index in 0..<watched.count where watched[index].isRunning {
            let activity = all[Int(watched[index].number)]
            let stretch = watched[index].processor.look(
                at: now, used: activity.used, isRunnable: activity.urgency.isRunnable)
            if let stretch { name(index, activity.urgency.priority, stretch) }
        }
    }

    /// Takes note of the tasks that somebody else has ended: they stay so, and show no sign of
    /// life. A task that has the machine for itself is watched by nobody.
    private mutating func noteForeignEnds(_ all: [Activity]) {
        for index in 0..<watched.count
        where watched[index].isRunning && !watched[index].takesMachine
            && all[Int(watched[index].number)].phase == .dead
        {
            noteEnd(index)
        }
    }

    private mutating func hasSuspect(at now: UInt64) -> Bool {
        for index in 0..<watched.count
        where watched[index].isRunning && watched[index].heartbeat.look(at: now) != .alive {
            return true
        }
        return false
    }

    /// Whether a task can run that would keep the supervisor from running at `priority`.
    func isKept(below priority: UInt8) -> Bool {
        activity().contains { $0.urgency.isRunnable && $0.urgency.priority >= priority }
    }

    /// The silent tasks that are to blame for it themselves.
    ///
    /// What kept the supervisor from running kept the others too. While that runs, it is the most
    /// urgent of all, and nobody else is to blame. Once it waits, each suspect has an eighth of its
    /// period to show a sign.
    private mutating func culprits(_ all: [Activity]) -> [Int] {
        let now = now
        var mostUrgent: UInt8 = 0
        for activity in all where activity.urgency.isRunnable {
            mostUrgent = max(mostUrgent, activity.urgency.priority)
        }
        var culprits: [Int] = []
        for index in 0..<watched.count {
            let number = watched[index].number
            let activity = all[Int(number)]
            let couldRun = probe?.couldRun(number)
            let isCulprit =
                watched[index].isRunning
                && watched[index].heartbeat.isHanging(
                    at: now, activity.urgency, used: activity.used, mostUrgent: mostUrgent,
                    couldRun: couldRun)
            if isCulprit { culprits.append(index) }
            if isCulprit || !watched[index].isRunning || !watched[index].heartbeat.isSuspect {
                probe?.end(for: number)
            } else if !activity.urgency.isRunnable {
                probe?.begin(for: number, at: activity.urgency.priority)
            }
        }
        return culprits
    }

    /// What each task does, by its number; nothing where the root task cannot be asked.
    func activity() -> [Activity] {
        var all = [Activity](repeating: Activity(), count: Int(TaskSupervisor.maximumTasks) + 1)
        var number = 1
        while number < all.count {
            let some = try? InspectionClient().activity(without: UInt16(number - 1), by: .never)
            guard let some, some.count > 0 else { break }
            for index in 0..<some.count where number < all.count {
                if let activity = some[index] { all[number] = Activity(activity) }
                number += 1
            }
        }
        return all
    }

    private mutating func endHanging(_ index: Int) {
        var report = FaultLines(hangs: watched[index].name)
        if let place = stack(index) {
            report.add(programCounter: place.programCounter, linkRegister: place.linkRegister)
            report.add(stack: place.programCounter, place.addresses.all)
        }
        end(index, report)
    }

    /// Says which task computes without a wait, and for how long: at once, also where the log is
    /// less urgent than that task. The log then shows it in the supervisor's name; a task with a
    /// heartbeat may be what the log waits for, and can wait itself.
    private mutating func name(_ index: Int, _ priority: UInt8, _ milliseconds: UInt64) {
        var text = Text()
        text.add(watched[index].name)
        text.add(" computes without a wait for ")
        text.decimal(milliseconds / 1000)
        text.add(".")
        text.decimal(milliseconds % 1000 / 100)
        text.add(" s, at priority ")
        text.decimal(UInt64(priority))
        let isWatched = watched[index].heartbeat.period > 0
        if isWatched || !logAndWait(text.bytes.span, .warning, deadline: .after(milliseconds: 100))
        {
            say(text.bytes, .warning)
        }
    }
}
