// Who is answered while a task is being loaded.
//
// Loading takes long: whoever calls meanwhile lends this task its priority, and would wait for all
// of it, and so would everybody less urgent. So between two pages those who wait are answered:
// nobody waits for more than a page. Only a request that loads a task itself must wait, and its
// caller's priority then counts for the rest. A restart that is more urgent than what is being
// loaded does not wait: it is loaded between two of its pages.

import KernelABI
import Protocols
import ServiceCores
import UserRuntime

/// The callers that this task holds at a time.
struct Desk {
    /// A request that is put off until the present one is done.
    struct PutOff {
        let request: Received
        let words: [UInt64]
        /// Holds its caller.
        let reply: Reply
    }
    /// The caller whose request is performed.
    var current = Reply(.none)
    var waiting: [PutOff] = []
    /// Reply objects that hold nobody.
    private var free: [Reply] = []
    /// Callers at a time: more than there are tasks that may have others loaded.
    static let places = 6

    init() {}
    init(_ replies: [Reply]) {
        free = replies
        if let first = free.popLast() { current = first }
    }

    /// Whether requests are taken already.
    var isOpen: Bool { current.slot != .none }

    /// For a caller that is answered at once; there is always one.
    var spare: Reply? { free.last }

    /// Keeps the caller that `spare` holds, and its request, for later; false where all places
    /// are taken.
    mutating func putOff(_ request: Received, _ message: inout LongMessage) -> Bool {
        guard free.count > 1, let reply = free.popLast() else { return false }
        var words: [UInt64] = []
        for index in 0..<message.length { words.append(message[index]) }
        waiting.append(PutOff(request: request, words: words, reply: reply))
        return true
    }

    /// The request that was put off first is the present one now; `message` gets its words.
    mutating func takeUp(_ message: inout LongMessage) -> Received? {
        if waiting.isEmpty { return nil }
        let next = waiting.removeFirst()
        free.append(current)
        current = next.reply
        message.set(RegisterMessage())
        for index in 0..<next.words.count { message[index] = next.words[index] }
        return next.request
    }
}

extension Factory {
    mutating func openDesk() throws(FactoryFailure) {
        var replies: [Reply] = []
        try memory.make(.reply, at: slots.reply)
        replies.append(Reply(slots.reply))
        while replies.count < Desk.places {
            guard let slot = slots.own() else { throw FactoryFailure(.exhausted) }
            try memory.make(.reply, at: slot)
            replies.append(Reply(slot))
        }
        desk = Desk(replies)
    }

    /// Between two pages of task `number`: answers who waits, and starts what is more urgent.
    mutating func pause(_ number: Int) {
        answerWaiting()
        while stack.remainingBytes > Factory.stackOfLoad, let other = nextStart,
            tasks[other].description.priority > tasks[number].description.priority
        { startBegun(other) }
    }

    /// Bytes of this task's stack that a load within another one must find; one that does not find
    /// them waits. It takes less than 5 KiB, and all that is done in its pauses less than 27 KiB.
    private static var stackOfLoad: UInt { 65_536 }

    /// Answers who waits. A request that loads a task is put off.
    private mutating func answerWaiting() {
        var message = LongMessage()
        while let spare = desk.spare {
            let own = Endpoint(own)
            guard
                let request = try? own.receive(
                    into: &message, reply: spare, deadline: .immediately)
            else { return }
            switch request.delivery {
            case .message where !loads(request): answer(request, &message, spare)
            case .message:
                if !desk.putOff(request, &message) {
                    try? spare.reply(FactoryFailure(.exhausted).message)
                }
            case .fault: try? spare.reply(RegisterMessage(faulted(request).rawValue))
            case .notification, .oneWay: break
            }
        }
    }

    /// Whether a request has a task loaded. One that is to be refused does not.
    private func loads(_ request: Received) -> Bool {
        let code = UInt8(truncatingIfNeeded: request[0])
        guard let operation = FactoryOperation(rawValue: code),
            let caller = try? task(request.client.task)
        else { return false }
        switch operation {
        case .spawn, .spawnDriver, .restart: return mayAsk(caller, for: operation, request)
        default: return false
        }
    }
}
