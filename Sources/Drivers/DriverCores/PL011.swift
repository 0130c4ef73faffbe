// The PL011 UART's logic (Arm DDI 0183G).

import MMIO

/// Registers, by byte offset (DDI 0183G, 3.2).
enum PL011Register {
    static var data: Int { 0x00 }
    static var flag: Int { 0x18 }
    static var lineControl: Int { 0x2c }
    static var control: Int { 0x30 }
    static var interruptMask: Int { 0x38 }
    static var interruptClear: Int { 0x44 }
}

public struct PL011<Registers: RegisterAccess>: SerialPort {
    private let registers: Registers

    /// Looks at a FIFO that empties: longer than its 32 bytes take at 115200 baud, 3 ms.
    static var patience: Int { 100_000 }
    /// Flag register: sending, or something left to send; receive FIFO empty, transmit FIFO
    /// full (3.3.3).
    private static var busy: UInt32 { 1 << 3 }
    private static var receiveEmpty: UInt32 { 1 << 4 }
    private static var transmitFull: UInt32 { 1 << 5 }
    /// Data register, beside the byte (3.3.1): framing error, parity error, break, overrun.
    private static var damagedBits: UInt32 { 3 << 8 }
    private static var breakBit: UInt32 { 1 << 10 }
    private static var overrunBit: UInt32 { 1 << 11 }
    /// Interrupts: receive level, transmit level, receive time-out (3.3.10).
    static var receiveBit: UInt32 { 1 << 4 }
    static var transmitBit: UInt32 { 1 << 5 }
    static var timeOutBit: UInt32 { 1 << 6 }

    /// Opens the UART. The line's speed stays as the firmware set it, and the FIFOs keep what they
    /// hold: the line control is written only when it is not yet 8 bits with FIFOs, since writing
    /// it flushes them.
    public init(registers: Registers) {
        self.registers = registers
        let control = registers.read32(PL011Register.control)
        if registers.read32(PL011Register.lineControl) & 0x7e != 0x70 {
            // Not while it is enabled, nor with bytes still to be sent (3.3.7); a UART that sends
            // none is not waited for longer.
            var looks = 0
            while registers.read32(PL011Register.flag) & PL011.busy != 0 && looks < PL011.patience {
                looks += 1
            }
            registers.write32(PL011Register.control, control & ~1)
            registers.write32(PL011Register.lineControl, 0x70)
        }
        // Enable, transmit, receive (3.3.8).
        registers.write32(PL011Register.control, control | 0x301)
    }

    public func clearInterrupts() {
        registers.write32(
            PL011Register.interruptClear, PL011.receiveBit | PL011.transmitBit | PL011.timeOutBit)
    }
    public func receive() -> SerialInput? {
        if registers.read32(PL011Register.flag) & PL011.receiveEmpty != 0 { return nil }
        let data = registers.read32(PL011Register.data)
        return SerialInput(
            UInt8(truncatingIfNeeded: data),
            // A break has a framing error too.
            fault: data & PL011.breakBit != 0
                ? .lineBreak : data & PL011.damagedBits != 0 ? .damaged : nil,
            isOverrun: data & PL011.overrunBit != 0)
    }
    public func hasRoom() -> Bool { registers.read32(PL011Register.flag) & PL011.transmitFull == 0 }
    public func send(_ byte: UInt8) { registers.write32(PL011Register.data, UInt32(byte)) }
    public func listen(receive: Bool, transmit: Bool) {
        registers.write32(
            PL011Register.interruptMask,
            (receive ? PL011.receiveBit | PL011.timeOutBit : 0) | (transmit ? PL011.transmitBit : 0)
        )
    }
}
