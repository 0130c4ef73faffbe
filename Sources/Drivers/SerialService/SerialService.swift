// The service `serial` around any UART. One loop takes its interrupt and its clients' requests.

import DriverCores
import Interfaces

public struct SerialService<Port: SerialPort>: ~Copyable, SerialServer {
    public typealias Reader = Caller<ReceivedBytes, SerialError>

    private var uart: SerialLine<Port>
    private let interrupt = Interrupt(StartSlot.interrupt)
    private var screen = ScreenLine()
    private var reader: Reader?
    /// Clients that wait for room: one fewer than the driver has places, which is the reader's.
    private var writers = Waiting<Nothing, NoError>()
    private let writerPlaces: Int
    /// A reader asks once a second (Shell/Terminal.swift); one request may go amiss.
    private var lease = InputLease(length: Duration.milliseconds(3000).ticks)

    /// - Parameter waiting: callers that the server can let wait.
    /// - Precondition: the manifest gives the task one interrupt.
    public init(_ uart: SerialLine<Port>, waiting: UInt64) {
        self.uart = uart
        writerPlaces = Int(waiting) - 1
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

    public mutating func takeInterrupt() {
        move()
        interrupt.reopen()
    }

    /// Moves bytes, and answers the callers that waited for that. A request does so as well as an
    /// interrupt: none comes for a ring that a request has emptied.
    private mutating func move() {
        uart.service()
        if uart.received.count > 0 { answerReader() }
        while hasRoom, let writer = writers.takeFirst() { writer.answer() }
    }

    // Output

    public mutating func write(_ text: Bytes<160>, _ client: ClientBadge) throws(SerialError) {
        var text = text
        text.cleanLines()
        try show(text.count, of: client, isEdited: false, isMarked: true) { text[$0] }
    }

    public mutating func writeRaw(
        _ bytes: Bytes<288>, isEdited: Bool, _ client: ClientBadge
    ) throws(SerialError) -> UInt64 {
        try show(bytes.count, of: client, isEdited: isEdited, isMarked: false) { bytes[$0] }
        return screen.replacements
    }

    @inline(__always) private mutating func show(
        _ count: Int, of client: ClientBadge, isEdited: Bool, isMarked: Bool,
        _ byte: (Int) -> UInt8
    ) throws(SerialError) {
        // Who waits for room waits for much: it would never come, if others took each little.
        if isMarked && writers.first != nil { throw .full }
        if uart.pending.room < ScreenLine.most(count, isMarked: isMarked) { throw .full }
        let isForeign = screen.write(
            by: client.task, isEdited: isEdited, isMarked: isMarked, count: count, byte: byte
        ) {
            uart.pending.add($0)
        }
        move()
        if isForeign { answerReader() }
    }

    public mutating func waitForRoom(_ caller: consuming Caller<Nothing, NoError>) {
        if hasRoom { return caller.answer() }
        if writers.count == writerPlaces { return caller.refuseAsBusy() }
        // Their order does not matter: all are answered at once.
        writers.insert(caller, at: 0)
    }

    /// Whether the longest text finds room: with marks, a text of `write`.
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
        move()
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
