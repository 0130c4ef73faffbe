// Boot and service: the tasks of the manifest in their order, then requests for ever.

import Interfaces
import KernelABI
import Protocols
import ServiceCores
import UserRuntime

extension Factory {
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
            do throws(FactoryFailure) { _ = try list(TaskState(description)) } catch {
                report(description.name, error)
            }
        }
        makeShares(manifest.shares)
        var order = 0
        while order < 256 {
            for number in 0..<tasks.count {
                let description = tasks[number].description
                if description.start != .boot || Int(description.order) != order { continue }
                do throws(FactoryFailure) { try start(number) } catch {
                    if error.shortage == nil { report(tasks[number].name, error) }
                }
            }
            order += 1
        }
        endUnattended()
    }

    /// Says why a task does not start: at boot on the kernel's console, then in the log.
    ///
    /// - Parameter what: what does not happen.
    func report(
        _ name: Name, _ failure: FactoryFailure, _ what: StaticString = " does not start: "
    ) {
        var text = Text()
        text.add(name)
        text.add(what)
        Factory.describe(failure, &text)
        if server != nil { say(text.bytes) } else { console.line { $0.add(text.bytes) } }
    }

    private static func describe(_ failure: FactoryFailure, _ text: inout Text) {
        text.add(failure.cause.text)
        guard let shortage = failure.shortage else { return }
        text.add(": it needs ")
        text.decimal(shortage.needed)
        if failure.cause == .arenaTooSmall {
            text.add(" bytes of an arena of ")
            text.decimal(shortage.total)
            text.add(" (arena_bits = ")
            text.decimal(UInt64(shortage.total.trailingZeroBitCount))
            return text.add(")")
        }
        text.add(" bytes in one piece; of the machine's ")
        text.decimal(shortage.total)
        text.add(" bytes ")
        text.decimal(shortage.free)
        text.add(" are free, at most ")
        text.decimal(shortage.largest)
        text.add(" in one piece")
    }

    /// Answers requests and faults, and loads tasks, in turns for ever.
    mutating func serve() {
        do throws(FactoryFailure) {
            try openServer()
            try inherit()
        } catch { return report(Name("root"), error) }
        while true { takeTurn() }
    }

    /// Waits for a request if there is nothing else to do. Otherwise it answers a few requests,
    /// performs a load that a request asked for, and starts a task that was begun. None of the
    /// three waits for more than one turn of the others.
    mutating func takeTurn() {
        let due = nextRestart
        if due <= .now { beginDue() }
        if loads.isEmpty && nextStart == nil {
            if let received = server?.next(by: due) { take(received) }
            return
        }
        answerWaiting()
        _ = performLoad()
        if let number = nextStart { startBegun(number) }
    }

    /// Answers a request or a fault. A caller that is more urgent than this task's own work runs as
    /// soon as it has its answer, and may ask again: the answer goes now, and not with the look for
    /// the next request, which would miss that.
    mutating func take(_ received: Received) {
        switch received.delivery {
        case .message: perform(received)
        case .fault:
            let answer = faulted(received)
            server?.reply(RegisterMessage(answer.rawValue))
        case .notification: if server?.haveClientsGone == true { forgetGone() }
        case .oneWay: break
        }
        server?.sendAnswer()
        if received.delivery == .message { noteRefusal(of: received) }
    }

    /// Discards what the clients that have gone asked for.
    ///
    /// Not inlined, as `perform`.
    @inline(never) private mutating func forgetGone() { loads.forgetGone() }

    /// Tells the log which method of which service a client may not call: once of each.
    ///
    /// Not inlined, as `perform`.
    @inline(never) private mutating func noteRefusal(of request: Received) {
        let (client, method) = (request.client, request[0])
        guard let service = RootService(rawValue: client.resources),
            (1...32).contains(method), !client.mayCall(method),
            let number = try? index(of: UInt16(client.task)),
            refusals.isNew(task: number, service, method)
        else { return }
        var text = Text()
        text.add(tasks[number].name)
        text.add(" may not call method ")
        text.decimal(method)
        text.add(" of ")
        text.add(service.name)
        say(text.bytes)
    }

    /// Runs the method of the service that the client's badge names.
    ///
    /// Not inlined: it takes much of the stack, and loads within loads shall not take it each time.
    @inline(never) private mutating func perform(_ request: Received) {
        // No method takes a further request, so this is the only use of the server.
        guard var loop = server else { return }
        switch RootService(rawValue: request.client.resources) {
        case .tasks: TasksInterface.perform(request, for: &self, &loop)
        case .inspection: InspectionInterface.perform(request, for: &self, &loop)
        case .drivers: DriversInterface.perform(request, for: &self, &loop)
        case .connections: ConnectionsInterface.perform(request, for: &self, &loop)
        case .machine: MachineInterface.perform(request, for: &self, &loop)
        case .shares: SharesInterface.perform(request, for: &self, &loop)
        case nil: loop.refuse(.unknownMethod)
        }
        server = loop
    }

    /// From here on this task is as urgent as those that wait for it.
    private func inherit() throws(FactoryFailure) {
        do throws(KernelError) {
            try Endpoint(own).bindServer(Thread(RootSlot.thread))
            try Thread(RootSlot.thread).setPriority(Factory.priority, maximum: 255)
        } catch { throw FactoryFailure(.kernel(error)) }
    }
}
