// A serial line over any UART: interrupts move bytes between the FIFOs and two rings;
// nothing polls.

/// What a UART took out of its receive FIFO.
public struct SerialInput: Equatable, Sendable {
    public enum Fault: Sendable {
        /// The stop bit or the parity was wrong: another speed, or noise.
        case damaged
        /// The line was low for longer than a byte.
        case lineBreak
    }
    public var byte: UInt8
    /// What is wrong with the byte.
    public var fault: Fault?
    /// Bytes before or behind it found the FIFO full, and are lost; it is sound itself.
    public var isOverrun: Bool

    public init(_ byte: UInt8, fault: Fault? = nil, isOverrun: Bool = false) {
        self.byte = byte
        self.fault = fault
        self.isOverrun = isOverrun
    }
}

/// What was received and is no byte, counted since the driver started.
public struct SerialFaults: Equatable, Sendable {
    public var overruns: UInt64 = 0
    public var damaged: UInt64 = 0
    public var breaks: UInt64 = 0
}

/// What the line needs of a UART.
public protocol SerialPort {
    /// Ends the interrupts that came so far; called before the FIFOs are looked at.
    func clearInterrupts()
    /// Takes what was received; nil when the FIFO is empty.
    mutating func receive() -> SerialInput?
    /// Whether the transmit FIFO takes a byte.
    mutating func hasRoom() -> Bool
    /// Sends a byte. - Precondition: `hasRoom`.
    func send(_ byte: UInt8)
    /// Asks for the interrupts that tell of received bytes, and of room to send.
    func listen(receive: Bool, transmit: Bool)
}

/// A UART with its rings.
public struct SerialLine<Port: SerialPort> {
    private var port: Port
    public var received: ByteRing
    public var pending: ByteRing
    public private(set) var faults = SerialFaults()

    public init(port: Port, received: ByteRing, pending: ByteRing) {
        self.port = port
        self.received = received
        self.pending = pending
        service()
    }

    /// Moves what can be moved, and asks for the interrupts that tell when more can. Called for
    /// every interrupt, and after bytes were added to or taken from a ring.
    /// - Complexity: at most a ring of bytes each way; more comes with the next interrupt.
    public mutating func service() {
        port.clearInterrupts()
        for _ in 0..<ByteRing.capacity {
            guard !received.isFull, let input = port.receive() else { break }
            take(input)
        }
        var next = pending.taken
        let end = pending.added
        while next != end && port.hasRoom() {
            port.send(pending[next])
            next &+= 1
            _ = pending.take(upTo: next)
        }
        // A full ring leaves bytes in the FIFO, and the line to its own flow control.
        port.listen(receive: !received.isFull, transmit: pending.count > 0)
    }

    /// A byte that is not what was sent does not reach the reader, and is counted.
    private mutating func take(_ input: SerialInput) {
        if input.isOverrun { faults.overruns += 1 }
        switch input.fault {
        case nil: received.add(input.byte)
        case .damaged: faults.damaged += 1
        case .lineBreak: faults.breaks += 1
        }
    }
}
