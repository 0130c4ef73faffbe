// The logic of the BCM2711's random numbers, the block called RNG200 (no manual names it; Linux
// bindings, rng/brcm,iproc-rng200.yaml): a source that throws its first bits away, and then a
// FIFO of words.

import MMIO

/// Registers, by byte offset.
enum RNG200Register {
    static var control: Int { 0x00 }
    static var bitCount: Int { 0x0c }
    static var bitThreshold: Int { 0x10 }
    static var data: Int { 0x20 }
    static var count: Int { 0x24 }
}

public struct RNG200<Registers: RegisterAccess>: RandomSource {
    private let registers: Registers

    /// Control: the source's switch, of many bits; above it the divisor of its clock, here for a
    /// million samples a second.
    static var enable: UInt32 { 0x1fff }
    static var divisor: UInt32 { 3 << 13 }
    /// Bits that the source throws away before the first that it gives: those of a cold start
    /// say too much.
    static var warmUp: UInt32 { 0x4_0000 }
    /// Bits that it must have made until its FIFO counts.
    static var leastBits: UInt32 { 17 }

    /// Starts the source where it is off. Its interrupt stays off, and the FIFO's threshold for
    /// that is two words.
    public init(registers: Registers) {
        self.registers = registers
        if registers.read32(RNG200Register.control) & RNG200.enable != 0 { return }
        registers.write32(RNG200Register.bitThreshold, RNG200.warmUp)
        registers.write32(RNG200Register.count, 2 << 8)
        registers.write32(RNG200Register.control, RNG200.divisor | RNG200.enable)
    }

    public func next() -> UInt32? {
        if registers.read32(RNG200Register.bitCount) < RNG200.leastBits { return nil }
        // The number of words in the FIFO stands in bits 0–7.
        if registers.read32(RNG200Register.count) & 0xff == 0 { return nil }
        return registers.read32(RNG200Register.data)
    }
}
