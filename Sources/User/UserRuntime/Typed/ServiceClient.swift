// The client's side of typed services: requests, answers and errors.

import KernelABI

/// The reason why a typed call has no result.
public enum SystemError: Error, Equatable, Sendable {
    /// The call did not arrive or was given up: the deadline passed, or the server died.
    case kernel(KernelError)
    /// The raw value of the service's own error. `of` returns the error.
    case service(UInt16)
    /// The server did not perform the request.
    case refused(Refusal)
    /// The answer does not fit the interface: the server is broken.
    case wrongAnswer
    /// The service has never started.
    case noService
    /// The task's manifest entry does not list the service under `opens`.
    case notOpened

    /// For people; of a service's own error, only that there is one.
    public var text: StaticString {
        switch self {
        case .kernel(.timedOut): "the service does not answer in time"
        case .kernel(.peerDied): "the service has ended"
        case .kernel: "the service cannot be reached"
        case .service: "the service refuses"
        case .refused(let refusal): refusal.text
        case .wrongAnswer: "the service's answer does not fit its interface"
        case .noService: "there is no such service"
        case .notOpened: "the task's manifest entry does not open the service"
        }
    }
    /// Returns the service's own error, or nil if the failure is another one.
    public func of<E: ServiceError>(_ type: E.Type) -> E? {
        if case .service(let value) = self { return E(rawValue: value) }
        return nil
    }
}

/// The reason why a server did not run a method: word 0 of the answer. Values from `Outcome.error`
/// on are the service's own errors.
public enum Refusal: UInt64, Sendable {
    /// The server discarded the request without an answer, or is no typed service.
    case dropped = 1
    case unknownMethod
    /// Too few or too many words, or a word that is no value of its type.
    case wrongArguments
    /// The server has no place for another caller that waits.
    case busy
    /// The client was built from another version of the interface, or for another service.
    case otherVersion
    /// The client's manifest entry does not give it the method.
    case notPermitted

    /// For people.
    public var text: StaticString {
        switch self {
        case .dropped: "the service discarded the request"
        case .unknownMethod: "the service has no such method"
        case .wrongArguments: "the service does not take these arguments"
        case .busy: "too many callers wait for the service"
        case .otherVersion: "the service has another version: build both from the same sources"
        case .notPermitted: "this task may not ask the service for that"
        }
    }
}

/// Word 0 of an answer: 0, a `Refusal`, or the service's own error.
enum Outcome {
    static var success: UInt64 { 0 }
    static func error(_ error: some ServiceError) -> UInt64 { firstError | UInt64(error.rawValue) }
    private static var firstError: UInt64 { 0x1_0000 }

    /// - Precondition: the outcome is no success.
    static func failure(_ outcome: UInt64) -> SystemError {
        if let refusal = Refusal(rawValue: outcome) { return .refused(refusal) }
        guard let value = UInt16(exactly: outcome ^ firstError) else { return .wrongAnswer }
        return .service(value)
    }
}

/// A client of a typed service.
public protocol ServiceClient {
    /// The service's name in the manifest.
    static var service: StaticString { get }
    static var interface: InterfaceHash { get }
    var endpoint: Endpoint { get }
    init(_ endpoint: Endpoint)
}
extension ServiceClient {
    /// Creates a client after the server has told the hash of its interface.
    ///
    /// - Throws: `refused(.otherVersion)` if it is another one, or if the server answers otherwise
    ///   than a typed service; `kernel` if there is no answer.
    public init(checking endpoint: Endpoint, by deadline: Instant = .patience) throws(SystemError) {
        self.init(endpoint)
        let hash: UInt64
        do throws(SystemError) {
            hash = try RequestWriter(method: 0).call(endpoint, by: deadline).take(UInt64.self)
        } catch {
            if case .kernel = error { throw error }
            throw .refused(.otherVersion)
        }
        if hash != Self.interface.raw { throw .refused(.otherVersion) }
    }
}

