// The mailbox's core against recorded registers, and the messages that go through it.
import Testing

@testable import DriverCores

@Suite struct BCM2835MailboxTests {
    let device = TraceDevice()
    private let empty: UInt32 = 1 << 30

    private func mailbox() -> BCM2835Mailbox<TraceRegisters> {
        device.values[0x18] = empty
        let mailbox = BCM2835Mailbox(registers: TraceRegisters(device: device))
        device.accesses = []
        return mailbox
    }

    @Test func openingEmptiesTheMailboxAndAsksForItsInterrupt() {
        device.queue[0x18] = [0, 0, empty]
        device.values[0x18] = empty
        _ = BCM2835Mailbox(registers: TraceRegisters(device: device))
        #expect(device.accesses.filter { $0 == .load(0) }.count == 2)
        #expect(device.stores == [.store(0x1c, 1)])
    }

    @Test func aMailboxThatNeverEmptiesDoesNotHoldTheDriver() {
        device.values[0x18] = 0
        let mailbox = BCM2835Mailbox(registers: TraceRegisters(device: device))
        #expect(!mailbox.collect(0x1000))
    }

    @Test func aMessageGoesToTheChannelOfProperties() {
        let mailbox = mailbox()
        #expect(mailbox.post(0xc123_4560))
        #expect(device.accesses == [.load(0x38), .store(0x20, 0xc123_4568)])
    }

    @Test func aFullMailboxTakesNothing() {
        let mailbox = mailbox()
        device.values[0x38] = 1 << 31
        #expect(!mailbox.post(0x1000))
        #expect(device.stores.isEmpty)
    }

    @Test func onlyTheAnswerThatIsWaitedForCounts() {
        let mailbox = mailbox()
        device.queue[0x18] = [0, 0]
        device.queue[0] = [0x2008, 0x1001]
        #expect(!mailbox.collect(0x1000))
        device.queue[0x18] = [0, 0]
        device.queue[0] = [0x1008, 0x3007]
        #expect(mailbox.collect(0x1000))
        // All were taken: else the interrupt would not end.
        #expect(device.queue[0]?.isEmpty ?? false)
    }
}

@Suite struct PropertyMessageTests {
    private let words = UnsafeMutableBufferPointer<UInt32>.allocate(capacity: 20)

    private func message() -> PropertyMessage {
        words.initialize(repeating: 0xeeee_eeee)
        return PropertyMessage(words: words)
    }

    @Test func aQuestionStandsInTheFirmwaresFormAndWithinItsBytes() {
        let message = message()
        var values = InlineArray<8, UInt32>(repeating: 0)
        values[0] = 3
        values[1] = 99
        message.ask(0x0003_0002, values, results: 2)
        #expect(Array(words[0..<8]) == [64, 0, 0x0003_0002, 8, 0, 3, 99, 0])
        #expect(words[8..<16].allSatisfy { $0 == 0 })
        #expect(words[16..<20].allSatisfy { $0 == 0xeeee_eeee })
        #expect(message.answerCount == nil)
    }

    @Test func aQuestionNeverHasMoreValuesThanTheMessageHolds() {
        let message = message()
        message.ask(1, InlineArray<8, UInt32>(repeating: 7), results: 1000)
        #expect(words[3] == 32 && words[12] == 7 && words[13] == 0 && words[16] == 0xeeee_eeee)
    }

    @Test func anAnswerHasTheValuesThatTheFirmwareWrote() {
        let message = message()
        message.ask(0x0001_0005, InlineArray<8, UInt32>(repeating: 0), results: 2)
        words[1] = 0x8000_0000
        words[4] = 0x8000_0008
        words[5] = 0
        words[6] = 0x3c00_0000
        #expect(message.answerCount == 2 && message.value(1) == 0x3c00_0000)
        // More than there was room for: what is there counts.
        words[4] = 0x8000_0100
        #expect(message.answerCount == 2)
    }

    /// A network address: six bytes in two words.
    @Test func aValueThatIsNotWholeCounts() {
        let message = message()
        message.ask(0x0001_0003, InlineArray<8, UInt32>(repeating: 0), results: 2)
        words[1] = 0x8000_0000
        words[4] = 0x8000_0006
        #expect(message.answerCount == 2)
    }

    @Test func aLateAnswerLiesElsewhere() {
        for first in [0, 16, ~0] as [UInt64] {
            let places = (0..<64).map { PropertyMessage.offset(first &+ $0) }
            #expect(Set(places).count == 64)
            #expect(
                places.allSatisfy { $0 >= 0 && $0 + PropertyMessage.bytes <= 4096 && $0 % 64 == 0 })
        }
    }

    @Test func whatTheFirmwareDoesNotKnowIsNoAnswer() {
        let message = message()
        message.ask(0x0001_0005, InlineArray<8, UInt32>(repeating: 0), results: 2)
        words[1] = 0x8000_0001
        words[4] = 0x8000_0008
        #expect(message.answerCount == nil)
        words[1] = 0x8000_0000
        words[4] = 0
        #expect(message.answerCount == nil)
    }

    @Test func onlyQuestionsAreAllowed() {
        #expect(FirmwareQuestion(rawValue: 0x0001_0002) == .boardRevision)
        // Execute code, allocate memory, set a clock, and the frame buffer are not questions.
        for tag in [0x0003_0010, 0x0003_000c, 0x0003_8002, 0x0004_0001] as [UInt32] {
            #expect(FirmwareQuestion(rawValue: tag) == nil)
        }
    }

    /// On a Pi 4: 3 resets the board's chips, 4 sets the card's voltage, 6 switches its supply.
    @Test func ofTheFirmwaresPinsOnlyTheLightsMayBeSet() {
        #expect(FirmwarePin.maySet(2))
        for pin in [0, 1, 3, 4, 5, 6, 7] as [UInt8] {
            #expect(FirmwarePin.mayRead(pin) && !FirmwarePin.maySet(pin))
        }
        for pin in [8, 66, .max] as [UInt8] {
            #expect(!FirmwarePin.mayRead(pin) && !FirmwarePin.maySet(pin))
        }
    }
}
