// What tasks and people ask of the supervisor: signs of life, lost lines, keys, and the end or the
// restart of a task. Who may ask for what stands in Supervisor+Authority.swift.

import KernelABI
import Protocols
import ServiceCores
import UserRuntime

extension Supervisor {
    mutating func take(_ received: Received) {
        switch received[0] {
        case SupervisorWord.heartbeat:
            if let index = index(of: received.client.task) {
                watched[index].heartbeat.seen(at: now)
            }
        case SupervisorWord.lostLines: noteLostLines(received)
        case SupervisorRequest.key
        where received[1] == SupervisorRequest.powerKey && isPermitted(received):
            say(Text("power key: shutting down").bytes)
            power(0)
        default: break
        }
    }

    mutating func answer(_ request: Received) {
        guard isPermitted(request) else {
            return server.reply(RegisterMessage(FactoryError.notPermitted.rawValue))
        }
        guard let index = find(request[1]) else {
            return server.reply(RegisterMessage(FactoryError.noSuchTask.rawValue))
        }
        switch request[0] {
        case SupervisorRequest.crash:
            server.reply(RegisterMessage(ask(.crash, request[1])))
        case SupervisorRequest.kill: server.reply(RegisterMessage(kill(index)))
        case SupervisorRequest.restart: restart(index)
        case SupervisorRequest.state:
            let isDead = watched[index].state.phase == .dead
            server.reply(RegisterMessage(0, UInt64(watched[index].state.failures), isDead ? 1 : 0))
        default: server.reply(RegisterMessage(FactoryError.badRequest.rawValue))
        }
    }

    /// Frees the places of those that wait no more for a restart.
    mutating func forgetGone() {
        for index in watched.indices {
            if let asker = watched[index].asker, server.hasGone(asker) {
                watched[index].asker = nil
            }
        }
    }

    /// A person wants it ended, also where it is dead and waits for its restart; the status.
    private mutating func kill(_ index: Int) -> UInt64 {
        var status = ask(.kill, watched[index].number)
        if case .waiting = watched[index].state.phase { status = 0 }
        if status == 0 {
            if let asker = watched[index].asker {
                release(index, asker, RegisterMessage(FactoryError.wrongState.rawValue))
            }
            watched[index].state.stopped()
            plan(index, false)
        }
        return status
    }

    /// A person wants it anew; the answer comes when it runs.
    private mutating func restart(_ index: Int) {
        if watched[index].state.phase == .starting {
            return server.reply(RegisterMessage(FactoryError.wrongState.rawValue))
        }
        guard let asker = server.hold() else {
            return server.reply(RegisterMessage(FactoryError.exhausted.rawValue))
        }
        watched[index].asker = asker
        plan(index, true)
        if watched[index].isRunning { _ = ask(.kill, watched[index].number) }
        watched[index].state.stopped()
        begin(index)
    }
}
