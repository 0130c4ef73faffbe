// The task around the mailbox: the service `firmware`. One question at a time; the others queue at
// the endpoint by urgency.

import DriverCores
import Interfaces
import MMIO

@c(BCM2835MailboxDriver_main) func mailboxDriver(_ address: UInt) -> Int32 {
    let information = startInformation(address)
    let loop = Server(information)
    serve(MailboxDriver(information, loop.notification), loop)
}

/// The registers: mapped, or through the kernel where an interrupt controller of its own is in the
/// same page.
enum MailboxRegisters: WordRegisterAccess {
    case mapped(MMIORegisters)
    case kernel(RegisterWindow)

    init(_ information: StartInformation) {
        let address = information.registers[0]
        self =
            address != 0
            ? .mapped(MMIORegisters(address: address))
            : .kernel(RegisterWindow(StartSlot.registers(0)))
    }
    /// All ones where the kernel refuses, as where nothing answers: an empty and full mailbox.
    func read32(_ offset: Int) -> UInt32 {
        switch self {
        case .mapped(let registers): return registers.read32(offset)
        case .kernel(let window): return (try? window.read(UInt64(offset))) ?? ~0
        }
    }
    /// Drops the word where the kernel refuses: then no answer comes, and the client is told so.
    func write32(_ offset: Int, _ value: UInt32) {
        switch self {
        case .mapped(let registers): registers.write32(offset, value)
        case .kernel(let window): try? window.write(UInt64(offset), value)
        }
    }
}

@safe struct MailboxDriver: ~Copyable, FirmwareServer, ServiceTask {
    private let mailbox: BCM2835Mailbox<MailboxRegisters>
    private let interrupt = Interrupt(StartSlot.interrupt)
    private let notification: Notification
    /// The messages, in memory that the firmware reaches; nil where there is none.
    private let memory: DeviceMemory?
    /// Word 0: how many questions were asked, also in earlier lives of the driver: the last one may
    /// have died of a question that the firmware is still at.
    private let kept: UnsafeMutableBufferPointer<UInt64>
    private static var interruptBit: UInt64 { 1 }
    /// Milliseconds that the firmware has for an answer.
    private static var patience: UInt64 { 1000 }

    init(_ information: StartInformation, _ notification: Notification) {
        mailbox = BCM2835Mailbox(registers: MailboxRegisters(information))
        memory = DeviceMemory(information, slot: StartSlot.firstFree)
        self.notification = notification
        // Safety: the manifest gives this task a page, 512 words.
        unsafe kept = persistentMemory(information)
        orEnd(
            "the interrupt cannot be bound",
            try interrupt.bind(notification, bits: MailboxDriver.interruptBit))
    }

    mutating func boardRevision(_ client: ClientBadge) throws(FirmwareError) -> UInt32 {
        try ask(.boardRevision).first
    }
    mutating func serialNumber(_ client: ClientBadge) throws(FirmwareError) -> UInt64 {
        try pair(.serialNumber)
    }
    mutating func firmwareRevision(_ client: ClientBadge) throws(FirmwareError) -> UInt32 {
        try ask(.firmwareRevision).first
    }
    mutating func networkAddress(_ client: ClientBadge) throws(FirmwareError) -> UInt64 {
        try pair(.networkAddress)
    }
    mutating func memory(
        of owner: FirmwareMemory, _ client: ClientBadge
    ) throws(FirmwareError) -> MemoryPart {
        let answer = try ask(owner == .arm ? .armMemory : .videoCoreMemory)
        return MemoryPart(start: answer.first, bytes: answer.second)
    }
    mutating func rate(
        of clock: FirmwareClock, _ client: ClientBadge
    ) throws(FirmwareError) -> UInt32 {
        try ask(.clockRate, UInt32(clock.rawValue)).second
    }
    mutating func temperature(_ client: ClientBadge) throws(FirmwareError) -> UInt32 {
        try ask(.temperature).second
    }
    mutating func maximumTemperature(_ client: ClientBadge) throws(FirmwareError) -> UInt32 {
        try ask(.maximumTemperature).second
    }
    mutating func level(
        ofPin pin: UInt8, _ client: ClientBadge
    ) throws(FirmwareError) -> Bool {
        if !FirmwarePin.mayRead(pin) { throw .notPermitted }
        return try use(pin, FirmwarePin.get)
    }
    mutating func set(pin: UInt8, high: Bool, _ client: ClientBadge) throws(FirmwareError) {
        if !FirmwarePin.maySet(pin) { throw .notPermitted }
        _ = try use(pin, FirmwarePin.set, high: high)
    }

