// A serial line over any UART: interrupts move bytes between the FIFOs and two rings; nothing polls.

/// What the line needs of a UART.
public protocol SerialPort {
    /// Ends the interrupts that came so far; called before the FIFOs are looked at.
    func clearInterrupts()
    /// Takes a received byte; nil when the FIFO is empty.
    func receive() -> UInt8?
    /// Whether the transmit FIFO takes a byte.
    var hasRoom: Bool { get }
    /// Sends a byte. - Precondition: `hasRoom`.
    func send(_ byte: UInt8)
    /// Asks for the interrupts that tell of received bytes, and of room to send.
    func listen(receive: Bool, transmit: Bool)
}

/// A UART with its rings.
public struct SerialLine<Port: SerialPort> {
    private let port: Port
    public var received: ByteRing
    public var pending: ByteRing

    public init(port: Port, received: ByteRing, pending: ByteRing) {
        self.port = port
        self.received = received
        self.pending = pending
        service()
    }

    /// Moves what can be moved, and asks for the interrupts that tell when more can. Called for every interrupt, and
    /// after bytes were added to or taken from a ring.
    /// - Complexity: at most a ring of bytes each way; more comes with the next interrupt.
    public mutating func service() {
        port.clearInterrupts()
        while !received.isFull, let byte = port.receive() { received.add(byte) }
        while pending.count > 0 && port.hasRoom {
            let number = pending.taken
            port.send(pending[number])
            _ = pending.take(upTo: number &+ 1)
        }
        // A full ring leaves bytes in the FIFO, and the line to its own flow control.
        port.listen(receive: !received.isFull, transmit: pending.count > 0)
    }
}
