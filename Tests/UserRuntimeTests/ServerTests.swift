// A server and the callers that it holds, on a model of the kernel: whose place is free when.

import CUserEntry
import KernelABI
import Protocols
import Testing

@testable import UserRuntime

/// A kernel with the server's reply objects. The test says what `receive` brings next.
private final class ModelKernel {
    private let buffer = UnsafeMutablePointer<UInt64>.allocate(capacity: 512)
    /// Whether each reply object holds a caller, and the bits that tell when it goes.
    var callers: [Bool]
    var bells: [UInt64]
    /// The slot of the first.
    private let first: Int
    /// The task that calls.
    var client: UInt64 = 1
    /// What comes next: a call, or bits.
    var arrivals: [UInt64?] = []
    /// Reply objects that were answered.
    var answered: [Int] = []
    var bits: UInt64 = 0

    init(waiting: Int) {
        callers = [Bool](repeating: false, count: waiting + 1)
        bells = [UInt64](repeating: 0, count: waiting + 1)
        first = Int(StartSlot.replies(waiting: waiting).index)
        buffer.initialize(repeating: 0, count: 512)
        swiftlet_model_kernel(
            { context, registers in
                let kernel = Unmanaged<ModelKernel>.fromOpaque(context).takeUnretainedValue()
                kernel.perform(registers)
            }, Unmanaged.passRetained(self).toOpaque(),
            IPCBuffer.threadPointer(UInt64(UInt(bitPattern: buffer))))
    }

    /// The caller of a reply object goes.
    func leave(_ index: Int) {
        callers[index] = false
        bits |= bells[index]
    }

    private func perform(_ x: UnsafeMutablePointer<UInt64>) {
        let control = ControlWord(raw: x[0])
        let place = Int(control.slot.index) - first
        x[0] = 0
        switch control.systemCall {
        case .invoke where control.method == .bindAbandonment:
            bells[place] = x[1] == UInt64(Slot.none.index) ? 0 : x[2]
            x[3] = callers[place] ? 1 : 0
        case .reply: answer(place)
        case .receive: receive(x)
        case .replyAndReceive:
            answer(Int(x[1]) - first)
            receive(x)
        default: break
        }
    }
    private func answer(_ place: Int) {
        if callers[place] { answered.append(place) }
        callers[place] = false
    }
    private func receive(_ x: UnsafeMutablePointer<UInt64>) {
        if bits != 0 {
            x[0] = ResultWord(.notification).raw
            x[1] = bits
            bits = 0
            return
        }
        let place = Int(x[1]) - first
        #expect(!callers[place])
        callers[place] = true
        x[0] = ResultWord(.message, message: 1 << 32).raw
        x[1] = ClientBadge(task: client).raw
        x[3] = arrivals.removeFirst() ?? 0
    }
}

/// A server that has received a call.
private final class Desk {
    let kernel: ModelKernel
    private var server: Server

    init(waiting: Int = 2, ofClient: Int = 2) {
        kernel = ModelKernel(waiting: waiting)
        var information = StartInformation()
        information.waiting = UInt64(waiting)
        information.waitingOfClient = UInt64(ofClient)
        server = Server(information)
        receive()
    }
    func receive() {
        kernel.arrivals.append(1)
        #expect(server.next().delivery == .message)
    }
    /// The bits of a notification that comes next.
    func bits() -> UInt64? {
        let received = server.next()
        return received.delivery == .notification ? received.badge : nil
    }
    func hold() -> Reply? { server.hold() }
    /// Then its place is free.
    func hasGone(_ held: Reply) -> Bool {
        if !CallerPool.hasGone(held) { return false }
        CallerPool.letGo(held)
        return true
    }
    func release(_ held: Reply) { CallerPool.release(held, RegisterMessage()) }
    func reply() { server.reply(RegisterMessage()) }
}

@Suite struct ServerTests {
    @Test func twoCallersAreHeld() throws {
        let desk = Desk()
        let first = try #require(desk.hold())
        desk.receive()
        let second = try #require(desk.hold())
        desk.receive()
        #expect(desk.hold() == nil)
        desk.reply()
        desk.receive()
        desk.release(second)
        desk.release(first)
        #expect(desk.kernel.answered == [2, 1, 0])
        #expect(desk.hold() != nil)
    }