    private mutating func use(
        _ pin: UInt8, _ tag: UInt32, high: Bool = false
    ) throws(FirmwareError) -> Bool {
        let answer = try ask(tag, FirmwarePin.first + UInt32(pin), high ? 1 : 0, results: 2)
        // The firmware leaves the pin's number there when it cannot do it.
        if answer.first != 0 { throw .unknown }
        return answer.second != 0
    }
    private mutating func pair(_ question: FirmwareQuestion) throws(FirmwareError) -> UInt64 {
        let answer = try ask(question)
        return UInt64(answer.second) << 32 | UInt64(answer.first)
    }
    /// Puts one question. A value that the firmware left out is 0.
    private mutating func ask(
        _ question: FirmwareQuestion, _ argument: UInt32 = 0
    ) throws(FirmwareError) -> (first: UInt32, second: UInt32) {
        let results = question.resultCount
        let answer = try ask(question.rawValue, argument, results: results)
        return (answer.first, answer.count > 1 ? answer.second : 0)
    }

    /// Sends a message, and waits for its answer.
    private mutating func ask(
        _ tag: UInt32, _ first: UInt32, _ second: UInt32 = 0, results: Int
    ) throws(FirmwareError) -> (count: Int, first: UInt32, second: UInt32) {
        let offset = unsafe PropertyMessage.offset(kept[0])
        unsafe kept[0] &+= 1
        // The mailbox takes addresses of 32 bits.
        guard let memory, let address = UInt32(exactly: memory.deviceAddress + UInt64(offset))
        else { throw .noMemory }
        let bytes = PropertyMessage.bytes
        // Safety: the offset is one of the 64 places of a page.
        let message = unsafe PropertyMessage(
            words: UnsafeMutableBufferPointer(
                rebasing: memory.words[offset / 4..<(offset + bytes) / 4]))
        var values = InlineArray<8, UInt32>(repeating: 0)
        values[0] = first
        values[1] = second
        message.ask(tag, values, results: results)
        memory.giveToDevice(offset: offset, length: bytes)
        try exchange(address)
        memory.takeFromDevice(offset: offset, length: bytes)
        guard let count = message.answerCount, count > 0 else { throw .unknown }
        return (min(count, results), message.value(0), message.value(1))
    }

    /// Hands the message over and waits until it comes back.
    private func exchange(_ address: UInt32) throws(FirmwareError) {
        if !mailbox.post(address) { throw .silent }
        let deadline = Instant.after(milliseconds: MailboxDriver.patience)
        while true {
            guard let bits = try? notification.wait(deadline: deadline) else {
                // The last look: an answer whose interrupt went amiss is one all the same.
                if mailbox.collect(address) { return }
                throw .silent
            }
            if bits & Server.heartbeatBit != 0 { showSignOfLife() }
            if bits & MailboxDriver.interruptBit == 0 { continue }
            let isThere = mailbox.collect(address)
            interrupt.reopen()
            if isThere { return }
        }
    }

    // The task

    mutating func perform(_ request: Received, _ loop: inout Server) {
        FirmwareInterface.perform(request, for: &self, &loop)
    }
    /// An answer that nobody waits for any more.
    mutating func notice(_ bits: UInt64) {
        _ = mailbox.collect(0)
        interrupt.reopen()
    }
    mutating func forgetCallers() {}
}
