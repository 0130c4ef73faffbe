// The supervisor: handler of all tasks' faults. It reports the cause, ends the task at once (so its
// callers are released), and starts it again after a delay that doubles, until it gives up. A task
// that shows no sign of life is treated alike.
//
// It is above all tasks in priority, so it does little at a time: it ends a task, and asks the
// root task for the new one, which is loaded at that task's own priority. The root task tells when
// that is done.

import Interfaces
import KernelABI
import Protocols
import ServiceCores
import UserRuntime

@c(Supervisor_main) func supervisorTask(_ address: UInt) -> Int32 {
    let information = startInformation(address)
    let loop = Server(information, handlesFaults: true)
    let supervisor = TaskSupervisor(information)
    supervisor.serve(loop)
}

@safe struct TaskSupervisor: ~Copyable {
    typealias Starter = Caller<UInt32, SupervisorError>

    let ownNumber: UInt64
    var watched: [Watched] = []
    /// Callers that wait until a task runs anew, by the task's number.
    var starters = Waiting<UInt32, SupervisorError>()
    /// When it last looked round, and when it last looked what all tasks do, in milliseconds.
    private var lastTick: UInt64 = 0
    var lastLook: UInt64 = 0
    /// Lifts this task above what keeps it from running; nil where that cannot be.
    private(set) var watch: Watch?
    /// Tries in the place of a silent task whether that could have run; nil where that cannot be.
    var probe: Probe?
    /// A task has the machine for itself: until that has ended nobody is watched, and no timer of
    /// this task's interrupts it.
    private var isMachineTaken = false
    var hasWatchdog = false
    /// Number of tasks when it was last looked for.
    var watchdogSought = 0
    private var lines = WaitingLines(Name("supervisor"))
    static let maximumTasks: UInt64 = 64
    /// By task number: 1 where a restart is planned. This memory survives the supervisor.
    private let plans: UnsafeMutableBufferPointer<UInt64>
    /// Time between looks at heartbeats and at tasks that are new, in milliseconds.
    static let period: UInt64 = 500
    private static let timerBit: UInt64 = 1

    init(_ information: StartInformation) {
        // Safety: the manifest gives this task a page, 512 words, of which 65 are used.
        unsafe plans = persistentMemory(information)
        ownNumber = information.task
        orEnd(
            "the timer cannot be bound",
            try timer.bind(
                Notification(StartSlot.notification), bits: TaskSupervisor.timerBit))
    }

    private var timer: Timer { Timer(StartSlot.timer) }
    var now: UInt64 { (Instant.now - Instant.immediately).milliseconds }

    consuming func serve(_ server: consuming Server) -> Never {
        lastTick = now
        lastLook = now
        do throws(KernelError) { (watch, probe) = (try Watch(), try Probe()) } catch {
            var text = Text("supervisor: its watch does not start, kernel error ")
            text.decimal(UInt64(error.rawValue))
            say(text.bytes, .error)
        }
        // What faulted while there was no supervisor waits for this.
        findNewTasks(isFirstLook: true)
        tick()
        while true {
            let received = server.next()
            switch received.delivery {
            case .notification:
                starters.forgetGone()
                let isTaken = received.badge & RootSignal.machineTaken != 0
                let hasStarted = received.badge & RootSignal.started != 0
                if isTaken { leaveMachine() }
                if hasStarted { noteForeignStarts() }
                // A start that failed gives the machine back, and both signals may come at once.
                if !isTaken || hasStarted { tick() }
            case .oneWay:
                SupervisorInterface.perform(received, for: &self, &server)
                if isMachineTaken { tick() }
            case .message:
                SupervisorInterface.perform(received, for: &self, &server)
                arm()
            case .fault: fault(received)
            }
        }
    }

    // Time

    /// Sets the timer to the next restart, the next look at a heartbeat or the look-round,
    /// whichever comes first. The look-round is a period behind the last one, however many requests
    /// come between: who asks often does not put it off, and the watchdog is fed.
    private mutating func arm() {
        if isMachineTaken { return }
        var next = lastTick + TaskSupervisor.period
        for task in watched {
            if case .waiting(let until) = task.state.phase { next = min(next, until) }
            if task.isRunning, let look = task.heartbeat.nextLook { next = min(next, look) }
        }
        if !lines.isEmpty { next = min(next, now + 5) }
        let now = now
        let wait = next > now ? next - now : 0
        orEnd("the timer cannot be armed", try timer.arm(.after(milliseconds: wait)))
        watch?.expect(in: wait)
    }

    /// A task is about to have the machine for itself.
    private mutating func leaveMachine() {
        isMachineTaken = true
        orEnd("the timer cannot be cancelled", try timer.cancel())
        watch?.rest()
    }

    /// Whether the task that has the machine for itself goes on. Whoever shows a sign of life makes
    /// the supervisor look.
    private mutating func isMachineLeft() -> Bool {
        findNewTasks(isFirstLook: false)
        let all = activity()
        return watched.contains { $0.takesMachine && !all[Int($0.number)].isStopped }
    }

