// The server's side of typed services: answers now and later, and the main loop of a task.

import KernelABI
import Protocols

/// Reads a request. Generated code uses it.
public struct ArgumentReader {
    private var reader: MessageReader
    @inline(__always) public init(_ request: Received) { reader = MessageReader(request) }
    @inline(__always) public var method: UInt64 { reader.first }
    @inline(__always) public var isAtEnd: Bool { reader.isAtEnd }
    /// The reason why an argument could not be taken.
    @inline(__always) public var refusal: Refusal {
        reader.isForbidden ? .notPermitted : .wrongArguments
    }
    @inline(__always) public mutating func take<Value: MessageValue>(
        _ type: Value.Type
    ) -> Value? {
        reader.take(type)
    }
}

/// A caller that waits for a later answer. It gets exactly one: this value cannot be copied, and
/// `answer` and `refuse` consume it. If it is discarded, it answers `Refusal.dropped`.
///
/// Only the server's thread may answer, so it is not `Sendable`.
@frozen public struct Caller<Result: MessageValue, E: ServiceError>: ~Copyable {
    private let reply: Reply

    init(_ reply: Reply) { self.reply = reply }
    /// The client that called.
    public var client: ClientBadge { CallerPool.client(CallerPool.index(of: reply)) }
    deinit { CallerPool.release(reply, RegisterMessage(Refusal.dropped.rawValue)) }

    public consuming func answer(_ result: Result) {
        var writer = MessageWriter(0)
        writer.put(result)
        CallerPool.release(reply, writer)
        discard self
    }
    public consuming func refuse(_ error: E) {
        CallerPool.release(reply, RegisterMessage(Outcome.error(error)))
        discard self
    }
    /// Refuses by `Refusal.busy`, as the server's loop does: the places that are left are kept for
    /// callers of another kind.
    public consuming func refuseAsBusy() {
        CallerPool.release(reply, RegisterMessage(Refusal.busy.rawValue))
        discard self
    }
    /// Gives up the duty to answer: `Waiting` has it then.
    consuming func setAside() -> Reply {
        let reply = reply
        discard self
        return reply
    }
    /// A number below 63 that no other caller has which the server holds.
    public var place: Int { CallerPool.index(of: reply) }
    /// Whether the caller has died or given up.
    public var hasGone: Bool { CallerPool.hasGone(reply) }
}
@available(*, unavailable) extension Caller: Sendable {}
extension Caller where Result == Nothing {
    public consuming func answer() { answer(Nothing()) }
}
extension Caller {
    /// Answers with a copy of a capability; the server keeps its own. A slot that is empty refuses
    /// the caller by `Refusal.dropped`.
    public consuming func give<Handle>(_ handle: Handle) where Result == Given<Handle> {
        CallerPool.release(reply, RegisterMessage(Outcome.success), Attachment(handle.slot))
        discard self
    }
}

extension Server {
    /// Answers the present caller. Generated code uses it.
    @inline(__always) public mutating func finish<Result: MessageValue>(_ result: Result) {
        var writer = MessageWriter(Outcome.success)
        writer.put(result)
        reply(writer)
    }
    @inline(__always) public mutating func finish() { reply(RegisterMessage(Outcome.success)) }
    public mutating func fail<E: ServiceError>(_ error: E) {
        reply(RegisterMessage(Outcome.error(error)))
    }
    /// Keeps the present caller for a later answer. Returns nil if there is no place, or if the
    /// caller has gone.
    public mutating func hold<Result: MessageValue, E: ServiceError>(
        _ result: Result.Type, _ error: E.Type
    ) -> Caller<Result, E>? {
        hold().map { Caller($0) }
    }
    /// What the present caller lent; nil if that is no number of elements.
    public func lent<Element: FixedWidthInteger & MessageValue>(
        _ type: LentForReading<Element>.Type, with request: Received
    ) -> LentForReading<Element>? {
        LentForReading(caller, request.loanLength)
    }
    public func lent<Element: FixedWidthInteger & MessageValue>(
        _ type: LentForWriting<Element>.Type, with request: Received
    ) -> LentForWriting<Element>? {
        LentForWriting(caller, request.loanLength)
    }
    /// The capability that came with a request; nil if none came, or one of another kind.
    public func handedOver<Handle: CapabilityHandle>(
        _ type: HandedOver<Handle>.Type, with request: Received
    ) -> HandedOver<Handle>? {
        guard request.capabilityCount == 1,
            let there = try? CapabilityTable.own.describe(arrival), there.kind == Handle.kind
        else { return nil }
        return HandedOver(arrival)
    }
    public mutating func refuse(_ refusal: Refusal) { reply(RegisterMessage(refusal.rawValue)) }
}

/// A task that provides a typed service.
public protocol ServiceTask: ~Copyable {
    /// Runs a request's method and answers it, by the `perform` of its interface.
    mutating func perform(_ request: Received, _ loop: inout Server)
    /// Handles bits of the task's notification, such as its interrupt's.
    mutating func notice(_ bits: UInt64)
    /// Discards the callers that have gone, and what ended clients have registered. Empty for a
    /// task that keeps neither; one that keeps callers and forgets none soon has no place left.
    mutating func forgetCallers()
}

extension ServiceTask where Self: ~Copyable {
    /// A task without interrupts has nothing to do here.
    public mutating func notice(_ bits: UInt64) {}
}

/// Runs a task's main loop.
public func serve<Task: ServiceTask & ~Copyable>(
    _ task: consuming Task, _ loop: consuming Server
) -> Never {
    while true {
        let received = loop.next()
        switch received.delivery {
        case .message, .oneWay: task.perform(received, &loop)
        case .notification:
            if loop.haveClientsGone { task.forgetCallers() }
            if received.badge != 0 { task.notice(received.badge) }
        case .fault: break
        }
    }
}
