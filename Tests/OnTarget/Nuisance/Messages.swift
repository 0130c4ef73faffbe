// Messages that no interface describes: to all services of the tree, and as answers of services
// that are broken. No server may end because of a request, and no client because of an answer.

import Interfaces
import KernelABI
import Protocols
import ServiceCores
import UserRuntime

/// Random numbers with a fixed start (xorshift64).
private struct Numbers {
    private var state: UInt64
    init(seed: UInt64) { state = seed | 1 }

    mutating func next() -> UInt64 {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return state
    }
    mutating func below(_ bound: UInt64) -> UInt64 { next() >> 11 % bound }

    /// A word at which servers and clients decide something, more often than another.
    mutating func word() -> UInt64 {
        switch below(8) {
        case 0: return 0
        case 1: return ~0
        case 2: return below(16)
        case 3: return 1 << below(64)
        case 4: return (1 << below(64)) &- 1
        case 5: return below(256) | below(256) << 8 | below(256) << 16 | below(256) << 40
        case 6: return TaskAddress.image.lowerBound + below(4096)
        default: return next()
        }
    }

    /// A message with this word 0, of any length: short ones are the most frequent.
    mutating func fill(_ message: inout LongMessage, first: UInt64) {
        message.set(RegisterMessage())
        let length = below(3) == 0 ? below(129) : below(10)
        for index in 0..<Int(length) { message[index] = word() }
        if length > 0 { message[0] = first }
    }
}

/// For a capability that goes with a message, and for one that comes with an answer.
private let sentSlot = slot(40)
private let cameSlot = slot(41)

// Requests

/// The services that it asks, besides those that this board lacks.
private let asked: [StaticString] = [
    "log", "names", "supervisor", "inspection", "connections", "drivers", "devices", "serial",
    "gpio", "clock", "time", "timer", "random", "firmware", "power", "sdhost", "sdhci",
]

/// Sends each service messages of all kinds, and says how many were answered.
func pester(_ information: StartInformation) -> Never {
    sleep(until: instant(milliseconds: 1500))
    var numbers = Numbers(seed: 0x5eed + information.task)
    var memory = [UInt8](repeating: 0, count: 8192)
    var message = LongMessage()
    for index in 0..<asked.count {
        let name = Name(asked[index])
        guard let endpoint = open(name, UInt32(index)) else { continue }
        var answered: UInt64 = 0
        for round in 0..<1500 as Range<UInt64> {
            // All small operations, and any word.
            numbers.fill(&message, first: round < 1000 ? round % 25 : numbers.word())
            answered += send(&message, to: endpoint, lending: &memory, &numbers) ? 1 : 0
        }
        var text = Text("asked ")
        text.add(name)
        text.add(": ")
        text.decimal(answered)
        text.add(" answers")
        say(text)
    }
    say("has asked everybody")
    rest()
}

/// Sends one message in one of the ways in which a message comes; whether it was answered.
private func send(
    _ message: inout LongMessage, to endpoint: Endpoint, lending memory: inout [UInt8],
    _ numbers: inout Numbers
) -> Bool {
    let deadline = Instant.after(milliseconds: 20)
    var attachment = Attachment()
    switch numbers.below(4) {
    case 0:
        // The kernel refuses rights and lengths that the caller does not have.
        let rights: Rights = numbers.below(2) == 0 ? .read : .read | .write
        attachment = loan(&memory, rights, length: Int(numbers.below(8193)))
    case 1:
        try? CapabilityTable.own.copy(StartSlot.notification, to: sentSlot)
        attachment = Attachment(sentSlot)
    default: break
    }
    defer {
        try? CapabilityTable.own.delete(sentSlot)
        try? CapabilityTable.own.delete(cameSlot)
    }
    do throws(KernelError) {
        if numbers.below(4) == 0 {
            var words = RegisterMessage(length: min(message.length, 8))
            for index in 0..<words.length { words[index] = message[index] }
            try endpoint.send(words, attachment, deadline: deadline)
            return false
        }
        try endpoint.call(&message, attachment, deadline: deadline, receiving: cameSlot)
        return true
    } catch { return false }
}

// Answers

/// The hash of the interface in whose service's place a task is.
private func hash(of task: Name) -> UInt64 {
    switch task {
    case Name("time"): TimeInterface.hash.raw
    case Name("pl031"): ClockInterface.hash.raw
    case Name("pl061"): GPIOInterface.hash.raw
    case Name("pl011"): SerialInterface.hash.raw
    default: NamesInterface.hash.raw
    }
}

/// Tells its interface's hash, so that clients go on, and answers each other request of its service
/// with anything, or not at all.
func answerNonsense(_ information: StartInformation) -> Never {
    let hash = hash(of: Name(information.name))
    var server = Server(information)
    var numbers = Numbers(seed: 0xbad + information.task)
    var message = LongMessage()
    while true {
        let request = server.next(into: &message)
        if request.delivery != .message { continue }
        if request[0] == 0 && request.length == 1 {
            server.reply(RegisterMessage(0, hash))
            continue
        }
        switch numbers.below(8) {
        // The runtime refuses it.
        case 0: continue
        // It is never answered; where no place is left, refused.
        case 1: _ = server.hold()
        case 2:
            server.reply(
                RegisterMessage(0, numbers.word(), numbers.word(), numbers.word()),
                Attachment(StartSlot.notification))
        default:
            numbers.fill(&message, first: numbers.below(4) == 0 ? numbers.word() : 0)
            server.reply(&message)
        }
    }
}

/// Tells its interface's hash, and answers nothing else.
func stayMute(_ information: StartInformation) -> Never {
    var server = Server(information)
    while true {
        let request = server.next()
        if request.delivery != .message { continue }
        if request[0] == 0 && request.length == 1 {
            server.reply(RegisterMessage(0, SerialInterface.hash.raw))
        } else {
            _ = server.hold()
        }
    }
}
