// The IPC calls of a test's threads, by registers. A test reads the results when the thread runs
// again.

import KernelABI
import Testing

@testable import KernelCore

extension TestSystem {
    static let never: UInt64 = ~0

    func call(
        _ thread: TestThread, _ endpoint: UInt32, _ words: [UInt64] = [], length: Int? = nil,
        deadline: UInt64 = never, capabilities: Int = 0, loan: Bool = false,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let control = ControlWord(
            .call, Slot(endpoint), length: length ?? words.count, capabilities: capabilities,
            loan: loan)
        message(thread, control, 0, deadline, words, sourceLocation)
    }
    func send(
        _ thread: TestThread, _ endpoint: UInt32, _ words: [UInt64] = [], length: Int? = nil,
        deadline: UInt64 = never,
        capabilities: Int = 0, sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let control = ControlWord(
            .send, Slot(endpoint), length: length ?? words.count, capabilities: capabilities)
        message(thread, control, 0, deadline, words, sourceLocation)
    }
    func receive(
        _ thread: TestThread, _ endpoint: UInt32, reply: UInt32, deadline: UInt64 = never,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        message(
            thread, ControlWord(.receive, Slot(endpoint)), UInt64(reply), deadline, [],
            sourceLocation)
    }
    func reply(
        _ thread: TestThread, _ reply: UInt32, _ words: [UInt64] = [], length: Int? = nil,
        capabilities: Int = 0,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let control = ControlWord(
            .reply, Slot(reply), length: length ?? words.count, capabilities: capabilities)
        message(thread, control, 0, TestSystem.never, words, sourceLocation)
    }
    func replyAndReceive(
        _ thread: TestThread, _ endpoint: UInt32, reply: UInt32, _ words: [UInt64] = [],
        length: Int? = nil,
        deadline: UInt64 = never, sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let control = ControlWord(.replyAndReceive, Slot(endpoint), length: length ?? words.count)
        message(thread, control, UInt64(reply), deadline, words, sourceLocation)
    }
    func signal(
        _ thread: TestThread, _ notification: UInt32, bits: UInt64 = 0,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        message(
            thread, ControlWord(.signal, Slot(notification)), bits, TestSystem.never, [],
            sourceLocation)
    }
    func wait(
        _ thread: TestThread, _ notification: UInt32, deadline: UInt64 = never,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        message(thread, ControlWord(.wait, Slot(notification)), 0, deadline, [], sourceLocation)
    }
    func poll(
        _ thread: TestThread, _ notification: UInt32,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        message(
            thread, ControlWord(.poll, Slot(notification)), 0, TestSystem.never, [], sourceLocation)
    }
    func yield(_ thread: TestThread, sourceLocation: SourceLocation = #_sourceLocation) {
        message(thread, ControlWord(.yield, Slot(0)), 0, TestSystem.never, [], sourceLocation)
    }

    private func message(
        _ thread: TestThread, _ control: ControlWord, _ second: UInt64, _ third: UInt64,
        _ words: [UInt64],
        _ sourceLocation: SourceLocation
    ) {
        let x = thread.ref.registers
        guard allRunning.contains(thread.ref) else {
            Issue.record("a thread that does not run cannot call", sourceLocation: sourceLocation)
            return
        }
        x[0] = control.by(Instant(ticks: third)).raw
        x[1] = second
        x[2] = third
        for index in 0..<8 { x[3 + index] = index < words.count ? words[index] : 0 }
        trap(thread.ref, sourceLocation: sourceLocation)
    }

    // Threads and servers that tests often make

    /// Makes and starts threads of these priorities. The root task sleeps, and the most urgent of
    /// them runs.
    func run(_ priorities: [UInt64]) -> [TestThread] {
        let threads = priorities.map { makeThread(priority: $0) }
        for thread in threads { start(thread) }
        go()
        return threads
    }
    func run(_ priority: UInt64) -> TestThread { run([priority])[0] }
    func run(_ first: UInt64, _ second: UInt64) -> (TestThread, TestThread) {
        let threads = run([first, second])
        return (threads[0], threads[1])
    }
    func run(_ first: UInt64, _ second: UInt64, _ third: UInt64) -> (
        TestThread, TestThread, TestThread
    ) {
        let threads = run([first, second, third])
        return (threads[0], threads[1], threads[2])
    }

    /// An endpoint with a bound server; the server receives at it, with a reply object of its own.
    func serve(_ server: TestThread, from untyped: UInt32 = TestSystem.ram) -> (
        endpoint: UInt32, reply: UInt32
    ) {
        asRoot {
            let endpoint = make(.endpoint, from: untyped)
            let reply = make(.reply, from: untyped)
            #expect(perform(.bindServer, endpoint, UInt64(server.slot)).error == nil)
            return (endpoint, reply)
        }
    }

    /// A server that waits plainly at its endpoint.
    func makeServer(_ priority: UInt64) -> (server: TestThread, endpoint: UInt32, reply: UInt32) {
        let server = makeThread(priority: priority)
        let (endpoint, reply) = serve(server)
        start(server)
        go()
        receive(server, endpoint, reply: reply)
        return (server, endpoint, reply)
    }

    /// Makes a running client and a ready server at its endpoint, for the fast path.
    func makePair(
        server: UInt64 = 5, client: UInt64 = 20
    ) -> (server: TestThread, client: TestThread, endpoint: UInt32, reply: UInt32) {
        let client = makeThread(priority: client)
        let (server, endpoint, reply) = makeServer(server)
        start(client)
        return (server, client, endpoint, reply)
    }

    /// A copy in a slot of its own.
    func copy(
        _ slot: UInt32, rights: Rights = .all, placement: Placement = .child, badge: UInt64? = nil,
        sourceLocation: SourceLocation = #_sourceLocation
    ) -> UInt32 {
        let target = allocateSlot()
        let result = perform(
            badge == nil ? .copy : .mint, Slot.ownTable.index, UInt64(slot), own, UInt64(target),
            UInt64(rights.raw),
            placement.rawValue, badge ?? 0)
        #expect(result.error == nil, sourceLocation: sourceLocation)
        return target
    }
    func delete(_ slot: UInt32) -> Results { perform(.delete, Slot.ownTable.index, UInt64(slot)) }
    func revoke(_ slot: UInt32) -> Results { perform(.revoke, Slot.ownTable.index, UInt64(slot)) }
}
