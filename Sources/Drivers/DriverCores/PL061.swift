// The PL061 GPIO's logic (Arm DDI 0190B): eight pins; watched ones interrupt on their rising edge.

import MMIO

/// Registers, by byte offset (DDI 0190B, 3.2). The data register is 256 words: address bits 2–9 mask the pins.
enum PL061Register {
    static func data(pins: UInt8) -> Int { Int(pins) << 2 }
    static var direction: Int { 0x400 }
    static var sense: Int { 0x404 }
    static var bothEdges: Int { 0x408 }
    static var event: Int { 0x40c }
    static var interruptMask: Int { 0x410 }
    static var maskedInterrupt: Int { 0x418 }
    static var interruptClear: Int { 0x41c }
}

public struct PL061<Registers: RegisterAccess> {
    private let registers: Registers
    /// Pins that interrupt, a bit each.
    public private(set) var watched: UInt8 = 0

    /// Takes the pins up; an edge that a watched one saw before this is still reported.
    public init(registers: Registers, watched: UInt8) {
        self.registers = registers
        registers.write32(PL061Register.interruptMask, 0)
        registers.write32(PL061Register.interruptClear, UInt32(~watched))
        for pin in 0..<8 where watched & (1 << UInt8(pin)) != 0 { configure(UInt32(1) << UInt32(pin)) }
        self.watched = watched
        registers.write32(PL061Register.interruptMask, UInt32(watched))
    }

    public var levels: UInt8 { UInt8(truncatingIfNeeded: registers.read32(PL061Register.data(pins: 0xff))) }
    public var outputs: UInt8 { UInt8(truncatingIfNeeded: registers.read32(PL061Register.direction)) }

    /// Makes `pin` (0 to 7) an output at a level.
    public func write(_ pin: Int, high: Bool) {
        let bit = UInt8(1) << UInt8(pin & 7)
        registers.write32(PL061Register.data(pins: bit), high ? UInt32(bit) : 0)
        registers.write32(PL061Register.direction, registers.read32(PL061Register.direction) | UInt32(bit))
        // The level counts from when the pin is an output.
        registers.write32(PL061Register.data(pins: bit), high ? UInt32(bit) : 0)
    }

    /// Makes `pin` (0 to 7) an input that interrupts on its rising edge.
    public mutating func watch(_ pin: Int) {
        let bit = UInt32(1) << UInt32(pin & 7)
        watched |= UInt8(bit)
        configure(bit)
        registers.write32(PL061Register.interruptClear, bit)
        registers.write32(PL061Register.interruptMask, UInt32(watched))
    }

    private func configure(_ bit: UInt32) {
        registers.write32(PL061Register.direction, registers.read32(PL061Register.direction) & ~bit)
        registers.write32(PL061Register.sense, registers.read32(PL061Register.sense) & ~bit)
        registers.write32(PL061Register.bothEdges, registers.read32(PL061Register.bothEdges) & ~bit)
        registers.write32(PL061Register.event, registers.read32(PL061Register.event) | bit)
    }

    /// The watched pins that rose. They stay so until `clear`: who notes them first loses none.
    public var risen: UInt8 { UInt8(truncatingIfNeeded: registers.read32(PL061Register.maskedInterrupt)) }

    /// Ends the interrupts of `pins`.
    public func clear(_ pins: UInt8) { registers.write32(PL061Register.interruptClear, UInt32(pins)) }
}
