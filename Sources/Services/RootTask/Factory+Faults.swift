// The faults that come to the root task: the supervisor's, and everybody's once the supervisor is given up.

import KernelABI
import Protocols
import ServiceCores
import UserRuntime

extension Factory {
    /// A task that faulted, and whose fault nobody else takes.
    mutating func faulted(_ fault: Received) {
        let number = Int(truncatingIfNeeded: fault.badge) - 1
        guard number >= 0, number < tasks.count else { return }
        var report = FaultLines(
            tasks[number].name, faulted: FaultKind(word: fault[Fault.kind]).text, address: fault[Fault.address])
        report.add(programCounter: fault[Fault.programCounter], linkRegister: fault[Fault.linkRegister])
        report.add(
            stackPointer: fault[Fault.stackPointer], framePointer: fault[Fault.framePointer],
            syndrome: fault[Fault.syndrome])
        report.add(
            stack: fault[Fault.programCounter], returnAddresses(number, frame: fault[Fault.framePointer]))
        if tasks[number].service == Name("supervisor") {
            show(report)
            supervisorFaulted(number)
        } else {
            end(number, report)
        }
    }

    private func show(_ report: FaultLines) {
        for line in report.lines { console.line { $0.add(line) } }
    }

    /// Ends a task that no supervisor watches: before a word is said, so that its callers wait no longer.
    private mutating func end(_ number: Int, _ report: FaultLines) {
        do throws(FactoryFailure) { try kill(number) } catch { self.report(tasks[number].name, error) }
        show(report)
        var last = Text()
        last.add(tasks[number].name)
        last.add(" stays dead: there is no supervisor to start it again")
        say(last.bytes)
    }

    /// The supervisor watches all others; this watches the supervisor. It is started again at once and at its own priority,
    /// since meanwhile nobody handles a fault, and what is less urgent must not put that off; it is given up when it dies too
    /// often.
    private mutating func supervisorFaulted(_ number: Int) {
        let name = tasks[number].name
        try? Thread(RootSlot.thread).setPriority(tasks[number].description.priority, maximum: 255)
        let now = (Instant.now - Instant.immediately).milliseconds
        var life = supervisorLife ?? RestartState(policy: tasks[number].description.restart, now: 0)
        let decision = life.died(at: now)
        var isStarted = false
        do throws(FactoryFailure) {
            try kill(number)
            if case .restart = decision {
                try start(number)
                life.started(at: now)
                isStarted = true
            }
        } catch { self.report(name, error) }
        supervisorLife = life
        if !isStarted { watch(true) }
        try? Thread(RootSlot.thread).setPriority(Factory.priority, maximum: 255)
        var last = Text()
        last.add(name)
        if isStarted {
            last.add(" restarted, generation ")
            last.decimal(UInt64(tasks[number].generation))
        } else {
            last.add(" GIVEN UP: it died too often; from now on a task that faults is ended and stays dead")
        }
        say(last.bytes)
    }

    /// Takes the faults of all tasks, or leaves them to the supervisor.
    mutating func watch(_ isWatching: Bool) {
        guard self.isWatching != isWatching, let supervisor = provider(of: Name("supervisor")) else { return }
        self.isWatching = isWatching
        if !isWatching { supervisorLife = nil }
        for number in 0..<tasks.count where number != supervisor && tasks[number].hasFaultHandler {
            let place = slots.task(number)
            do throws(FactoryFailure) {
                try? CapabilityTable.own.delete(place.faultHandler)
                tasks[number].hasFaultHandler = false
                try makeFaultHandler(number, supervisor)
                guard tasks[number].phase == .running, let state = try? Thread(place.thread).information() else {
                    continue
                }
                // Its fault went to a supervisor that is no more.
                if isWatching && state.state == .faulted {
                    end(number, FaultLines(unseen: tasks[number].name))
                } else {
                    try? Thread(place.thread).configure(faultHandler: place.faultHandler)
                }
            } catch { report(tasks[number].name, error) }
        }
    }

    /// One line for the log, which thereby makes the shell show its own line anew; for the console where the log does not take
    /// it. One only: the log may need this task's answer before it takes a second.
    func say(_ line: [UInt8]) {
        if let provider = provider(of: Name("log")) {
            if log(line.span, to: Endpoint(slots.task(provider).endpoint)) { return }
        }
        console.line { $0.add(line) }
    }
}
