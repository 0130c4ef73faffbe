// The PL061 GPIO's logic (Arm DDI 0190B): eight pins, inputs or outputs; edges of watched ones
// interrupt.

import MMIO

/// Registers, by byte offset (DDI 0190B, 3.2). The data register is 256 words: address bits 2–9
/// mask the pins.
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

public struct PL061<Registers: RegisterAccess>: PinBank {
    private let registers: Registers
    public private(set) var watched: UInt64

    /// Takes the pins up: the rising edges of some and the falling edges of others interrupt, also
    /// one that came before this.
    public init(registers: Registers, rising: UInt64, falling: UInt64) {
        self.registers = registers
        watched = (rising | falling) & 0xff
        registers.write32(PL061Register.interruptMask, 0)
        registers.write32(PL061Register.interruptClear, ~UInt32(watched) & 0xff)
        for pin in 0..<pinCount where watched & 1 << UInt64(pin) != 0 {
            detect(
                pin, rising: rising & 1 << UInt64(pin) != 0,
                falling: falling & 1 << UInt64(pin) != 0)
        }
        registers.write32(PL061Register.interruptMask, UInt32(watched))
    }

    public var pinCount: Int { 8 }
    public var levels: UInt64 { UInt64(registers.read32(PL061Register.data(pins: 0xff)) & 0xff) }
    public var outputs: UInt64 { UInt64(registers.read32(PL061Register.direction) & 0xff) }

    public func function(_ pin: Int) -> PinFunction {
        isPin(pin) && outputs & UInt64(bit(pin)) != 0 ? .output : .input
    }

    /// It has neither resistors nor other functions that it knows of.
    public func configure(_ pin: Int, _ function: PinFunction, _ pull: PinPull?) -> Bool {
        guard isPin(pin), pull == nil, function == .input || function == .output else {
            return false
        }
        set(PL061Register.direction, pin, function == .output)
        return true
    }

    public func write(_ pin: Int, high: Bool) {
        guard isPin(pin) else { return }
        let data = PL061Register.data(pins: UInt8(bit(pin)))
        registers.write32(data, high ? bit(pin) : 0)
        set(PL061Register.direction, pin, true)
        // The level counts from when the pin is an output.
        registers.write32(data, high ? bit(pin) : 0)
    }

    public mutating func watch(_ pin: Int, rising: Bool, falling: Bool) {
        guard isPin(pin) else { return }
        detect(pin, rising: rising, falling: falling)
        watched |= UInt64(bit(pin))
        registers.write32(PL061Register.interruptClear, bit(pin))
        registers.write32(PL061Register.interruptMask, UInt32(watched))
    }

    public mutating func stopWatching(_ pin: Int) {
        guard isPin(pin) else { return }
        watched &= ~UInt64(bit(pin))
        registers.write32(PL061Register.interruptMask, UInt32(watched))
        registers.write32(PL061Register.interruptClear, bit(pin))
    }

    public var edges: UInt64 { UInt64(registers.read32(PL061Register.maskedInterrupt) & 0xff) }

    public func clear(_ pins: UInt64) {
        registers.write32(PL061Register.interruptClear, UInt32(pins & 0xff))
    }

    private func detect(_ pin: Int, rising: Bool, falling: Bool) {
        set(PL061Register.direction, pin, false)
        set(PL061Register.sense, pin, false)
        set(PL061Register.bothEdges, pin, rising && falling)
        set(PL061Register.event, pin, rising)
    }

    private func isPin(_ pin: Int) -> Bool { pin >= 0 && pin < pinCount }
    private func bit(_ pin: Int) -> UInt32 { 1 << UInt32(pin) }
    private func set(_ offset: Int, _ pin: Int, _ isOn: Bool) {
        let old = registers.read32(offset)
        registers.write32(offset, isOn ? old | bit(pin) : old & ~bit(pin))
    }
}