    @Test func whoGivesUpFreesThePlaceAtOnce() throws {
        let desk = Desk()
        let first = try #require(desk.hold())
        desk.receive()
        let second = try #require(desk.hold())
        desk.kernel.leave(0)
        #expect(desk.bits() == 0)
        #expect(!desk.hasGone(second) && desk.hasGone(first) && !desk.hasGone(first))
        desk.receive()
        #expect(desk.hold() != nil)
        desk.receive()
        #expect(desk.hold() == nil && desk.kernel.answered.isEmpty)
    }

    @Test func aCallerThatHasGoneIsNotHeld() throws {
        let desk = Desk()
        desk.kernel.leave(0)
        #expect(desk.hold() == nil)
        desk.reply()
        desk.receive()
        #expect(desk.kernel.answered.isEmpty && desk.hold() != nil)
    }

    /// The bit of an earlier caller is none of the present one.
    @Test func aLateBitFreesNobody() throws {
        let desk = Desk()
        let first = try #require(desk.hold())
        desk.kernel.leave(0)
        // The server releases before it has taken the bits, and holds another one there.
        desk.release(first)
        let late = desk.kernel.bits
        desk.kernel.bits = 0
        desk.receive()
        desk.reply()
        desk.receive()
        let second = try #require(desk.hold())
        desk.kernel.bits = late | 4
        #expect(desk.bits() == 4 && !desk.hasGone(second))
        // Alone it is not worth a word.
        desk.kernel.bits = late
        desk.receive()
        #expect(!desk.hasGone(second))
    }

    @Test(arguments: [2, 3, 8, 62]) func asManyAsTheManifestSays(_ waiting: Int) throws {
        let desk = Desk(waiting: waiting, ofClient: waiting)
        var held: [Reply] = []
        for _ in 0..<waiting {
            held.append(try #require(desk.hold()))
            desk.receive()
        }
        #expect(desk.hold() == nil)
        desk.reply()
        desk.receive()
        for caller in held.reversed() { desk.release(caller) }
        #expect(desk.kernel.answered.count == waiting + 1 && desk.hold() != nil)
    }

    /// A client that fills its part leaves the others theirs; one of its callers that has gone
    /// does not count, also before the server has taken the bit.
    @Test func eachClientHasAPart() throws {
        let desk = Desk(waiting: 4, ofClient: 2)
        let first = try #require(desk.hold())
        desk.receive()
        #expect(desk.hold() != nil)
        desk.receive()
        #expect(desk.hold() == nil)
        desk.kernel.client = 7
        desk.reply()
        desk.receive()
        #expect(desk.hold() != nil)
        desk.kernel.client = 1
        desk.receive()
        #expect(desk.hold() == nil)
        desk.kernel.callers[0] = false
        #expect(desk.hold() != nil && desk.hasGone(first))
    }
    /// Reply objects share bits: a bit of one frees no other.
    @Test func aSharedBitFreesOnlyWhoHasGone() throws {
        let desk = Desk(waiting: 6, ofClient: 6)
        var held: [Reply] = []
        for _ in 0..<6 {
            held.append(try #require(desk.hold()))
            desk.receive()
        }
        desk.reply()
        #expect(desk.kernel.bells[0] == desk.kernel.bells[3])
        desk.kernel.leave(3)
        #expect(desk.bits() == 0)
        #expect(held.map(desk.hasGone) == [false, false, false, true, false, false])
    }
    @Test(arguments: [(2, 0, 2), (2, 1, 2), (8, 3, 2), (8, 8, 1), (2, 9, 1)])
    func theParts(_ waiting: Int, _ clients: Int, _ part: Int) {
        #expect(CallerLimits.ofClient(waiting, clients: clients) == part)
    }

    /// Callers of requests that are answered at once come and go unheard.
    @Test func onlyHeldCallersAreWatched() throws {
        let desk = Desk()
        let held = try #require(desk.hold())
        desk.release(held)
        #expect(desk.kernel.bells == [0, 0, 0])
    }
}