    private mutating func tick() {
        if isMachineTaken {
            if isMachineLeft() { return }
            isMachineTaken = false
            // A task that was started just before the machine was taken may not have been noted.
            noteForeignStarts()
        }
        lastTick = now
        // Before it wakes anybody: whom it has just told something looks as if it kept those below
        // from running.
        judge()
        feedWatchdog()
        findNewTasks(isFirstLook: false)
        flushLines()
        for index in 0..<watched.count where watched[index].state.phase == .starting {
            noteProgress(index)
        }
        for index in 0..<watched.count where watched[index].state.isDue(at: lastTick) {
            begin(index)
        }
        arm()
        if let watch, watch.hasLifted, !isKept(below: watch.priority) { watch.lower() }
    }

    /// Tasks that were started since the last look.
    private mutating func findNewTasks(isFirstLook: Bool) {
        var number: UInt64 = 1
        while number <= TaskSupervisor.maximumTasks {
            if index(of: number) == nil {
                if TaskSupervisor.policy(of: number) == nil { return }
                let index = find(number, isFirstLook: isFirstLook)
                if let index, watched[index].found == .diedUnseen {
                    end(index, FaultLines(unseen: watched[index].name))
                }
            }
            number += 1
        }
    }

    func index(of number: UInt64) -> Int? {
        for index in 0..<watched.count where watched[index].number == number { return index }
        return nil
    }

    /// The task's entry, also of one that was started just now.
    mutating func find(_ number: UInt64, isFirstLook: Bool = false) -> Int? {
        if let found = index(of: number) { return found }
        guard number > 0, number <= TaskSupervisor.maximumTasks, number != ownNumber,
            let task = unsafe Watched(
                number: number, now: now, isPlanned: plans[Int(number)] == 1,
                isFirstLook: isFirstLook)
        else { return nil }
        watched.append(task)
        return watched.count - 1
    }

    // Deaths

    private mutating func fault(_ fault: Received) {
        guard let index = find(fault.badge) else { return }
        // It died so soon that its fault came before the word of its start.
        noteProgress(index)
        let place = stack(index, fault)
        var report = FaultLines(
            watched[index].name,
            faulted: place?.cause.bytes ?? Text(FaultKind(word: fault[Fault.kind]).text).bytes,
            saying: place?.saying.bytes ?? [])
        report.add(thread: place.map { Name($0.name.nameWords) } ?? .empty)
        report.add(
            programCounter: fault[Fault.programCounter], linkRegister: fault[Fault.linkRegister])
        report.add(
            stackPointer: fault[Fault.stackPointer], framePointer: fault[Fault.framePointer],
            syndrome: fault[Fault.syndrome])
        if let place { report.add(stack: place.programCounter, place.addresses.all) }
        end(index, report)
        arm()
    }

    /// Where a task is, with the return addresses of its stack, and why it faulted. It is
    /// stopped then.
    func stack(_ index: Int, _ fault: Received? = nil) -> StoppedThread? {
        let task = watched[index].task
        guard let fault else { return try? TasksClient().stop(task, by: .never) }
        return try? TasksClient().examine(
            task,
            ThreadFault(
                kind: fault[Fault.kind], address: fault[Fault.address],
                syndrome: fault[Fault.syndrome], programCounter: fault[Fault.programCounter],
                stackPointer: fault[Fault.stackPointer]), by: .never)
    }

    /// Ends a task, says why, and plans what its policy says. It is ended before a word is said:
    /// its callers, the log among them, wait no longer.
    mutating func end(_ index: Int, _ report: FaultLines) {
        let number = watched[index].number
        let plans = unsafe self.plans
        var refusal: RootError?
        let decision = watched[index].state.end(at: now) { isPlanned in
            unsafe plans[Int(number)] = isPlanned ? 1 : 0
        } kill: {
            refusal = TaskSupervisor.end(number)
        }
        for line in report.lines { say(line, .error) }
        // In the wrong state is a task that has ended already.
        if let refusal, refusal != .wrongState {
            self.report(index, "cannot be ended: the root task refuses")
        }
        tell(index, decision)
    }

    private mutating func tell(_ index: Int, _ decision: RestartDecision) {
        if case .restart = decision { return }
        report(index, decision.text)
        if decision == .reboot { end(by: .reboot) }
    }

    /// Switches the board off, or starts it anew, when the log has shown what was said.
    mutating func end(by end: MachineEnd) {
        awaitLog()
        do throws(SystemError) { try MachineClient().end(by: end) } catch {
            var text = Text("the machine does not switch off: ")
            text.add(error.reason)
            say(text.bytes)
        }
    }

    // Starts

