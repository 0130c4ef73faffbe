// Who is answered while a task is being loaded.
//
// Loading takes long: whoever calls meanwhile lends this task its priority, and would wait for all of it, and so would everybody
// less urgent. So between two pages those who wait are answered: nobody waits for more than a page. Only a request that loads a
// task itself must wait, and its caller's priority then counts for the rest; so do the requests behind it.

import KernelABI
import Protocols
import ServiceCores
import UserRuntime

/// Two callers at a time: the one whose request is performed, and one that came meanwhile.
struct Desk {
    /// Who is being answered.
    var current = Reply(.none)
    /// For who comes meanwhile.
    var spare = Reply(.none)
    /// A request that is put off until the present one is done; it is held by `spare`.
    var waiting: Received?
    var isOpen: Bool { current.slot != .none }

    /// The request that was put off is the present one now.
    mutating func takeUp() {
        (current, spare) = (spare, current)
        waiting = nil
    }
}

extension Factory {
    mutating func openDesk() throws(FactoryFailure) {
        guard let spare = slots.own() else { throw FactoryFailure(.exhausted) }
        try memory.make(.reply, at: slots.reply)
        try memory.make(.reply, at: spare)
        desk.current = Reply(slots.reply)
        desk.spare = Reply(spare)
    }

    /// Answers who waits, until there is nobody, or one whose request loads a task as well.
    mutating func answerWaiting() {
        while desk.isOpen && desk.waiting == nil {
            guard let request = try? Endpoint(own).receive(reply: desk.spare, deadline: .immediately) else { return }
            switch request.delivery {
            case .message where !Factory.loads(request):
                if let answer = self.answer(request, desk.spare) { try? desk.spare.reply(answer) }
            case .message, .fault: desk.waiting = request
            case .notification, .oneWay: break
            }
        }
    }

    private static func loads(_ request: Received) -> Bool {
        switch FactoryOperation(rawValue: UInt8(truncatingIfNeeded: request[0])) {
        case .spawn, .spawnDriver, .restart: true
        default: false
        }
    }
}
