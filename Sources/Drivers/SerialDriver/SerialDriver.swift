// The task around a UART: the service `serial`. One loop takes its interrupt and its clients' requests.

import DriverCores
import KernelABI
import MMIO
import Protocols
import UserRuntime

@c(SerialDriver_main) func serialDriver(_ address: UInt) -> Int32 {
    let information = startInformation(address)
    let registers = MMIORegisters(address: information.registers[0])
    // The order of `compatible` in the manifest: a PL011, then a mini-UART.
    if information.variant == 0 {
        var driver = SerialDriver(information, PL011(registers: registers))
        driver.serve()
    } else {
        var driver = SerialDriver(information, MiniUART(registers: registers))
        driver.serve()
    }
}

struct SerialDriver<Port: SerialPort> {
    private var server: Server
    private var uart: SerialLine<Port>
    private let interrupt = Interrupt(StartSlot.interrupt)
    private var reader: Reply?
    private var writer: Reply?

    /// - Precondition: the manifest gives the task a page of persistent memory and one interrupt.
    init(_ information: StartInformation, _ port: Port) {
        server = Server(information)
        let memory = unsafe persistentMemory(information)
        // Safety: a page is 512 words, of which each ring takes 136.
        let first = unsafe ByteRing(memory: UnsafeMutableBufferPointer(rebasing: memory[0..<256]))
        let second = unsafe ByteRing(memory: UnsafeMutableBufferPointer(rebasing: memory[256..<512]))
        uart = SerialLine(port: port, received: first, pending: second)
        try? interrupt.bind(server.notification, bits: 1)
    }

    mutating func serve() -> Never {
        while true {
            let request = server.next()
            switch request.delivery {
            case .notification:
                uart.service()
                wake()
                try? interrupt.acknowledge()
            case .message: answer(request)
            case .oneWay, .fault: break
            }
        }
    }

    private mutating func answer(_ request: Received) {
        switch request[0] & 0xff {
        case SerialRequest.write: write(request)
        case SerialRequest.read: read(request)
        default: server.reply(RegisterMessage(1))
        }
    }

    private mutating func write(_ request: Received) {
        let count = min(Int(request[0] >> 8 & 0xff), SerialRequest.maximumWrite)
        var taken = 0
        while taken < count && !uart.pending.isFull {
            uart.pending.add(request.byte(taken, at: 1))
            taken += 1
        }
        uart.service()
        if taken == 0 && count > 0 && writer == nil, let held = server.hold() {
            writer = held
            return
        }
        server.reply(RegisterMessage(0, UInt64(taken)))
    }

    private mutating func read(_ request: Received) {
        if request[1] != SerialRequest.fromOldest { _ = uart.received.take(upTo: request[1]) }
        uart.service()
        if let earlier = reader {
            reader = nil
            server.release(earlier, RegisterMessage(0, 0, 0))
        }
        if uart.received.count > 0 { return server.reply(bytes()) }
        reader = server.hold()
        if reader == nil { server.reply(RegisterMessage(0, 0, 0)) }
    }

    private func bytes() -> RegisterMessage {
        let ring = uart.received
        let count = min(Int(ring.count), SerialRequest.maximumRead)
        var message = RegisterMessage(0, ring.taken, UInt64(count))
        for index in 0..<count {
            message[3 + index / 8] |= UInt64(ring[ring.taken &+ UInt64(index)]) << UInt64(index % 8 * 8)
        }
        message.length = 8
        return message
    }

    /// Answers the callers that waited for what the interrupt brought.
    private mutating func wake() {
        if let held = reader, uart.received.count > 0 {
            reader = nil
            server.release(held, bytes())
        }
        if let held = writer, !uart.pending.isFull {
            writer = nil
            server.release(held, RegisterMessage(0, 0))
        }
    }
}
