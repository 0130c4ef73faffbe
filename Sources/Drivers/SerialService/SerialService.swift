// The service `serial` around any UART. One loop takes its interrupt and its clients' requests.

import DriverCores
import Interfaces

public struct SerialService<Port: SerialPort>: ~Copyable, SerialServer {
    public typealias Reader = Caller<ReceivedBytes, SerialError>

    private var uart: SerialLine<Port>
    private let interrupt = Interrupt(StartSlot.interrupt)
    private var screen = ScreenLine()
    private var reader: Reader?
    /// Clients that wait for room.
    private var writers = Waiting<Nothing, NoError>()
    /// A reader asks once a second (Shell/Terminal.swift); one request may go amiss.
    private var lease = InputLease(length: Duration.milliseconds(3000).ticks)

    /// - Precondition: the manifest gives the task one interrupt.
    public init(_ uart: SerialLine<Port>) {
        self.uart = uart
        orEnd(
            "the interrupt cannot be bound",
            try interrupt.bind(Notification(StartSlot.notification), bits: 1))
    }

    /// Inlined, so that each kind of port has a loop of its own: the compiler merges two that are
    /// alike into one without lines, and a fault's trace would not name the place.
    @inline(__always) public consuming func serve(_ information: StartInformation) -> Never {
        var loop = Server(information)
        while true {
            let received = loop.next()
            switch received.delivery {
            case .notification:
                if loop.haveClientsGone { forgetCallers() }
                if received.badge != 0 { takeInterrupt() }
            case .message, .oneWay: SerialInterface.perform(received, for: &self, &loop)
            case .fault: break
            }
        }
    }

    /// Discards the callers that have gone.
    public mutating func forgetCallers() {
        writers.forgetGone()
        guard let held = reader.take() else { return }
        if !held.hasGone { reader = consume held }
    }

    /// Moves bytes, and answers the callers that waited for that.
    public mutating func takeInterrupt() {
        uart.service()
        if uart.received.count > 0 { answerReader() }
        while hasRoom, let writer = writers.takeFirst() { writer.answer() }
        interrupt.reopen()
    }

    // Output

    public mutating func write(_ text: Bytes<160>, _ client: ClientBadge) throws(SerialError) {
        var text = text
        text.cleanLines()
        try show(text, of: client, isEdited: false, isMarked: true)
    }

    public mutating func writeRaw(
        _ bytes: Bytes<160>, isEdited: Bool, _ client: ClientBadge
    ) throws(SerialError) -> UInt64 {
        try show(bytes, of: client, isEdited: isEdited, isMarked: false)
        return screen.replacements
    }

    private mutating func show(
        _ text: Bytes<160>, of client: ClientBadge, isEdited: Bool, isMarked: Bool
    ) throws(SerialError) {
        // Who waits for room waits for much: it would never come, if others took each little.
        if isMarked && writers.first != nil { throw .full }
        if uart.pending.room < ScreenLine.most(text.count, isMarked: isMarked) { throw .full }
        let isForeign = screen.write(
            by: client.task, isEdited: isEdited, isMarked: isMarked, count: text.count
        ) {
            text[$0]
        } send: {
            uart.pending.add($0)
        }
        uart.service()
        if isForeign { answerReader() }
    }

    public mutating func waitForRoom(_ caller: consuming Caller<Nothing, NoError>) {
        if hasRoom { return caller.answer() }
        // Their order does not matter: all are answered at once.
        writers.insert(caller, at: 0)
    }

    /// Whether the longest text finds room.
    private var hasRoom: Bool {
        uart.pending.room >= ScreenLine.most(SerialClient.maximumWrite, isMarked: true)
    }

    // Input

    public mutating func read(
        from first: UInt64, replacements: UInt64, _ caller: consuming Reader
    ) {
        if !lease.renew(by: caller.client.task, at: Instant.now.ticks) {
            return caller.refuse(.taken)
        }
        discard(before: first)
        answerReader()
        if uart.received.count > 0 || screen.replacements != replacements {
            return caller.answer(receivedBytes())
        }
        reader = consume caller
    }

    public mutating func release(before first: UInt64, _ client: ClientBadge) throws(SerialError) {
        if !lease.renew(by: client.task, at: Instant.now.ticks) { throw .taken }
        discard(before: first)
    }

    /// A number that is out of range releases nothing.
    private mutating func discard(before first: UInt64) {
        _ = uart.received.take(upTo: first)
        uart.service()
    }

    /// Answers the reader that waits, if there is one.
    private mutating func answerReader() { reader.take()?.answer(receivedBytes()) }

    private func receivedBytes() -> ReceivedBytes {
        var input = ReceivedBytes(
            first: uart.received.taken, bytes: Bytes(), replacements: screen.replacements)
        var number = input.first
        while number != uart.received.added, input.bytes.append(uart.received[number]) {
            number &+= 1
        }
        return input
    }

    public mutating func state(_ client: ClientBadge) -> SerialState {
        SerialState(
            received: uart.received.added, sent: uart.pending.taken,
            overruns: uart.faults.overruns, damaged: uart.faults.damaged,
            breaks: uart.faults.breaks)
    }
}
