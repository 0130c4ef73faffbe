// The task around a UART: the service `serial`. One loop takes its interrupt and its
// clients' requests.

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
    private var writers: (Waiting?, Waiting?)
    private var screen = ScreenLine()
    /// Readers ask once a second (Shell/Terminal.swift); one may go amiss.
    private var lease = InputLease(length: Duration.milliseconds(3000).ticks)

    /// A writer that is answered later.
    private struct Waiting {
        var reply: Reply
        var task: UInt64
        /// Bytes of room that its write takes.
        var room: UInt64
    }

    /// - Precondition: the manifest gives the task a page of persistent memory and one interrupt.
    init(_ information: StartInformation, _ port: Port) {
        server = Server(information)
        let memory = unsafe persistentMemory(information)
        // Safety: a page is 512 words, of which each ring takes 136.
        let first = unsafe ByteRing(memory: UnsafeMutableBufferPointer(rebasing: memory[0..<256]))
        let second = unsafe ByteRing(
            memory: UnsafeMutableBufferPointer(rebasing: memory[256..<512]))
        uart = SerialLine(port: port, received: first, pending: second)
        orEnd("the interrupt cannot be bound", try interrupt.bind(server.notification, bits: 1))
    }

    /// Inlined, so that each kind of port has a loop of its own: the compiler merges two that are
    /// alike into one without lines, and a fault's trace would not name the place.
    @inline(__always) mutating func serve() -> Never {
        var message = LongMessage()
        while true {
            let request = server.next(into: &message)
            switch request.delivery {
            case .notification:
                forgetGone()
                uart.service()
                wake()
                interrupt.reopen()
            case .message: answer(request, &message)
            case .oneWay, .fault: break
            }
        }
    }

    /// Frees the places of callers that wait no more.
    private mutating func forgetGone() {
        if let held = reader, server.hasGone(held) { reader = nil }
        if let writer = writers.0, server.hasGone(writer.reply) { writers.0 = nil }
        if let writer = writers.1, server.hasGone(writer.reply) { writers.1 = nil }
    }

    private mutating func answer(_ request: Received, _ message: inout LongMessage) {
        let client = request.client
        let operation = request[0] & 0xff
        if operation == SerialRequest.write { return write(&message, client) }
        // Everything else tells of what was typed, or lets go of it.
        if !client.mayCall(UntypedRight.serialRead) {
            return server.reply(RegisterMessage(SerialRequest.notPermitted))
        }
        switch operation {
        case SerialRequest.read, SerialRequest.release:
            if !lease.renew(by: client.task, at: Instant.now.ticks) {
                return server.reply(RegisterMessage(SerialRequest.taken))
            }
            if operation == SerialRequest.read { return read(request) }
            // A number that is out of range lets go of nothing.
            _ = uart.received.take(upTo: request[1])
            uart.service()
            server.reply(RegisterMessage(0))
        case SerialRequest.state: server.reply(state())
        default: server.reply(RegisterMessage(1))
        }
    }

    private func state() -> RegisterMessage {
        var message = RegisterMessage(
            0, uart.received.added, uart.pending.taken, uart.faults.overruns)
        message.setWord(4, uart.faults.damaged)
        message.setWord(5, uart.faults.breaks)
        return message
    }

    private mutating func write(_ request: inout LongMessage, _ client: ClientBadge) {
        let count = min(Int(request[0] >> 8 & 0xff), SerialRequest.maximumWrite)
        var text = InlineArray<160, UInt8>(repeating: 0)
        var word: UInt64 = 0
        for index in 0..<count {
            if index % 8 == 0 { word = request[1 + index / 8] }
            text[index] = UInt8(truncatingIfNeeded: word)
            word >>= 8
        }
        let isFree = client.mayCall(UntypedRight.serialControl)
        if !isFree {
            var bytes = text.mutableSpan
            PrintableText.clean(&bytes, keepsLines: true)
        }
        let isEdited = isFree && request[0] & SerialRequest.edited != 0
        let bytes = text.span.extracting(0..<count)
        // How much it will be, from a copy of the screen's state.
        var trial = screen
        var needed: UInt64 = 0
        _ = trial.write(by: client.task, isEdited: isEdited, isMarked: !isFree, bytes) { _ in
            needed += 1
        }
        if uart.pending.room < needed { return hold(client.task, room: needed) }
        let isForeign = screen.write(
            by: client.task, isEdited: isEdited, isMarked: !isFree, bytes
        ) { uart.pending.add($0) }
        uart.service()
        if isForeign, let held = reader { release(held) }
        server.reply(RegisterMessage(0, UInt64(count), screen.disturbances))
    }

    /// Keeps a writer until there is room, at the reader's cost if need be: a reader asks again.
    private mutating func hold(_ task: UInt64, room: UInt64) {
        // A task that asks again gave up waiting before.
        if let stale = writers.0, stale.task == task {
            writers.0 = nil
            server.release(stale.reply, RegisterMessage(0, 0))
        }
        if let stale = writers.1, stale.task == task {
            writers.1 = nil
            server.release(stale.reply, RegisterMessage(0, 0))
        }
        let busy = RegisterMessage(SerialRequest.busy)
        if writers.0 != nil && writers.1 != nil { return server.reply(busy) }
        var held = server.hold()
        if held == nil, let earlier = reader {
            release(earlier)
            held = server.hold()
        }
        guard let held else { return server.reply(busy) }
        let waiting = Waiting(reply: held, task: task, room: max(room, ByteRing.capacity / 2))
        if writers.0 == nil { writers.0 = waiting } else { writers.1 = waiting }
    }

    /// Answers the waiting reader without bytes.
    private mutating func release(_ held: Reply) {
        reader = nil
        server.release(held, nothing)
    }

    /// The answer to a reader that brings no bytes.
    private var nothing: RegisterMessage { RegisterMessage(0, screen.disturbances, 0) }

    private mutating func read(_ request: Received) {
        if request[1] != SerialRequest.fromOldest { _ = uart.received.take(upTo: request[1]) }
        uart.service()
        if let earlier = reader { release(earlier) }
        // Bytes first: who writes without end must not keep the keyboard from its reader.
        if uart.received.count > 0 { return server.reply(bytes()) }
        if screen.disturbances != request[2] { return server.reply(nothing) }
        guard let held = server.hold() else { return server.reply(nothing) }
        reader = held
    }

    private func bytes() -> RegisterMessage {
        let ring = uart.received
        let count = min(Int(ring.count), SerialRequest.maximumRead)
        var message = RegisterMessage(length: 8)
        message[1] = ring.taken
        message[2] = UInt64(count)
        for index in 0..<count {
            message[3 + index / 8] |=
                UInt64(ring[ring.taken &+ UInt64(index)]) << UInt64(index % 8 * 8)
        }
        return message
    }

    /// Answers the callers that waited for what the interrupt brought.
    private mutating func wake() {
        if let held = reader, uart.received.count > 0 {
            reader = nil
            server.release(held, bytes())
        }
        // Half empty at least, so that a writer that comes again finds room.
        if let writer = writers.0, uart.pending.room >= writer.room {
            server.release(writer.reply, RegisterMessage(0, 0))
            writers.0 = nil
        }
        if let writer = writers.1, uart.pending.room >= writer.room {
            server.release(writer.reply, RegisterMessage(0, 0))
            writers.1 = nil
        }
    }
}
