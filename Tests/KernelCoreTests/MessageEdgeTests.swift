// Edge cases: words behind a message, a reply with a refused receive, and a console that is full.

import KernelABI
import Testing

@testable import KernelCore

@Suite struct MessageEdgeTests {
    /// What lies behind a message in its sender's buffer stays there, on both paths and both ways.
    @Test(arguments: [true, false], [9, 15, 16, 17, 23, 121]) func noWordBeyondTheLengthTravels(
        fast: Bool, length: Int
    ) {
        let s = TestSystem(fast: fast)
        let (server, client, endpoint, reply) = s.makePair()
        let from = s.buffer(client)
        let to = s.buffer(server)
        for index in 8..<128 { (from[index], to[index]) = (1000 + UInt64(index), 7) }
        s.call(client, endpoint, length: length)
        #expect(s.results(server).word.length == length)
        #expect((8..<128).allSatisfy { to[$0] == ($0 < length ? 1000 + UInt64($0) : 7) })
        for index in 8..<128 { (from[index], to[index]) = (7, 2000 + UInt64(index)) }
        s.replyAndReceive(server, endpoint, reply: reply, length: length)
        #expect((8..<128).allSatisfy { from[$0] == ($0 < length ? 2000 + UInt64($0) : 7) })
    }

    /// A reply together with an impossible receive is not given: an error means that nothing
    /// happened.
    @Test func nobodyIsAnsweredWhereTheReceiveIsRefused() {
        let s = TestSystem()
        let (server, client, endpoint, reply) = s.makePair()
        let sendOnly = s.copy(endpoint, rights: .write)
        s.call(client, endpoint)
        let wrong: [(UInt32, KernelError)] = [
            (s.allocateSlot(), .invalidCapability), (reply, .wrongKind), (sendOnly, .missingRights),
        ]
        for (slot, error) in wrong {
            s.replyAndReceive(server, slot, reply: reply, [1])
            #expect(s.isRunning(server) && s.results(server).error == error)
            #expect(s.state(client) == .awaitingReply)
        }
        s.replyAndReceive(server, endpoint, reply: reply, [2])
        #expect(s.isRunning(client) && s.results(client).x[3] == 2)
    }

    /// Each step looks once; a byte for which there is never room is lost, and the call ends.
    @Test func aConsoleThatTakesNothing() {
        let s = TestSystem()
        let control = RootSlot.systemControl.index
        s.hardware.consoleRoom = 2
        #expect(s.perform(.consoleWrite, control, 3, 0, 0x636261).error == nil)
        #expect(s.hardware.console == [0x61, 0x62])
        #expect(s.hardware.consoleRefusals == Int(KernelLimits.consolePatience) + 1)
        s.hardware.consoleRoom = .max
        #expect(s.perform(.consoleWrite, control, 1, 0, 0x64).error == nil)
        #expect(s.hardware.console == [0x61, 0x62, 0x64])
    }

    /// Interrupted before each byte, the text still goes out once and whole.
    @Test func theConsoleGoesOnAfterAnInterrupt() {
        for queries in 0..<4 {
            let s = TestSystem()
            s.hardware.queriesLeft = queries
            s.hardware.ghostPeriod = queries
            #expect(
                s.perform(.consoleWrite, RootSlot.systemControl.index, 3, 0, 0x636261).error == nil)
            #expect(s.hardware.console == [0x61, 0x62, 0x63])
        }
    }
}
