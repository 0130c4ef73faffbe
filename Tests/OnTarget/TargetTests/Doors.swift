// Endpoints with somebody behind them, and how the threads of a test find them: notes 20 to 22
// hold slots.

import KernelABI
import UserRuntime

/// The endpoint, the reply object and the notification of the running test.
var doorEndpoint: Endpoint { Endpoint(Slot(UInt32(note(20)))) }
var doorReply: Reply { Reply(Slot(UInt32(note(21)))) }
var doorRelease: Notification { Notification(Slot(UInt32(note(22)))) }

extension Checks {
    /// A new endpoint and reply object, which threads find as `doorEndpoint` and `doorReply`; all
    /// other notes are 0.
    mutating func door(line: UInt = #line) throws(Failure) -> (Endpoint, Reply) {
        clearNotes()
        let (endpoint, reply) = (try endpoint(line: line), try reply(line: line))
        setNote(20, UInt64(endpoint.slot.index))
        setNote(21, UInt64(reply.slot.index))
        return (endpoint, reply)
    }
}

/// A server that answers each call with its words plus 1 and the same length; slots in notes 20
/// (endpoint) and 21 (reply).
let echoServer: @convention(c) (UInt64) -> Void = { _ in
    let (endpoint, reply) = (doorEndpoint, doorReply)
    var message = LongMessage()
    guard var received = try? endpoint.receive(into: &message, reply: reply) else { endThread() }
    while true {
        addNote(19)
        setNote(18, received.badge)
        for index in 0..<message.length { message[index] = message[index] &+ 1 }
        guard let next = try? endpoint.replyAndReceive(&message, reply: reply) else { endThread() }
        received = next
    }
}

extension Checks {
    /// An endpoint that an echo server of this priority serves.
    mutating func echo(priority: UInt8, line: UInt = #line) throws(Failure) -> Endpoint {
        let (endpoint, _) = try door(line: line)
        let server = try spawn(priority: priority, echoServer, line: line)
        try succeed(line: line) { () throws(KernelError) in try endpoint.bindServer(server) }
        return endpoint
    }
    /// Call with `length` words and check the answer.
    func exchange(_ endpoint: Endpoint, length: Int, line: UInt = #line) throws(Failure) {
        var message = LongMessage()
        for index in 0..<length { message[index] = UInt64(1000 + index) }
        _ = try succeed(line: line) { () throws(KernelError) in try endpoint.call(&message) }
        try equal(UInt64(message.length), UInt64(length), "length", line: line)
        for index in 0..<length {
            try equal(message[index], UInt64(1001 + index), "word", line: line)
        }
    }
    /// Threads that call `doorEndpoint`; the error that a call ended with goes to the note of the
    /// thread's number.
    mutating func callers(_ count: Int, priority: UInt8, line: UInt = #line) throws(Failure) {
        for index in 0..<count {
            _ = try spawn(
                priority: priority,
                { index in
                    do throws(KernelError) { _ = try doorEndpoint.call(RegisterMessage()) } catch {
                        setNote(Int(index), UInt64(error.rawValue))
                    }
                    endThread()
                }, UInt64(index), line: line)
        }
    }
}