    /// Asks the root task for a new life of the task, and does not wait for it.
    mutating func begin(_ index: Int) {
        do throws(SystemError) {
            try TasksClient().begin(watched[index].task, by: .never)
            watched[index].state.starting()
        } catch { startFailed(index, RootError(error)) }
    }

    /// Looks what became of a start, which this task or another one asked for.
    private mutating func noteProgress(_ index: Int) {
        guard let policy = TaskSupervisor.policy(of: watched[index].number) else { return }
        if watched[index].state.phase != .starting {
            if policy.phase == .running { noteLife(index, generation: policy.generation) }
            return
        }
        switch policy.progress {
        case .underWay: return
        case .failed(let error): startFailed(index, error)
        case .ended where policy.phase == .running: started(index, generation: policy.generation)
        // Somebody else took the start back.
        case .ended: noteEnd(index)
        }
    }

    /// Takes up the tasks that somebody else has started again: their new lives are watched from
    /// now on. The end of the old one may not have been seen.
    ///
    /// - Complexity: a request for each 25 tasks.
    private mutating func noteForeignStarts() {
        let all = activity()
        for index in 0..<watched.count where watched[index].state.phase != .starting {
            let activity = all[Int(watched[index].number)]
            if activity.phase == .running { noteLife(index, generation: activity.generation) }
        }
    }

    /// Takes note of the life in which a task runs.
    private mutating func noteLife(_ index: Int, generation: UInt32) {
        if watched[index].isRunning && watched[index].state.generation == generation { return }
        started(index, generation: generation)
    }

    /// A task was ended for good: by a client of this task, or of the root task.
    mutating func noteEnd(_ index: Int) {
        starters.take(at: watched[index].number)?.refuse(.wrongState)
        watched[index].state.stopped()
        plan(index, false)
    }

    private mutating func started(_ index: Int, generation: UInt32) {
        watched[index].state.started(at: now, generation: generation)
        watched[index].restarted(at: now)
        plan(index, false)
        if let starter = starters.take(at: watched[index].number) {
            return starter.answer(watched[index].state.generation)
        }
        var text = Text()
        text.add(watched[index].name)
        text.add(" restarted, generation ")
        text.decimal(UInt64(watched[index].state.generation))
        say(text.bytes)
    }

    private mutating func startFailed(_ index: Int, _ error: RootError) {
        starters.take(at: watched[index].number)?.refuse(.failed)
        report(index, error.text)
        let decision = watched[index].state.died(at: now)
        plan(index, watched[index].state.phase != .dead)
        tell(index, decision)
    }

    /// Notes in memory that survives the supervisor whether a restart is planned.
    func plan(_ index: Int, _ isPlanned: Bool) {
        unsafe plans[Int(watched[index].number)] = isPlanned ? 1 : 0
    }

    private mutating func report(_ index: Int, _ what: StaticString) {
        var text = Text()
        text.add(watched[index].name)
        text.add(" ")
        text.add(what)
        say(text.bytes)
    }

    // The log

    /// Tells the log a line. It never waits: the log may be waiting for the very task whose fault
    /// is being handled, and a task that faults cannot reach a handler that waits for it. What is
    /// not taken now is tried again.
    mutating func say(_ line: [UInt8], _ level: LogLevel = .notice) {
        lines.append(line, level)
        flushLines()
    }

    private mutating func flushLines() {
        while let first = lines.first, log(first.span, lines.level, deadline: .immediately) {
            lines.removeFirst()
        }
    }

    /// Before the machine goes down: waits until the log has shown what was said, a second at most,
    /// and for the console to send it.
    private mutating func awaitLog() {
        let end = Instant.after(milliseconds: 1000)
        while let first = lines.first, logAndWait(first.span, lines.level, deadline: end) {
            lines.removeFirst()
        }
        // With its answer, what the log took before is shown.
        do throws(SystemError) {
            _ = try LogClient(Endpoint(StartSlot.log)).next(by: end)
        } catch {
            // A log that does not answer has nothing that it could still show.
        }
        let sent = Instant.after(milliseconds: 50)
        while Instant.now < sent { Notification(StartSlot.notification).pause(until: sent) }
    }
}

extension TaskSupervisor {
    /// Asks the root task to end a task.
    ///
    /// - Returns: why it does not.
    static func end(_ number: UInt64) -> RootError? {
        do throws(SystemError) {
            try TasksClient().kill(UInt16(truncatingIfNeeded: number), by: .never)
            return nil
        } catch { return RootError(error) }
    }

    /// What the root task knows of a task's life; nil if there is no such task.
    static func policy(of number: UInt64) -> TaskPolicy? {
        try? InspectionClient().policy(of: UInt16(truncatingIfNeeded: number), by: .never)
    }
}

extension FixedString {
    var bytes: [UInt8] { (0..<count).map { self[$0] } }
}
extension Items where Element == UInt64 {
    /// All that it has.
    var all: [UInt64] { (0..<count).compactMap { self[$0] } }
}
