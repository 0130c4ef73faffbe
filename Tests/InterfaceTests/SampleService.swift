// A service of the tests, and its server.

import Interfaces

/// What the tests call.
@Service(version: 3)
protocol Sample {
    /// Adds two numbers.
    @Method(1) func add(_ a: UInt32, to b: UInt32) -> UInt64

    /// Half of an even number.
    @Method(7) func half(of number: UInt64) throws(SampleError) -> UInt64

    /// Forgets what was noted.
    @Method(8) func reset()

    /// Notes a value.
    @Method(9, .oneWay) func note(_ value: Bool)

    /// Answers when the test lets it.
    @Method(10, .answeredLater) func wait(_ number: UInt8) throws(SampleError) -> UInt16

    /// As many words as travel in registers.
    @Method(300) func sum(
        _ a: UInt64, _ b: UInt64, _ c: UInt64, _ d: UInt64, _ e: UInt64, _ f: UInt64, _ g: UInt64
    ) -> UInt64
}

enum SampleError: UInt16, ServiceError {
    case odd = 4
    case replaced = 5
    var text: StaticString { "sample" }
}

struct SampleTask: ~Copyable, SampleServer {
    var noted: [Bool] = []
    var waiting: Caller<UInt16, SampleError>?
    var clients: [UInt64] = []
    var waitedFor: [UInt8] = []

    mutating func add(_ a: UInt32, to b: UInt32, _ client: ClientBadge) -> UInt64 {
        clients.append(client.raw)
        return UInt64(a) + UInt64(b)
    }
    mutating func half(of number: UInt64, _ client: ClientBadge) throws(SampleError) -> UInt64 {
        if number & 1 == 1 { throw .odd }
        return number / 2
    }
    mutating func reset(_ client: ClientBadge) { noted = [] }
    mutating func note(_ value: Bool, _ client: ClientBadge) { noted.append(value) }
    mutating func wait(_ number: UInt8, _ caller: consuming Caller<UInt16, SampleError>) {
        waitedFor.append(number)
        waiting = consume caller
    }
    mutating func sum(
        _ a: UInt64, _ b: UInt64, _ c: UInt64, _ d: UInt64, _ e: UInt64, _ f: UInt64, _ g: UInt64,
        _ client: ClientBadge
    ) -> UInt64 { a &+ b &+ c &+ d &+ e &+ f &+ g }
}