extension Instant {
    /// The deadline of a call that names none: one second from now.
    public static var patience: Instant { .after(milliseconds: 1000) }
}

/// Builds and sends a request. Generated code uses it.
public struct RequestWriter {
    private var writer: MessageWriter

    @inline(__always) public init(method: UInt64) { writer = MessageWriter(method) }
    @inline(__always) public mutating func put<Value: MessageValue>(_ value: Value) {
        writer.put(value)
    }

    /// The same words as `Bytes`.
    mutating func put(_ bytes: Span<UInt8>) { writer.put(bytes) }

    @inline(__always) public func call(
        _ endpoint: Endpoint, by deadline: Instant
    ) throws(SystemError) -> Answer {
        do throws(KernelError) {
            return Answer(try endpoint.call(writer, deadline: deadline))
        } catch { throw .kernel(error) }
    }
    /// With memory that is lent for the call.
    @inline(__always) public func call(
        _ endpoint: Endpoint, _ loan: Loan, by deadline: Instant
    ) throws(SystemError) -> Answer {
        try call(endpoint, loan.attachment, by: deadline)
    }
    /// With a capability that is handed over.
    @inline(__always) public func call(
        _ endpoint: Endpoint, _ handle: some CapabilityHandle, by deadline: Instant
    ) throws(SystemError) -> Answer {
        try call(endpoint, Attachment(handle.slot), by: deadline)
    }
    /// With an empty slot for the capability that the answer brings.
    @inline(__always) public func call(
        _ endpoint: Endpoint, receiving slot: Slot, by deadline: Instant
    ) throws(SystemError) -> Answer {
        do throws(KernelError) {
            return Answer(try endpoint.call(writer, receiving: slot, deadline: deadline))
        } catch { throw .kernel(error) }
    }
    @inline(__always) private func call(
        _ endpoint: Endpoint, _ attachment: Attachment, by deadline: Instant
    ) throws(SystemError) -> Answer {
        do throws(KernelError) {
            return Answer(try endpoint.call(writer, attachment, deadline: deadline))
        } catch { throw .kernel(error) }
    }
    @inline(__always) public func send(
        to endpoint: Endpoint, by deadline: Instant
    ) throws(SystemError) {
        do throws(KernelError) { try endpoint.send(writer, deadline: deadline) } catch {
            throw .kernel(error)
        }
    }
}

/// A server's answer. Generated code uses it.
public struct Answer {
    private var reader: MessageReader
    @inline(__always) init(_ received: Received) { reader = MessageReader(received) }

    /// Returns the result.
    @inline(__always) public consuming func take<Value: MessageValue>(
        _ type: Value.Type
    ) throws(SystemError) -> Value {
        if reader.first != Outcome.success { throw Answer.error(reader.first) }
        guard let value = reader.take(type), reader.isAtEnd else { throw .wrongAnswer }
        return value
    }
    /// Returns the capability that came to `slot`.
    ///
    /// - Postcondition: the slot is empty if it throws.
    public consuming func take<Handle>(
        _ type: Given<Handle>.Type, in slot: Slot
    ) throws(SystemError) -> Handle {
        let count = reader.message.capabilityCount
        do throws(SystemError) {
            _ = try take(type)
            let own = CapabilityTable.own
            guard count == 1, (try? own.describe(slot))?.kind == Handle.kind else {
                throw .wrongAnswer
            }
            return Handle(slot)
        } catch {
            if count > 0 { try? CapabilityTable.own.delete(slot) }
            throw error
        }
    }
    /// Checks the answer of a method without a result.
    @inline(__always) public consuming func end() throws(SystemError) {
        _ = try take(Nothing.self)
    }

    /// Takes the word alone: with the answer itself, every call would write it to memory.
    @inline(never) private static func error(_ outcome: UInt64) -> SystemError {
        Outcome.failure(outcome)
    }
}
