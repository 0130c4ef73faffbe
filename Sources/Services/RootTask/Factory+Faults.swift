// The faults that come to the root task: the supervisor's, and everybody's while there is no
// supervisor. It does with both what their restart policies say.

import Interfaces
import KernelABI
import Protocols
import ServiceCores
import UserRuntime

extension Factory {
    /// A task that faulted, and whose fault came here. The answer is for its thread, if that is
    /// still there.
    ///
    /// A fault that was on its way when the supervisor came back is the supervisor's: the thread
    /// faults again, to it.
    mutating func faulted(_ fault: Received) -> FaultReply {
        let stackPointer = fault[Fault.stackPointer]
        guard let number = try? index(of: UInt16(truncatingIfNeeded: fault.badge)),
            tasks[number].phase == .running
        else { return .stop }
        if !isWatching && tasks[number].service != Name("supervisor") { return .retry }
        let thread = faultedThread(
            of: number, programCounter: fault[Fault.programCounter], stackPointer: stackPointer)
        var report: FaultLines
        if let thread, let place = try? stop(number, thread) {
            let cause = cause(
                number, thread, place, fault[Fault.kind], address: fault[Fault.address],
                syndrome: fault[Fault.syndrome], stackPointer: stackPointer)
            report = FaultLines(tasks[number].name, faulted: cause.words, saying: cause.saying)
            report.add(thread: name(of: thread, in: number))
        } else {
            // A thread that the task made itself, or took from its place: its fault is the task's.
            let kind = Text(FaultKind(word: fault[Fault.kind]).text).bytes
            report = FaultLines(tasks[number].name, faulted: kind, saying: [])
        }
        report.add(
            programCounter: fault[Fault.programCounter], linkRegister: fault[Fault.linkRegister])
        report.add(
            stackPointer: fault[Fault.stackPointer], framePointer: fault[Fault.framePointer],
            syndrome: fault[Fault.syndrome])
        report.add(
            stack: fault[Fault.programCounter],
            returnAddresses(number, frame: fault[Fault.framePointer]))
        end(number, report)
        return .stop
    }

    private func show(_ report: FaultLines) {
        for line in report.lines { console.line { $0.add(line) } }
    }

    /// Ends a task that no supervisor watches, and does what its policy says: before a word is
    /// said, so that its callers wait no longer. The supervisor itself comes back at once, since
    /// meanwhile nobody ends a task that hangs.
    private mutating func end(_ number: Int, _ report: FaultLines) {
        do throws(FactoryFailure) { try kill(number) } catch {
            self.report(tasks[number].name, error)
        }
        show(report)
        let decision = died(number)
        if tasks[number].service == Name("supervisor") {
            if case .restart = decision { beginPlanned(number) } else { watch(true) }
        }
        if case .restart = decision { return }
        var last = Text()
        last.add(tasks[number].name)
        last.add(" ")
        last.add(decision.text)
        say(last.bytes)
        if decision != .reboot { return }
        do throws(FactoryFailure) { try end(by: .reboot) } catch {
            self.report(tasks[number].name, error)
        }
    }

    /// Takes the faults of all tasks, or leaves them to the supervisor.
    mutating func watch(_ isWatching: Bool) {
        guard self.isWatching != isWatching, let supervisor = provider(of: Name("supervisor"))
        else { return }
        self.isWatching = isWatching
        if isWatching { takeUpPlans(supervisor) } else { handOver(supervisor) }
        for number in 0..<tasks.count where number != supervisor && tasks[number].hasFaultHandler {
            do throws(FactoryFailure) {
                // With it go the copies of it, wherever the task has them.
                try? CapabilityTable.own.delete(slots.task(number).faultHandler)
                tasks[number].hasFaultHandler = false
                try makeFaultHandler(number, supervisor)
                if tasks[number].phase != .running { continue }
                try giveFaultHandler(number)
                // Its fault went to a supervisor that is no more, or to nobody: one that comes
                // from here on is a message.
                if isWatching && isFaulted(number) {
                    end(number, FaultLines(unseen: tasks[number].name))
                }
            } catch { report(tasks[number].name, error) }
        }
    }

    /// One line for the log, which thereby makes the shell show its own line anew; for the console
    /// where the log does not take it. One only: the log may need this task's answer before it
    /// takes a second.
    func say(_ line: [UInt8]) {
        if let provider = provider(of: Name("log")) {
            if log(line.span, to: Endpoint(slots.task(provider).endpoint)) { return }
        }
        console.line { $0.add(line) }
    }
}
