// Who may ask the factory for what. The badge of a request is the number of the task that asks: the
// root task put it into the capability, and the manifest entry of that task says what it may.

import KernelABI
import Protocols
import ServiceCores
import UserRuntime

extension Factory {
    /// Throws `notPermitted` where the caller's manifest entry does not list what the operation
    /// needs, and says so once.
    mutating func authorize(
        _ operation: FactoryOperation, _ request: Received
    ) throws(FactoryFailure) {
        let caller = try task(request.client.task)
        if mayAsk(caller, for: operation, request) { return }
        if refusals.isNew(task: request.client.task, operation: UInt64(operation.rawValue)) {
            var text = Text()
            text.add(tasks[caller].name)
            text.add(" may not ")
            text.add(operation.text)
            text.add(": refused")
            say(text.bytes)
        }
        throw FactoryFailure(.notPermitted)
    }

    /// Whether the manifest entry of a task lists what the operation needs.
    func mayAsk(_ caller: Int, for operation: FactoryOperation, _ request: Received) -> Bool {
        // What a task may open it may also ask for itself; `giveService` checks that.
        operation == .service && request[5] == request.client.task
            || tasks[caller].description.privileges.contains(operation.needed)
    }

    /// Says who had a task ended or broken. The supervisor tells its own reasons.
    func note(_ operation: FactoryOperation, _ number: Int, by client: ClientBadge) {
        let caller = Int(client.task) - 1
        if tasks[caller].service == Name("supervisor") { return }
        var text = Text()
        text.add(tasks[number].name)
        text.add(": ")
        text.add(operation.text)
        text.add(" asked for by ")
        text.add(tasks[caller].name)
        // The log takes one line of this task at a time, and that of the supervisor's restart
        // follows at once.
        if tasks[number].service == Name("supervisor") {
            console.line { $0.add(text.bytes) }
        } else {
            say(text.bytes)
        }
    }

    /// Throws `deviceTaken` where another task holds a page or a line of the device, and not both
    /// say that they share it.
    /// - Complexity: O(tasks).
    func checkFree(
        _ device: DeviceShare, for description: TaskDescription, except number: Int?
    ) throws(FactoryFailure) {
        let pages = try pages(of: device)
        for other in 0..<tasks.count where other != number {
            let taken = tasks[other]
            if !(description.sharesPage && taken.description.sharesPage) {
                for theirs in try self.pages(of: taken.device) {
                    for own in pages where own.touches(theirs) {
                        throw FactoryFailure(.deviceTaken)
                    }
                }
            }
            if description.sharesLine && taken.description.sharesLine { continue }
            for theirs in taken.device.lines {
                for own in device.lines where own.line == theirs.line {
                    throw FactoryFailure(.deviceTaken)
                }
            }
        }
    }

    private func pages(of device: DeviceShare) throws(FactoryFailure) -> [RegisterPages] {
        var pages: [RegisterPages] = []
        for range in device.registers {
            guard let some = RegisterPages(base: range.base, size: range.size) else {
                throw FactoryFailure(.noSuchDevice)
            }
            pages.append(some)
        }
        return pages
    }
}
