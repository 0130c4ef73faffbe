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

    /// Turns bytes round.
    @Method(11) func reversed(_ bytes: Bytes<900>) -> Bytes<900>

    /// Moves a point by all offsets. The names are those of generated code, or were once.
    @Method(12) func moved(
        _ request: Point, deadline: Items<Point, 4>, arguments: Side, loop: Int8, server: Sides,
        client: FixedString<12>, caller: Bool, held: UInt8
    ) -> Point

    /// Answers later with bytes.
    @Method(13, .answeredLater) func bytes(_ endpoint: UInt8, loop: UInt8) -> Bytes<100>

    /// Adds four lent numbers from one of them on.
    @Method(14) func total(
        of numbers: borrowing LentForReading<UInt16>, from index: UInt8
    ) throws(SampleError) -> UInt64

    /// Writes a number into lent memory as often as there is room.
    @Method(15) func fill(with value: UInt32, _ numbers: borrowing LentForWriting<UInt32>) -> UInt64

    /// Uses something that has a number, and something beside it.
    @Method(27) func use(_ thing: Thing, with value: UInt8) -> UInt8

    /// Uses what a structure names.
    @Method(26) func useBoth(_ things: Things)

    /// Adds one. Not for each client.
    @Method(28, .restricted) func next(after number: UInt8) -> UInt8

    /// The root task's.
    @Method(29, .restricted, .oneWay) func restrictedNote(_ value: Bool)

    /// The root task's.
    @Method(30, .rootOnly) func end()

    /// Keeps a notification.
    @Method(16) func keep(_ bell: consuming HandedOver<Notification>, bits: UInt64)
        throws(SampleError)

    /// Gives a notification of the server's.
    @Method(17, .answeredLater) func bell(_ number: UInt8) throws(SampleError)
        -> Given<Notification>

    /// The time a microsecond later.
    @Method(18) func later(than reading: UTCReading) -> UTCReading

    /// A light of that name.
    @Method(21) func light(_ name: FixedString<32>) -> Light

    /// As many words as travel in registers.
    @Method(32) func sum(
        _ a: UInt64, _ b: UInt64, _ c: UInt64, _ d: UInt64, _ e: UInt64, _ f: UInt64, _ g: UInt64
    ) -> UInt64
}

/// Two fields, one of them signed.
@Message struct Point: Equatable {
    var x: Int32
    var y: UInt16
    static let zero = Point(x: 0, y: 0)
    var isZero: Bool { self == .zero }
}
@Message enum Side: UInt8 {
    case left = 3
    case right
}
struct Thing: Resource { let number: UInt8 }
@Message struct Things {
    var first: Thing
    var second: Thing
}
@Message enum Slope: Int8 {
    case down = -1
    case up = 1
}
struct Sides: MessageBits {
    let raw: UInt64
    static var all: Sides { Sides(raw: 0b101) }
}

@Message enum SampleError: UInt16, ServiceError {
    case none = 0
    case odd = 4
    case replaced = 5
    case last = 0xffff
    var text: StaticString { "sample" }
}

struct SampleTask: ~Copyable, SampleServer {
    var noted: [Bool] = []
    var waiting: Caller<UInt16, SampleError>?
    var clients: [UInt64] = []
    var hasEnded = false
    var waitedFor: [UInt8] = []
    var waitingForBytes: Caller<Bytes<100>, NoError>?
    var text: [UInt8] = []
    /// `wait` puts its callers here, by their numbers.
    var ordersCallers = false
    var alarms = Waiting<UInt16, SampleError>()

