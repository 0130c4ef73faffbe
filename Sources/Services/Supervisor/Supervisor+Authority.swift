// Who may ask the supervisor for what. A sign of life is anybody's; keys, and the end of a task,
// need what the manifest lists under `privileges`. The badge of a request is the number of the task
// that asks, which it cannot choose.

import KernelABI
import Protocols
import ServiceCores
import UserRuntime

extension Supervisor {
    /// Whether the sender may ask for that. A refusal is said once for each task and request; who
    /// has a task ended or broken is said each time, before it happens.
    mutating func isPermitted(_ request: Received) -> Bool {
        guard let needed = SupervisorRequest.needed(request[0]) else { return true }
        let isPermitted = privileges(request.client.task).contains(needed)
        let isHarmless =
            request[0] == SupervisorRequest.key || request[0] == SupervisorRequest.state
        if isPermitted && isHarmless { return true }
        if !isPermitted && !refusals.isNew(task: request.client.task, operation: request[0]) {
            return false
        }
        var text = Text()
        text.add(name(request.client.task))
        text.add(isPermitted ? " asks to " : " may not ")
        text.add(SupervisorRequest.text(request[0]))
        if request[0] != SupervisorRequest.key {
            text.add(" ")
            text.add(name(request[1]))
        }
        if !isPermitted { text.add(": refused") }
        say(text.bytes)
        return isPermitted
    }

    /// What the manifest lists for a task; nothing where the root task cannot be asked.
    private func privileges(_ number: UInt64) -> Privileges {
        let request = RegisterMessage(UInt64(FactoryOperation.policy.rawValue), number)
        guard let reply = try? factory.call(request), reply[0] == 0 else { return .none }
        return Privileges(raw: UInt32(truncatingIfNeeded: reply[6]))
    }

    /// What the manifest calls a task. The root task would look at all of the task for the answer,
    /// for 24,000 instructions at this task's priority.
    private func name(_ number: UInt64) -> Name {
        let name = Name(TaskNames.name(of: number))
        return name.isEmpty ? Name("nobody") : name
    }
}
