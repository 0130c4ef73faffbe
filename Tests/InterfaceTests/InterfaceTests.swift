// Client and server that were generated from one protocol: what one puts in, the other takes out.

import CUserEntry
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

    /// An error's raw value may be any: 0 is no success, 1 no refusal.
    @Test func eachRawValueIsAnError() {
        #expect(throws: SystemError.service(0)) { try client.half(of: 1) }
        #expect(SystemError.service(0).of(SampleError.self) == SampleError.none)
        #expect(throws: SystemError.service(0xffff)) { try client.half(of: 5) }
    }

    // Values of more than a word

    private func bytes(_ count: Int) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ 1) }
    }
    @Test(arguments: [0, 1, 7, 8, 9, 47, 48, 49, 56, 57, 899, 900]) func bytesArrive(
        _ count: Int
    ) throws {
        let bytes = bytes(count)
        let result = try client.reversed(Bytes(prefixOf: bytes.span))
        #expect((0..<result.count).map { result.span[$0] } == bytes.reversed())
    }
    @Test func bytesBeyondTheCapacityAreLeftOut() {
        #expect(Bytes<9>(prefixOf: bytes(10).span).count == 9)
        var full = Bytes<9>(prefixOf: bytes(10).span)
        #expect(!full.append(1) && full.count == 9)
    }
    @Test func laterBytes() throws {
        _ = try? client.bytes(1, loop: 2, by: .immediately)
        guard let caller = system.task.waitingForBytes.take() else { throw SystemError.wrongAnswer }
        caller.answer(Bytes(prefixOf: bytes(100).span))
        let words = try #require(system.answers.values.first)
        #expect(
            words.count == 2 + 13 && words[1] == 100
                && words[14] == UInt64(bytes(100)[99]) << 24 | UInt64(bytes(100)[98]) << 16
                    | UInt64(bytes(100)[97]) << 8 | UInt64(bytes(100)[96])
        )
    }
    @Test func structuresArraysTextAndSetsArrive() throws {
        var offsets = Items<Point, 4>()
        for index in 0..<4 as Range<Int32> { offsets.append(Point(x: index, y: 10)) }
        #expect(!offsets.append(.zero) && offsets[4] == nil)
        let moved = try client.moved(
            Point(x: -1, y: 2), deadline: offsets, arguments: .left, loop: -3,
            server: Sides(raw: 5), client: FixedString("zwölf Bytes")!, caller: true, held: 2)
        #expect(moved == Point(x: -10, y: 82))
        #expect(system.task.text == Array("zwölf Bytes".utf8))
    }
    @Test func aReadingOfTheTimeArrives() throws {
        let reading = UTCReading(microseconds: 1, source: .hand, error: 2, age: 3)
        var later = reading
        later.microseconds = 2
        #expect(try client.later(than: reading) == later)
        let noSource = system.exchange([18, 1, 9, 2, 3])
        #expect(noSource == [Refusal.wrongArguments.rawValue])
    }

    // Lent memory and capabilities

    private func total(_ numbers: [UInt16], from index: UInt8) throws -> UInt64 {
        try client.total(of: numbers.span, from: index)
    }
    @Test func lentMemoryIsRead() throws {
        #expect(try total([1, 2, 3, 4, 5], from: 0) == 10)
        #expect(try total([1, 2, 3, 4, 5], from: 1) == 14)
        #expect(throws: SystemError.service(4)) { try total([1, 2, 3, 4, 5], from: 2) }
        #expect(throws: SystemError.service(4)) { try total([], from: 0) }
    }
    @Test(arguments: [0, 1, 5]) func lentMemoryIsWritten(_ count: Int) throws {
        var numbers = [UInt32](repeating: 0, count: count)
        var span = numbers.mutableSpan
        let result = try client.fill(with: 77, &span)
        #expect(result == UInt64(count))
        #expect(numbers == [UInt32](repeating: 77, count: count))
    }
    @Test func aPartOfANumberIsRefused() {
        let bytes: [UInt8] = [1, 2, 3]
        #expect(system.exchange([14, 0], lending: bytes) == [Refusal.wrongArguments.rawValue])
    }
    @Test func aCapabilityIsHandedOver() throws {
        try client.keep(Notification(Slot(33)), bits: 1)
        #expect(system.sent == [Slot(33)] && system.kept == Slot(91))
        #expect(throws: SystemError.service(0)) { try client.keep(Notification(Slot(33)), bits: 0) }
        system.arrived = .endpoint
        #expect(throws: SystemError.refused(.wrongArguments)) {
            try client.keep(Notification(Slot(33)), bits: 1)
        }
        #expect(system.exchange([16, 1]) == [Refusal.wrongArguments.rawValue])
    }

    private func bell(_ number: UInt8) throws(SystemError) -> Notification {
        try client.bell(number, to: Slot(60), by: .immediately)
    }
    @Test func aCapabilityIsGiven() throws {
        #expect(try bell(44).slot == Slot(60))
        #expect(system.deleted.isEmpty)
        #expect(throws: SystemError.service(0)) { try bell(0) }
        system.hasNothingToGive = true
        #expect(throws: SystemError.refused(.dropped)) { try bell(44) }
        #expect(system.deleted.isEmpty)
    }
    /// What a broken server gives does not stay in the client's slot.
    @Test func aCapabilityOfAnotherKindIsNoAnswer() {
        system.arrivedAtClient = .endpoint
        #expect(throws: SystemError.wrongAnswer) { try bell(44) }
        #expect(system.deleted == [Slot(60)])
        system.arrivedAtClient = .notification
        for words: [UInt64] in [[0, 1], [2], [0x1_0004]] {
            system.forged = words
            #expect(throws: SystemError.self) { try bell(44) }
        }
        #expect(system.deleted == [Slot(60), Slot(60), Slot(60), Slot(60)])
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
        #expect(Array(system.answers.values) == [[0x1_0005]])
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

    /// A server with callers that wait for these numbers.
    private func systemWithCallers(_ numbers: [UInt8]) -> ModelSystem {
        let system = ModelSystem(waiting: 8)
        system.task.ordersCallers = true
        for number in numbers { _ = try? client.wait(number, by: .immediately) }
        return system
    }
    @Test func callersAreAnsweredInTheOrderOfTheirNumbers() throws {
        let system = systemWithCallers([30, 10, 20, 10])
        #expect(system.task.alarms.first == 10)
        var answered: [Int] = []
        while let caller = system.task.alarms.takeFirst(upTo: 29) {
            system.answers = [:]
            caller.answer(7)
            answered += system.answers.keys
        }
        #expect(answered == [1, 3, 2] && system.task.alarms.first == 30)
        guard let last = system.task.alarms.takeFirst() else { throw SystemError.wrongAnswer }
        let client = last.client.raw
        #expect(client == ModelSystem.badge && system.task.alarms.first == nil)
    }
    @Test func callersThatHaveGoneAreForgotten() {
        let system = systemWithCallers([30, 10, 20])
        func forgetGone() -> Bool { system.task.alarms.forgetGone() }
        #expect(!forgetGone())
        system.leave(1)
        #expect(forgetGone() && system.task.alarms.first == 20)
        #expect(!forgetGone())
    }
    @Test func callersThatAreLetFallAreAnswered() {
        let system = systemWithCallers([30, 10, 20])
        system.task.alarms = Waiting()
        #expect(system.answers.values.allSatisfy { $0 == [Refusal.dropped.rawValue] })
        #expect(system.answers.keys.sorted() == [0, 1, 2])
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
            ([33, 1], .unknownMethod),
            ([.max], .unknownMethod),
            ([1 << 32 | 8], .unknownMethod),
            ([], .wrongArguments),
            ([0, 0], .wrongArguments),
            ([11], .wrongArguments),
            ([11, 901], .wrongArguments),
            ([11, .max], .wrongArguments),
            ([11, 9, 1], .wrongArguments),
            ([11, 9, 1, 256], .wrongArguments),  // bits behind the last byte
            ([11, 8, 1, 0], .wrongArguments),
            ([12, 1, 2, 0, 3, 0, 1, 0, 1], .wrongArguments),
            (request12(x: 1 << 31), .wrongArguments),  // no Int32
            (request12(side: 5), .wrongArguments),
            (request12(sides: 2), .wrongArguments),
            (request12(count: 5), .wrongArguments),
            (request12(text: 27), .wrongArguments),  // not printable
        ] as [([UInt64], Refusal)]) func wrongRequests(_ words: [UInt64], _ refusal: Refusal)
    {
        #expect(system.exchange(words) == [refusal.rawValue])
        #expect(system.task.waitedFor.isEmpty && system.task.clients.isEmpty)
    }

    /// Any client asks for the hash of an interface. A negative value must not end the server.
    @Test func anEnumerationMayHaveNegativeValues() {
        #expect(Slope.shape != Side.shape)
        #expect(Slope(rawValue: -1) == .down)
    }

    /// The check of the table itself: the request without a mistake is performed.
    @Test func theRequestWithoutMistake() {
        #expect(system.exchange(request12(sides: 4)) == [0, 1, 5])
    }

    @Test(arguments: [[9], [9, 2], [9, 1, 1], [2], []] as [[UInt64]])
    func wrongOneWayMessages(_ words: [UInt64]) {
        #expect(system.exchange(words, isOneWay: true) == nil)
        #expect(system.task.noted.isEmpty)
    }

    /// A broken server never ends its client.
    @Test(
        arguments: [[], [0], [0, 1, 2], [7], [2 << 16], [.max], [0, 1, 2, 3, 4, 5, 6, 7]]
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

    // Rights

    private func refusal(_ words: [UInt64], by caller: ClientBadge) -> Refusal? {
        system.caller = caller.raw
        return system.exchange(words).flatMap { Refusal(rawValue: $0[0]) }
    }
    /// Each method that takes no words is refused to a client that lacks its bit, and to no other.
    @Test func aClientCallsTheMethodsOfItsMask() {
        let requests: [[UInt64]] = [
            [1, 2, 3], [7, 2], [8], [11, 0], [28, 1], [32, 1, 2, 3, 4, 5, 6, 7],
        ]
        for request in requests {
            let bit: UInt32 = 1 << UInt32(request[0] - 1)
            #expect(refusal(request, by: ClientBadge(task: 9, methods: bit)) == nil)
            #expect(refusal(request, by: ClientBadge(task: 9, methods: ~bit)) == .notPermitted)
            #expect(refusal(request, by: ClientBadge(task: 9, methods: 0)) == .notPermitted)
        }
        #expect(system.task.clients.count == 1)
    }
    /// A client without the right learns nothing of what the arguments should be.
    @Test func theRightIsCheckedBeforeTheArguments() {
        #expect(refusal([1], by: ClientBadge(task: 9, methods: 0)) == .notPermitted)
        #expect(refusal([40], by: ClientBadge(task: 9, methods: 0)) == .unknownMethod)
    }
    @Test func theRootTaskCallsEverything() {
        for request: [UInt64] in [[28, 1], [30], [8]] {
            #expect(refusal(request, by: ClientBadge(raw: 0)) == nil)
        }
        #expect(system.task.hasEnded == true)
    }
    @Test func noMaskGivesWhatIsTheRootTasks() {
        #expect(refusal([30], by: ClientBadge(task: 9)) == .notPermitted)
        #expect(system.task.hasEnded == false)
    }
    @Test func everyClientAsksForTheVersion() {
        #expect(refusal([0], by: ClientBadge(task: 9, methods: 0)) == nil)
    }
    @Test func oneWayMessagesNeedTheirRightToo() {
        system.caller = ClientBadge(task: 9, methods: ~(1 << 28)).raw
        _ = system.exchange([29, 1], isOneWay: true)
        #expect(system.task.noted.isEmpty)
        system.caller = ModelSystem.badge
        _ = system.exchange([29, 1], isOneWay: true)
        #expect(system.task.noted == [true])
    }
    @Test func theClientIsTold() {
        system.caller = ClientBadge(task: 9, methods: 0).raw
        #expect(throws: SystemError.refused(.notPermitted)) { try client.next(after: 1) }
    }

    /// A client with rules names the resources of a method's rule alone, also within a structure.
    /// Without rules it names all.
    @Test func aMethodNamesTheResourcesOfItsRule() {
        // The second client's rules: 26 and 27 with 3 and 63, 28 with 5. The first and the third
        // client have other rules.
        let rules = [
            ResourceRule(methods: .max, resources: 1 << 7, isLast: true),
            ResourceRule(methods: 3 << 25, resources: 1 << 63 | 1 << 3, isLast: false),
            ResourceRule(methods: 1 << 27, resources: 1 << 5, isLast: true),
            ResourceRule(methods: .max, resources: 1 << 7, isLast: true),
        ]
        for (index, rule) in rules.enumerated() {
            let words = swiftlet_resource_rules(0)
            (words[2 * index], words[2 * index + 1]) = rule.words
        }
        let other = ClientBadge(task: 9, resources: 3)
        #expect(refusal([27, 3, 0], by: other) == .notPermitted)
        #expect(refusal([27, 5, 0], by: other) == .notPermitted)
        let limited = ClientBadge(task: 9, resources: 2)
        for number in 0..<64 as Range<UInt64> {
            let isOwn = number == 3 || number == 63
            #expect(refusal([27, number, 0], by: limited) == (isOwn ? nil : .notPermitted))
            #expect(refusal([26, 3, number], by: limited) == (isOwn ? nil : .notPermitted))
            #expect(refusal([26, number, 3], by: limited) == (isOwn ? nil : .notPermitted))
            #expect(refusal([27, number, 0], by: ClientBadge(task: 9)) == nil)
            for rule in [1, 4, 64, 65, .max] as [UInt16] {
                let client = ClientBadge(task: 9, resources: rule)
                let isTheirs = rule < 64 && number == 7
                #expect(
                    refusal([27, number, 0], by: client) == (isTheirs ? nil : .notPermitted))
            }
        }
        for number in [64, 255, .max] as [UInt64] {
            #expect(refusal([27, number, 0], by: limited) == .wrongArguments)
            #expect(refusal([27, number, 0], by: ClientBadge(task: 9)) == .wrongArguments)
        }
        #expect(refusal([27, 3, 256], by: limited) == .wrongArguments)
        #expect(refusal([8], by: limited) == nil)
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
    /// An untyped service never passes for a typed one, whatever it answers to method 0.
    @Test(arguments: [[0], [0, 0], [0, 1, 2], [1], [2], [7], []] as [[UInt64]])
    func untypedServicesAreRefused(_ words: [UInt64]) {
        system.forged = words
        #expect(throws: SystemError.refused(.otherVersion)) {
            _ = try SampleClient(checking: ModelSystem.client)
        }
    }
    @Test func aServerThatDoesNotAnswerIsNoOtherVersion() {
        system.forged = nil
        system.isSilent = true
        #expect(throws: SystemError.kernel(.timedOut)) {
            _ = try SampleClient(checking: ModelSystem.client)
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
        #expect(Names1.shape != Names2.shape && Names2.shape != Names3.shape)
        #expect(Bytes<8>.shape != Bytes<9>.shape && Int8.shape != UInt8.shape)
        #expect(Items<UInt8, 4>.shape != Items<UInt16, 4>.shape)
    }
}

/// A request that moves a point.
private func request12(
    x: UInt64 = 1, side: UInt64 = 3, sides: UInt64 = 1, count: UInt64 = 1, text: UInt64 = 65
) -> [UInt64] { [12, x, 2, count, 0, 3, side, 0, sides, 1, text, 0, 1] }

// Enumerations that differ in a name, or in a value.
@Message private enum Names1: UInt16, CaseIterable { case one = 100 }
@Message private enum Names2: UInt16, CaseIterable { case two = 100 }
@Message private enum Names3: UInt16, CaseIterable { case two = 101 }
