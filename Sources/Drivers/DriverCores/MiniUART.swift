// The logic of the BCM2835's mini-UART (BCM2835 ARM Peripherals, 2.2, with the errata that its
// readers found): 16550-like, with FIFOs of eight bytes and no time-out.

import MMIO

/// Registers, by byte offset from AUX_MU_IO_REG (2.1, 2.2.2).
enum MiniUARTRegister {
    static var data: Int { 0x00 }
    static var interruptEnable: Int { 0x04 }
    static var lineControl: Int { 0x0c }
    static var lineStatus: Int { 0x14 }
    static var control: Int { 0x20 }
}

public struct MiniUART<Registers: RegisterAccess>: SerialPort {
    private let registers: Registers
    /// A look at the line status found an overrun that no received byte has told of yet.
    private var isOverrun = false

    /// Line status: a byte was received, a byte found the FIFO full, a byte can be sent. Of damaged
    /// bytes and breaks this UART says nothing.
    private static var dataReady: UInt32 { 1 << 0 }
    private static var overrun: UInt32 { 1 << 1 }
    private static var canSend: UInt32 { 1 << 5 }
    /// Interrupt enable: bit 0 is receive and bit 1 transmit; the manual has them the wrong way
    /// round. Without bits 2 and 3, which it does not name, no receive interrupt comes.
    static var receiveBits: UInt32 { 0b1101 }
    static var transmitBits: UInt32 { 0b1110 }

    /// Opens the UART, which the firmware has switched on (AUX_ENABLES) and whose speed it has set:
    /// that hangs on the core's clock, which only the firmware knows. The interrupt identity is
    /// never written, since that empties the FIFOs.
    public init(registers: Registers) {
        self.registers = registers
        // Eight bits: both low bits, of which the manual names one. Bit 6 would hold the line in a
        // break, bit 7 put the divisor into the data register.
        if registers.read32(MiniUARTRegister.lineControl) & 0xc3 != 3 {
            registers.write32(MiniUARTRegister.lineControl, 3)
        }
        // Receiver and transmitter on.
        registers.write32(MiniUARTRegister.control, registers.read32(MiniUARTRegister.control) | 3)
    }

    /// Both interrupts are levels: they end when the FIFOs are served.
    public func clearInterrupts() {}
    public mutating func receive() -> SerialInput? {
        if lineStatus() & MiniUART.dataReady == 0 { return nil }
        defer { isOverrun = false }
        return SerialInput(
            UInt8(truncatingIfNeeded: registers.read32(MiniUARTRegister.data)), isOverrun: isOverrun
        )
    }
    public mutating func hasRoom() -> Bool { lineStatus() & MiniUART.canSend != 0 }
    /// Reading it ends an overrun, so who reads it keeps that.
    private mutating func lineStatus() -> UInt32 {
        let status = registers.read32(MiniUARTRegister.lineStatus)
        if status & MiniUART.overrun != 0 { isOverrun = true }
        return status
    }
    public func send(_ byte: UInt8) { registers.write32(MiniUARTRegister.data, UInt32(byte)) }
    public func listen(receive: Bool, transmit: Bool) {
        registers.write32(
            MiniUARTRegister.interruptEnable,
            (receive ? MiniUART.receiveBits : 0) | (transmit ? MiniUART.transmitBits : 0))
    }
}
