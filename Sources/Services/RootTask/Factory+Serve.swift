// Boot and service: the tasks of the manifest in their order, then requests for ever.

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
        if desk.isOpen { say(text.bytes) } else { console.line { $0.add(text.bytes) } }
    }

    private static func describe(_ failure: FactoryFailure, _ text: inout Text) {
        text.add(failure.cause.text)
        guard let shortage = failure.shortage else {
            guard let kernel = failure.kernel else { return }
            text.add(", kernel error ")
            return text.decimal(UInt64(kernel.rawValue))
        }
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

    /// Answers requests and faults; between them it starts what it was asked to `begin`.
    mutating func serve() {
        do throws(FactoryFailure) {
            try openDesk()
            try inherit()
        } catch { return report(Name("root"), error) }
        var message = LongMessage()
        while true {
            if let received = nextRequest(&message) {
                switch received.delivery {
                case .message: answer(received, &message, desk.current)
                case .fault: try? desk.current.reply(RegisterMessage(faulted(received).rawValue))
                case .notification, .oneWay: break
                }
            } else {
                beginDue()
                if let number = nextStart { startBegun(number) }
            }
        }
    }

    /// From here on this task is as urgent as those that wait for it.
    private func inherit() throws(FactoryFailure) {
        do throws(KernelError) {
            try Endpoint(own).bindServer(Thread(RootSlot.thread))
            try Thread(RootSlot.thread).setPriority(Factory.priority, maximum: 255)
        } catch { throw FactoryFailure(.kernel, error) }
    }

    /// Takes the next request: the one that was put off, or who waits. Nil where nobody does and
    /// there is something to start.
    private mutating func nextRequest(_ message: inout LongMessage) -> Received? {
        if let next = desk.takeUp(&message) { return next }
        let deadline = nextStart == nil ? nextRestart : .immediately
        do throws(KernelError) {
            return try Endpoint(own).receive(
                into: &message, reply: desk.current, deadline: deadline)
        } catch { return nil }
    }
}
