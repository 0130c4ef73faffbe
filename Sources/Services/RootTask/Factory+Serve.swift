// Boot and service: the tasks of the manifest in their order, then requests for ever.

import KernelABI
import Protocols
import ServiceCores
import UserRuntime

extension Factory {
    /// The priority at which this task works for itself.
    static var priority: UInt8 { 30 }

    /// Lists all tasks of the manifest, and starts those that start at boot.
    mutating func startAll() {
        let manifest: Manifest
        do throws(ManifestError) {
            manifest = try Manifest.decode(unsafe Span(_unsafeElements: manifestFile))
        } catch {
            console.line { $0.add("the manifest is damaged; nothing is started") }
            return
        }
        for description in manifest.tasks {
            do throws(FactoryFailure) { _ = try list(TaskState(description)) } catch { report(description.name, error) }
        }
        var order = 0
        while order < 256 {
            for number in 0..<tasks.count
            where tasks[number].description.start == .boot && Int(tasks[number].description.order) == order {
                do throws(FactoryFailure) { try start(number) } catch { report(tasks[number].name, error) }
            }
            order += 1
        }
    }

    private func report(_ name: Name, _ failure: FactoryFailure) {
        console.line {
            $0.add(name)
            $0.add(" does not start: ")
            $0.add(failure.cause.text)
            if let kernel = failure.kernel {
                $0.add(", kernel error ")
                $0.decimal(UInt64(kernel.rawValue))
            }
        }
    }

    /// Answers requests, and faults of the supervisor.
    mutating func serve() {
        let endpoint = Endpoint(own)
        let reply = Reply(slots.reply)
        do throws(FactoryFailure) { try memory.make(.reply, at: slots.reply) } catch {
            return report(Name("root"), error)
        }
        try? endpoint.bindServer(Thread(RootSlot.thread))
        try? Thread(RootSlot.thread).setPriority(Factory.priority, maximum: 255)
        var answer: FactoryAnswer?
        while true {
            let received: Received
            do throws(KernelError) {
                if let ready = answer {
                    received = try endpoint.replyAndReceive(ready.message, ready.attachment, reply: reply)
                } else {
                    received = try endpoint.receive(reply: reply)
                }
            } catch {
                answer = nil
                continue
            }
            answer = nil
            switch received.delivery {
            case .message: answer = self.answer(received, reply)
            case .fault: supervisorFaulted(received)
            case .notification, .oneWay: break
            }
        }
    }

    /// The supervisor watches all others; this watches the supervisor. It is started again at once, since meanwhile nobody
    /// handles a fault, and given up when it dies too often.
    private mutating func supervisorFaulted(_ fault: Received) {
        let number = Int(truncatingIfNeeded: fault.badge) - 1
        guard number >= 0, number < tasks.count else { return }
        let name = tasks[number].name
        var report = FaultLines(name, faulted: FaultKind(word: fault[Fault.kind]).text, address: fault[Fault.address])
        report.add(programCounter: fault[Fault.programCounter], linkRegister: fault[Fault.linkRegister])
        report.add(
            stackPointer: fault[Fault.stackPointer], framePointer: fault[Fault.framePointer],
            syndrome: fault[Fault.syndrome])
        report.add(
            stack: fault[Fault.programCounter], returnAddresses(number, frame: fault[Fault.framePointer]))
        for line in report.lines { console.line { $0.add(line) } }
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
        var last = Text()
        last.add(name)
        if isStarted {
            last.add(" restarted, generation ")
            last.decimal(UInt64(tasks[number].generation))
        } else {
            last.add(" GIVEN UP: it died too often; from now on a task that faults stays stopped")
        }
        say(last.bytes)
    }

    /// One line for the log, which thereby makes the shell show its own line anew; for the console where the log does not take
    /// it. One only: the log may need this task's answer before it takes a second.
    private func say(_ line: [UInt8]) {
        if let provider = provider(of: Name("log")) {
            if log(line.span, to: Endpoint(slots.task(provider).endpoint)) { return }
        }
        console.line { $0.add(line) }
    }
}
