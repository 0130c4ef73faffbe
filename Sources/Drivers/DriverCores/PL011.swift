// The PL011 UART's logic (Arm DDI 0183G): interrupts move bytes between the FIFOs and two rings; nothing polls.

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

/// A UART with its rings.
public struct PL011<Registers: RegisterAccess> {
    private let registers: Registers
    public var received: ByteRing
    public var pending: ByteRing
    private var mask: UInt32 = 0

    /// Flag register: receive FIFO empty, transmit FIFO full (3.3.3).
    private static var receiveEmpty: UInt32 { 1 << 4 }
    private static var transmitFull: UInt32 { 1 << 5 }
    /// Interrupts: receive level, transmit level, receive time-out (3.3.10).
    static var receiveBit: UInt32 { 1 << 4 }
    static var transmitBit: UInt32 { 1 << 5 }
    static var timeOutBit: UInt32 { 1 << 6 }

    /// Opens the UART for interrupts. The line's speed stays as the firmware set it, and the FIFOs keep what they hold:
    /// the line control is written only when it is not yet 8 bits with FIFOs, since writing it flushes them.
    public init(registers: Registers, received: ByteRing, pending: ByteRing) {
        self.registers = registers
        self.received = received
        self.pending = pending
        if registers.read32(PL011Register.lineControl) & 0x7e != 0x70 {
            registers.write32(PL011Register.lineControl, 0x70)
        }
        // Enable, transmit, receive (3.3.8).
        registers.write32(PL011Register.control, registers.read32(PL011Register.control) | 0x301)
        service()
    }

    /// Moves what can be moved, and asks for the interrupts that tell when more can. Called for every interrupt, and
    /// after bytes were added to or taken from a ring.
    public mutating func service() {
        registers.write32(
            PL011Register.interruptClear, PL011.receiveBit | PL011.transmitBit | PL011.timeOutBit)
        // At most the two FIFOs' depth a call; more comes with the next interrupt.
        while !received.isFull && registers.read32(PL011Register.flag) & PL011.receiveEmpty == 0 {
            received.add(UInt8(truncatingIfNeeded: registers.read32(PL011Register.data)))
        }
        while pending.count > 0 && registers.read32(PL011Register.flag) & PL011.transmitFull == 0 {
            let number = pending.taken
            registers.write32(PL011Register.data, UInt32(pending[number]))
            _ = pending.take(upTo: number &+ 1)
        }
        // A full ring leaves bytes in the FIFO, and the line to its own flow control.
        let receive = received.isFull ? 0 : PL011.receiveBit | PL011.timeOutBit
        mask = receive | (pending.count > 0 ? PL011.transmitBit : 0)
        registers.write32(PL011Register.interruptMask, mask)
    }
}
