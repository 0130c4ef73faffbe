// The task around the mailbox: the service `firmware`. One question at a time; the others queue at the endpoint by urgency.

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

struct MailboxDriver {
    private var server: Server
    private let mailbox: BCM2835Mailbox<MMIORegisters>
    private let interrupt = Interrupt(StartSlot.interrupt)
    /// The message, in memory that the firmware reaches; nil where there is none.
    private let memory: DeviceMemory?
    private static var interruptBit: UInt64 { 1 }
    /// Milliseconds that the firmware has for an answer.
    private static var patience: UInt64 { 1000 }

    init(_ information: StartInformation) {
        server = Server(information)
        mailbox = BCM2835Mailbox(registers: MMIORegisters(address: information.registers[0]))
        memory = DeviceMemory(information, slot: StartSlot.firstFree)
        try? interrupt.bind(server.notification, bits: MailboxDriver.interruptBit)
    }

    mutating func serve() -> Never {
        while true {
            let request = server.next()
            switch request.delivery {
            case .notification:
                // An answer that nobody waits for any more.
                _ = mailbox.collect(0)
                try? interrupt.acknowledge()
            case .message:
                do throws(FirmwareError) { server.reply(try answer(request)) } catch {
                    server.reply(RegisterMessage(error.rawValue))
                }
            case .oneWay, .fault: break
            }
        }
    }

    private func answer(_ request: Received) throws(FirmwareError) -> RegisterMessage {
        guard request[0] == FirmwareRequest.ask,
            let question = FirmwareQuestion(rawValue: UInt32(truncatingIfNeeded: request[1]))
        else { throw .notPermitted }
        // The mailbox takes addresses of 32 bits.
        guard let memory, let address = UInt32(exactly: memory.deviceAddress) else { throw .noMemory }
        let message = unsafe PropertyMessage(words: memory.words)
        var values = InlineArray<8, UInt32>(repeating: 0)
        if question.argumentCount > 0 { values[0] = UInt32(truncatingIfNeeded: request[2]) }
        message.ask(question.rawValue, values, results: question.resultCount)
        memory.giveToDevice(length: PropertyMessage.bytes)
        try exchange(address)
        memory.takeFromDevice(length: PropertyMessage.bytes)
        guard let count = message.answerCount, count > 0 else { throw .unknown }
        return RegisterMessage(
            0, UInt64(min(count, question.resultCount)), UInt64(message.value(0)), UInt64(message.value(1)))
    }

    /// Hands the message over and waits until it comes back.
    private func exchange(_ address: UInt32) throws(FirmwareError) {
        if !mailbox.post(address) { throw .silent }
        let deadline = Instant.after(milliseconds: MailboxDriver.patience)
        while true {
            guard let bits = try? server.notification.wait(deadline: deadline) else { throw .silent }
            if bits & Server.heartbeatBit != 0 { showSignOfLife() }
            if bits & MailboxDriver.interruptBit == 0 { continue }
            let isThere = mailbox.collect(address)
            try? interrupt.acknowledge()
            if isThere { return }
        }
    }
}