    mutating func total(
        of numbers: borrowing LentForReading<UInt16>, from index: UInt8, _ client: ClientBadge
    ) throws(SampleError) -> UInt64 {
        var part: InlineArray<4, UInt16> = [0, 0, 0, 0]
        var span = part.mutableSpan
        do throws(KernelError) { try numbers.read(into: &span, at: Int(index)) } catch {
            throw error == .invalidArgument ? .odd : .last
        }
        return (0..<4).reduce(0) { $0 + UInt64(part[$1]) }
    }
    mutating func fill(
        with value: UInt32, _ numbers: borrowing LentForWriting<UInt32>, _ client: ClientBadge
    ) -> UInt64 {
        let one: InlineArray<1, UInt32> = [value]
        for index in 0..<numbers.count {
            // The count is the client's claim.
            do throws(KernelError) { try numbers.write(one.span, at: index) } catch { break }
        }
        for index in [-1, numbers.count, .max] {
            if (try? numbers.write(one.span, at: index)) != nil { return .max }
        }
        return UInt64(numbers.count)
    }
    mutating func keep(
        _ bell: consuming HandedOver<Notification>, bits: UInt64, _ client: ClientBadge
    ) throws(SampleError) {
        if bits == 0 { throw .none }
        do throws(KernelError) { _ = try bell.keep(in: Slot(91)) } catch { throw .last }
    }
    mutating func later(than reading: UTCReading, _ client: ClientBadge) -> UTCReading {
        var later = reading
        later.microseconds += 1
        return later
    }
    mutating func bell(
        _ number: UInt8, _ caller: consuming Caller<Given<Notification>, SampleError>
    ) {
        if number == 0 { return caller.refuse(.none) }
        caller.give(Notification(Slot(UInt32(number))))
    }
    mutating func reversed(_ bytes: Bytes<900>, _ client: ClientBadge) -> Bytes<900> {
        var result = Bytes<900>()
        for index in 0..<bytes.count { result.append(bytes.span[bytes.count - 1 - index]) }
        return result
    }
    mutating func moved(
        _ request: Point, deadline: Items<Point, 4>, arguments: Side, loop: Int8, server: Sides,
        client: FixedString<12>, caller: Bool, held: UInt8, _ badge: ClientBadge
    ) -> Point {
        text = (0..<client.count).map { client.span[$0] }
        var point = request
        for index in 0..<deadline.count {
            point.x += deadline[index]!.x * (arguments == .left ? -1 : 1)
            point.y += deadline[index]!.y * (caller ? UInt16(held) : 1)
        }
        point.x += Int32(loop)
        return server.contains(Sides(raw: 4)) ? point : .zero
    }
    mutating func bytes(
        _ endpoint: UInt8, loop: UInt8, _ held: consuming Caller<Bytes<100>, NoError>
    ) { waitingForBytes = consume held }

    mutating func light(_ name: FixedString<32>, _ client: ClientBadge) -> Light {
        Light(name: name, pin: 2, isActiveLow: true, holder: .firmware, driver: 0, bank: name)
    }
    mutating func add(_ a: UInt32, to b: UInt32, _ client: ClientBadge) -> UInt64 {
        clients.append(client.raw)
        return UInt64(a) + UInt64(b)
    }
    mutating func half(of number: UInt64, _ client: ClientBadge) throws(SampleError) -> UInt64 {
        if number == 1 { throw .none }
        if number == 5 { throw .last }
        if number & 1 == 1 { throw .odd }
        return number / 2
    }
    mutating func reset(_ client: ClientBadge) { noted = [] }
    mutating func note(_ value: Bool, _ client: ClientBadge) { noted.append(value) }
    mutating func wait(_ number: UInt8, _ caller: consuming Caller<UInt16, SampleError>) {
        waitedFor.append(number)
        if ordersCallers { return alarms.insert(caller, at: UInt64(number)) }
        waiting = consume caller
    }
    mutating func use(_ thing: Thing, with value: UInt8, _ client: ClientBadge) -> UInt8 {
        thing.number &+ value
    }
    mutating func useBoth(_ things: Things, _ client: ClientBadge) {}
    mutating func next(after number: UInt8, _ client: ClientBadge) -> UInt8 { number &+ 1 }
    mutating func restrictedNote(_ value: Bool, _ client: ClientBadge) { noted.append(value) }
    mutating func end(_ client: ClientBadge) { hasEnded = true }
    mutating func sum(
        _ a: UInt64, _ b: UInt64, _ c: UInt64, _ d: UInt64, _ e: UInt64, _ f: UInt64, _ g: UInt64,
        _ client: ClientBadge
    ) -> UInt64 { a &+ b &+ c &+ d &+ e &+ f &+ g }
}
