// Loans: a server reaches exactly the memory that its caller lent, with the caller's own access,
// until it replies.

import KernelABI
import Testing

@testable import KernelCore

@Suite struct LoanTests {
    /// A client and a server, each in an address space of its own with two pages at `place`. The
    /// second page is only readable.
    final class Pair {
        static let place: UInt64 = 0x40_0000
        let s: TestSystem
        let server: TestThread
        let client: TestThread
        let endpoint: UInt32
        let reply: UInt32
        private(set) var pages: [UnsafeMutableRawPointer] = []

        init(fast: Bool = true) {
            s = TestSystem(fast: fast)
            server = s.makeThread(priority: 10)
            client = s.makeThread(priority: 20)
            (endpoint, reply) = s.serve(server)
            for thread in [server, client] {
                let space = s.make(.addressSpace)
                s.attachTables(to: space, at: Pair.place)
                for index in 0..<2 as Range<UInt64> {
                    let frame = s.make(.frame, sizeBits: 12)
                    s.perform(
                        .map, space, UInt64(frame), Pair.place + index * 4096, index == 0 ? 3 : 1)
                    let physical = s.perform(.frameInformation, frame).x[3]
                    pages.append(s.hardware.memory + Int(physical - ModelState.ramBase))
                }
                s.perform(.configure, thread.slot, s.none, UInt64(space), s.none, s.none)
            }
            s.start(server)
            s.go()
            s.receive(server, endpoint, reply: reply)
            s.start(client)
        }
        func lend(_ address: UInt64, _ length: UInt64, _ rights: Rights) {
            s.offerLoan(client, address, length, rights)
            s.call(client, endpoint, loan: true)
        }
        func copy(_ method: Method, _ offset: UInt64, _ address: UInt64, _ length: UInt64)
            -> KernelError?
        {
            s.invoke(server, method, reply, offset, address, length).error
        }
    }

    @Test(arguments: [nil, 0, 1]) func readAndWrite(period: Int?) {
        let pair = Pair()
        let place = Pair.place
        for index in 0..<4096 {
            pair.pages[2].storeBytes(
                of: UInt8(truncatingIfNeeded: index &* 7), toByteOffset: index, as: UInt8.self)
        }
        for index in 0..<4096 {
            pair.pages[3].storeBytes(
                of: UInt8(truncatingIfNeeded: index &* 3), toByteOffset: index, as: UInt8.self)
        }
        pair.lend(place + 100, 8000, .read | .write)
        #expect(pair.s.isRunning(pair.server))
        #expect(
            pair.s.results(pair.server).word.hasLoan && pair.s.results(pair.server).x[2] == 8000)
        pair.s.hardware.queriesLeft = period
        pair.s.hardware.ghostPeriod = period
        // Across the page border of the loan, to another offset of the own page.
        #expect(pair.copy(.loanRead, 3000, place + 10, 4000) == nil)
        #expect(
            (0..<4000).allSatisfy { index in
                let from = 3100 + index
                let expected =
                    from < 4096
                    ? UInt8(truncatingIfNeeded: from &* 7)
                    : UInt8(truncatingIfNeeded: (from - 4096) &* 3)
                return pair.pages[0].load(fromByteOffset: 10 + index, as: UInt8.self) == expected
            })
        #expect(pair.copy(.loanWrite, 0, place + 10, 50) == nil)
        #expect(
            pair.pages[2].load(fromByteOffset: 100, as: UInt8.self)
                == pair.pages[0].load(fromByteOffset: 10, as: UInt8.self))
        pair.s.hardware.queriesLeft = nil
        // The lent range is writable only where the caller itself could write.
        #expect(pair.copy(.loanWrite, 3000, place + 10, 4000) == .memoryFault)
        // And the server writes only where it may itself.
        #expect(pair.copy(.loanRead, 0, place + 4096, 10) == .memoryFault)
        #expect(pair.copy(.loanRead, 0, place + 8192, 10) == .memoryFault)
        #expect(pair.copy(.loanRead, 0, 1 << 40, 10) == .memoryFault)
        for (offset, length) in [(8001, 0), (0, 8001), (7999, 2), (~0, 1), (1, ~0)]
            as [(UInt64, UInt64)]
        {
            #expect(pair.copy(.loanRead, offset, place, length) == .invalidArgument)
        }
        #expect(pair.copy(.loanRead, 8000, place, 0) == nil)
    }

    @Test func rightsOfTheLoanAndOfTheReply() {
        let pair = Pair()
        pair.lend(Pair.place, 100, .read)
        #expect(pair.copy(.loanWrite, 0, Pair.place, 1) == .missingRights)
        #expect(pair.copy(.loanRead, 0, Pair.place, 1) == nil)
        let weak = pair.s.copy(pair.reply, rights: .write)
        #expect(
            pair.s.invoke(pair.server, .loanRead, weak, 0, Pair.place, 1).error == .missingRights)
    }

    @Test(arguments: [true, false]) func aLoanEndsWithItsCall(fast: Bool) {
        let pair = Pair(fast: fast)
        let s = pair.s
        pair.lend(Pair.place, 100, .read | .write)
        s.replyAndReceive(pair.server, pair.endpoint, reply: pair.reply)
        #expect(
            s.isRunning(pair.client) && !s.results(pair.client).word.hasLoan
                && s.results(pair.client).x[2] == 0)
        s.call(pair.client, pair.endpoint)
        #expect(!s.results(pair.server).word.hasLoan && s.results(pair.server).x[2] == 0)
        #expect(pair.copy(.loanRead, 0, Pair.place, 1) == .noCaller)
        s.reply(pair.server, pair.reply)
        #expect(!pair.client.ref.pointee.scheduling.isLending)
        s.perform(.suspend, pair.client.slot)
        #expect(pair.copy(.loanRead, 0, Pair.place, 1) == .noCaller)
    }

    /// A call that was refused lends nothing, not even to a server that is called without a loan.
    @Test(arguments: [true, false]) func aRefusedCallLendsNothing(fast: Bool) {
        let pair = Pair(fast: fast)
        let s = pair.s
        let nobody = s.make(.endpoint)
        s.offerLoan(pair.client, Pair.place, 100, .read | .write)
        s.call(pair.client, nobody, deadline: 1, loan: true)
        #expect(s.isRunning(pair.client) && s.results(pair.client).error == .timedOut)
        s.call(pair.client, pair.endpoint)
        #expect(s.isRunning(pair.server) && !s.results(pair.server).word.hasLoan)
        #expect(pair.copy(.loanRead, 0, Pair.place, 1) == .noCaller)
    }

    @Test func badLoansAreRefused() {
        let pair = Pair()
        for (address, length) in [(0, 0), (1 << 39, 1), ((1 << 39) - 1, 2), (5, ~0), (~0, 1)]
            as [(UInt64, UInt64)]
        {
            pair.lend(address, length, .read)
            #expect(
                pair.s.isRunning(pair.client)
                    && pair.s.results(pair.client).error == .invalidArgument)
        }
    }
}
