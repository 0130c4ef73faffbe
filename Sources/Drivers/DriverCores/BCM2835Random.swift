// The logic of the BCM2835's random numbers (no manual names the block; Linux bindings,
// rng/brcm,bcm2835.yaml): a source that warms up once, and then a FIFO of words.

import MMIO

/// Registers, by byte offset.
enum BCM2835RandomRegister {
    static var control: Int { 0x00 }
    static var status: Int { 0x04 }
    static var data: Int { 0x08 }
    static var interruptMask: Int { 0x10 }
}

public struct BCM2835Random<Registers: RegisterAccess>: RandomSource {
    private let registers: Registers

    /// Numbers that the source throws away before the first that it gives: those of a cold start
    /// say too much.
    static var warmUp: UInt32 { 0x4_0000 }

    /// Starts the source where it is off. Its interrupt stays off: a word is ready long before
    /// somebody could be told.
    public init(registers: Registers) {
        self.registers = registers
        registers.write32(BCM2835RandomRegister.interruptMask, 1)
        if registers.read32(BCM2835RandomRegister.control) & 1 == 0 {
            registers.write32(BCM2835RandomRegister.status, BCM2835Random.warmUp)
            registers.write32(BCM2835RandomRegister.control, 1)
        }
    }

    public func next() -> UInt32? {
        // The number of words in the FIFO stands in bits 24–31.
        if registers.read32(BCM2835RandomRegister.status) >> 24 == 0 { return nil }
        return registers.read32(BCM2835RandomRegister.data)
    }
}
