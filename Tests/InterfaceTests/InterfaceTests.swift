// Client and server that were generated from one protocol: what one puts in, the other takes out.

import Interfaces
import Testing

@Suite struct InterfaceTests {
    let system = ModelSystem()
    let client = SampleClient(ModelSystem.client)

    @Test func argumentsAndResultsArrive() throws {
        #expect(try client.add(7, to: .max) == 7 + 0xffff_ffff)
        #expect(system.task.clients == [ModelSystem.badge])
        #expect(try client.half(of: 10) == 5)
        #expect(try client.sum(1, 2, 3, 4, 5, 6, .max - 21) == .max)
    }

    @Test func theServicesErrorArrives() {
        #expect(throws: SystemError.service(4)) { try client.half(of: 3) }
        #expect(SystemError.service(4).of(SampleError.self) == .odd)
        #expect(SystemError.service(6).of(SampleError.self) == nil)
        #expect(SystemError.wrongAnswer.of(SampleError.self) == nil)
    }

    @Test func oneWayAndWithoutResult() throws {
        try client.note(true)
        try client.note(false)
        #expect(system.task.noted == [true, false])
        try client.reset()
        #expect(system.task.noted.isEmpty)
    }

    // Later answers

    /// The caller that waits, taken from the task.
    private func caller() throws -> Caller<UInt16, SampleError> {
        guard let caller = system.task.waiting.take() else { throw SystemError.wrongAnswer }
        return caller
    }

    @Test func aLaterAnswer() throws {
        #expect(throws: SystemError.kernel(.timedOut)) { try client.wait(200, by: .immediately) }
        #expect(system.task.waitedFor == [200] && system.answers.isEmpty)
        let caller = try caller()
        #expect(caller.client.raw == ModelSystem.badge)
        caller.answer(500)
        #expect(Array(system.answers.values) == [[0, 500]])
    }

    @Test func aLaterRefusal() throws {
        _ = try? client.wait(1, by: .immediately)
        let caller = try caller()
        caller.refuse(.replaced)
        #expect(Array(system.answers.values) == [[5]])
    }

    /// A caller is never left without an answer.
    @Test func aCallerThatIsLetFallIsAnswered() {
        _ = try? client.wait(1, by: .immediately)
        system.task.waiting = nil
        #expect(Array(system.answers.values) == [[Refusal.dropped.rawValue]])
    }

    @Test func theThirdThatWaitsIsRefused() throws {
        _ = try? client.wait(1, by: .immediately)
        let first = try caller()
        _ = try? client.wait(2, by: .immediately)
        let second = try caller()
        #expect(throws: SystemError.refused(.busy)) { try client.wait(3, by: .immediately) }
        first.answer(1)
        #expect(throws: SystemError.kernel(.timedOut)) { try client.wait(4, by: .immediately) }
        second.answer(2)
        #expect(system.task.waitedFor == [1, 2, 4])
    }

    // Messages that no client of this interface sends

    @Test(
        arguments: [
            ([1, 5], Refusal.wrongArguments),  // one is missing
            ([1, 5, 6, 7], .wrongArguments),  // one too many
            ([1, 1 << 32, 6], .wrongArguments),  // no UInt32
            ([1], .wrongArguments),
            ([8, 0], .wrongArguments),
            ([10, 256], .wrongArguments),  // no UInt8
            ([10, 1, 2], .wrongArguments),
            ([2], .unknownMethod),
            ([301, 1], .unknownMethod),
            ([.max], .unknownMethod),
            ([1 << 32 | 8], .unknownMethod),
            ([], .otherVersion),
            ([0], .otherVersion),
        ] as [([UInt64], Refusal)]) func wrongRequests(_ words: [UInt64], _ refusal: Refusal)
    {
        #expect(system.exchange(words) == [refusal.rawValue])
        #expect(system.task.waitedFor.isEmpty && system.task.clients.isEmpty)
    }

    @Test(arguments: [[9], [9, 2], [9, 1, 1], [2], []] as [[UInt64]])
    func wrongOneWayMessages(_ words: [UInt64]) {
        #expect(system.exchange(words, isOneWay: true) == nil)
        #expect(system.task.noted.isEmpty)
    }

    /// A broken server never ends its client.
    @Test(
        arguments: [[], [0], [0, 1, 2], [1 << 16 | 77], [.max], [0, 1, 2, 3, 4, 5, 6, 7]]
            as [[UInt64]]) func wrongAnswers(_ words: [UInt64])
    {
        system.forged = words
        #expect(throws: SystemError.wrongAnswer) { try client.add(1, to: 2) }
    }
    @Test(arguments: [[0, 0], [0, 1]] as [[UInt64]]) func aResultWhereNoneBelongs(words: [UInt64]) {
        system.forged = words
        #expect(throws: SystemError.wrongAnswer) { try client.reset() }
    }
    @Test func aValueThatCannotBe() {
        system.forged = [0, 1 << 16]
        #expect(throws: SystemError.wrongAnswer) { try client.wait(1, by: .never) }
    }

    // Versions

    @Test func clientsOfThisVersionAreTaken() throws {
        _ = try SampleClient(checking: ModelSystem.client)
    }
    @Test func clientsOfAnotherVersionAreRefused() {
        #expect(throws: SystemError.refused(.otherVersion)) {
            _ = try ClockClient(checking: ModelSystem.client)
        }
    }
    /// Each thing that makes messages differ changes the hash.
    @Test func whatTheHashDependsOn() {
        func hash(
            _ name: StaticString = "S", _ version: UInt64 = 1, _ number: UInt64 = 1,
            _ method: StaticString = "m", _ kind: StaticString = "plain", _ shape: UInt64 = 32,
            _ parameter: StaticString = "p"
        ) -> UInt64 {
            var hash = InterfaceHash(name, version: version)
            hash.add(number, method, kind)
            hash.add(shape, parameter)
            return hash.raw
        }
        let all = [
            hash(), hash("T"), hash("S", 2), hash("S", 1, 2), hash("S", 1, 1, "n"),
            hash("S", 1, 1, "m", "oneWay"), hash("S", 1, 1, "m", "plain", 33),
            hash("S", 1, 1, "m", "plain", 32, "q"),
        ]
        #expect(Set(all).count == all.count && hash() == hash())
        #expect(SampleError.shape == 0b11_0000)
    }
}
