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

    /// For people; of a service's own error, only that there is one.
    public var text: StaticString {
        switch self {
        case .kernel(.timedOut): "the service does not answer in time"
        case .kernel: "the service cannot be reached"
        case .service: "the service refuses"
        case .refused(let refusal): refusal.text
        case .wrongAnswer: "the service's answer does not fit its interface"
        }
    }
    /// Returns the service's own error, or nil if the failure is another one.
    public func of<E: ServiceError>(_ type: E.Type) -> E? {
        if case .service(let value) = self { return E(rawValue: value) }
        return nil
    }
}

/// The reason why a server did not run a method.
public enum Refusal: UInt64, Sendable {
    case unknownMethod = 0x1_0000
    /// Too few or too many words, or a word that is no value of its type.
    case wrongArguments
    /// The server has no place for another caller that waits.
    case busy
    /// The client was built from another version of the interface.
    case otherVersion
    /// The server discarded the caller without an answer.
    case dropped

    /// For people.
    public var text: StaticString {
        switch self {
        case .unknownMethod: "the service has no such method"
        case .wrongArguments: "the service does not take these arguments"
        case .busy: "too many callers wait for the service"
        case .otherVersion: "the service has another version: build both from the same sources"
        case .dropped: "the service discarded the request"
        }
    }
}

/// A client of a typed service.
public protocol ServiceClient {
    static var interface: InterfaceHash { get }
    var endpoint: Endpoint { get }
    init(_ endpoint: Endpoint)
}
extension ServiceClient {
    /// Creates a client after the server has confirmed its version of the interface.
    ///
    /// - Throws: `refused(.otherVersion)`, and what a call throws.
    public init(checking endpoint: Endpoint, by deadline: Instant = .patience) throws(SystemError) {
        self.init(endpoint)
        var request = RequestWriter(method: 0)
        request.put(Self.interface.raw)
        try request.call(endpoint, by: deadline).end()
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

    @inline(__always) public func call(
        _ endpoint: Endpoint, by deadline: Instant
    ) throws(SystemError) -> Answer {
        do throws(KernelError) {
            return Answer(try endpoint.call(writer.message, deadline: deadline))
        } catch { throw .kernel(error) }
    }
    @inline(__always) public func send(
        to endpoint: Endpoint, by deadline: Instant
    ) throws(SystemError) {
        do throws(KernelError) { try endpoint.send(writer.message, deadline: deadline) } catch {
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
        if reader.first != 0 { throw Answer.error(reader.first) }
        guard let value = reader.take(type), reader.isAtEnd else { throw .wrongAnswer }
        return value
    }
    /// Checks the answer of a method without a result.
    @inline(__always) public consuming func end() throws(SystemError) {
        _ = try take(Nothing.self)
    }

    /// Takes the word alone: with the answer itself, every call would write it to memory.
    @inline(never) private static func error(_ outcome: UInt64) -> SystemError {
        if let refusal = Refusal(rawValue: outcome) { return .refused(refusal) }
        guard let value = UInt16(exactly: outcome) else { return .wrongAnswer }
        return .service(value)
    }
}
