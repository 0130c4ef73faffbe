// The task around the mailbox: the service `firmware`. One question at a time; the others queue at
// the endpoint by urgency.

import DriverCores
import KernelABI
import MMIO
import Protocols
import UserRuntime

@c(BCM2835MailboxDriver_main) func mailboxDriver(_ address: UInt) -> Int32 {
    let information = startInformation(address)
    var driver = MailboxDriver(information)
    driver.serve()
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

@safe struct MailboxDriver {
    private var server: Server
    private let mailbox: BCM2835Mailbox<MailboxRegisters>
    private let interrupt = Interrupt(StartSlot.interrupt)
    /// The messages, in memory that the firmware reaches; nil where there is none.
    private let memory: DeviceMemory?
    /// Word 0: how many questions were asked, also in earlier lives of the driver: the last one may
    /// have died of a question that the firmware is still at.
    private let kept: UnsafeMutableBufferPointer<UInt64>
    private static var interruptBit: UInt64 { 1 }
    /// Milliseconds that the firmware has for an answer.
    private static var patience: UInt64 { 1000 }

    init(_ information: StartInformation) {
        server = Server(information)
        mailbox = BCM2835Mailbox(registers: MailboxRegisters(information))
        memory = DeviceMemory(information, slot: StartSlot.firstFree)
        // Safety: the manifest gives this task a page, 512 words.
        unsafe kept = persistentMemory(information)
        orEnd(
            "the interrupt cannot be bound",
            try interrupt.bind(server.notification, bits: MailboxDriver.interruptBit))
    }

    mutating func serve() -> Never {
        while true {
            let request = server.next()
            switch request.delivery {
            case .notification:
                // An answer that nobody waits for any more.
                _ = mailbox.collect(0)
                interrupt.reopen()
            case .message:
                do throws(FirmwareError) { server.reply(try answer(request)) } catch {
                    server.reply(RegisterMessage(error.rawValue))
                }
            case .oneWay, .fault: break
            }
        }
    }

    private mutating func answer(_ request: Received) throws(FirmwareError) -> RegisterMessage {
        switch request[0] {
        case FirmwareRequest.ask:
            guard let tag = UInt32(exactly: request[1]),
                let question = FirmwareQuestion(rawValue: tag)
            else { throw .notPermitted }
            let argument = question.argumentCount > 0 ? UInt32(truncatingIfNeeded: request[2]) : 0
            let answer = try ask(tag, argument, results: question.resultCount)
            return RegisterMessage(
                0, UInt64(answer.count), UInt64(answer.first), UInt64(answer.second))
        case FirmwareRequest.pin where FirmwarePin.mayRead(request[1]):
            return try pin(request, FirmwarePin.get)
        case FirmwareRequest.setPin where FirmwarePin.maySet(request[1]):
            return try pin(request, FirmwarePin.set)
        default: throw .notPermitted
        }
    }

    private mutating func pin(
        _ request: Received, _ tag: UInt32
    ) throws(FirmwareError) -> RegisterMessage {
        let pin = FirmwarePin.first + UInt32(truncatingIfNeeded: request[1])
        let answer = try ask(tag, pin, request[2] == 0 ? 0 : 1, results: 2)
        // The firmware leaves the pin's number there when it cannot do it.
        if answer.first != 0 { throw .unknown }
        return RegisterMessage(0, UInt64(answer.second))
    }

    /// Puts one question, and waits for its answer.
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
            guard let bits = try? server.notification.wait(deadline: deadline) else {
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
}
