// What tasks and people ask of the supervisor: signs of life, lost lines, keys, and the end or the
// restart of a task.

import Interfaces
import Protocols
import ServiceCores

extension TaskSupervisor: SupervisorServer {
    /// Linux's code of the power key.
    private static var powerKey: UInt32 { 116 }

    mutating func showLife(_ client: ClientBadge) {
        if let index = index(of: client.task) { watched[index].heartbeat.seen(at: now) }
    }

    mutating func loseLines(_ count: UInt64, opensLog: Bool, _ client: ClientBadge) {
        guard let index = find(client.task), watched[index].lost.isToTell(count) else { return }
        say(LostLines.text(watched[index].name, count, opensLog: opensLog), .warning)
    }

    mutating func press(key: UInt32, _ client: ClientBadge) {
        if key != TaskSupervisor.powerKey { return }
        say(Text("power key: shutting down").bytes)
        end(by: .powerOff(status: 0))
    }

    mutating func crash(task: UInt64, _ client: ClientBadge) throws(SupervisorError) {
        let index = try index(of: task, "crash", for: client)
        do throws(SystemError) { try TasksClient().crash(watched[index].task, by: .never) } catch {
            throw SupervisorError(error.of(RootError.self))
        }
    }

    /// Also a task that is dead and waits for its restart stays ended.
    mutating func kill(task: UInt64, _ client: ClientBadge) throws(SupervisorError) {
        let index = try index(of: task, "kill", for: client)
        let refusal = TaskSupervisor.end(task)
        if case .waiting = watched[index].state.phase {
        } else if let refusal {
            throw SupervisorError(refusal)
        }
        noteEnd(index)
    }

    mutating func restart(task: UInt64, _ caller: consuming Starter) {
        let index: Int
        do throws(SupervisorError) {
            index = try self.index(of: task, "restart", for: caller.client)
        } catch { return caller.refuse(error) }
        if watched[index].state.phase == .starting { return caller.refuse(.wrongState) }
        starters.insert(caller, at: task)
        plan(index, true)
        if watched[index].isRunning { _ = TaskSupervisor.end(task) }
        watched[index].state.stopped()
        begin(index)
    }

    /// Finds the task that a client wants broken or ended, and says who does before it happens.
    private mutating func index(
        of task: UInt64, _ what: StaticString, for client: ClientBadge
    ) throws(SupervisorError) -> Int {
        var text = Text()
        text.add(TaskSupervisor.name(client.task))
        text.add(" asks to ")
        text.add(what)
        text.add(" ")
        text.add(TaskSupervisor.name(task))
        say(text.bytes)
        guard let index = find(task) else { throw .noSuchTask }
        return index
    }

    /// What the manifest calls a task. The root task would look at all of the task for the answer,
    /// for 24,000 instructions at this task's priority.
    private static func name(_ number: UInt64) -> Name {
        let name = Name(TaskNames.name(of: number))
        return name.isEmpty ? Name("nobody") : name
    }
}

extension SupervisorError {
    /// Why the root task refuses.
    fileprivate init(_ error: RootError?) { self = error == .wrongState ? .wrongState : .failed }
}
