// The logic of the BCM2835's and the BCM2711's pins (BCM2835 ARM Peripherals, 6; BCM2711 ARM
// Peripherals, 5): up to 58 pins, each with a function, a pull, a level and edges that interrupt.

import MMIO

/// Registers, by byte offset (6.1). Those of one bit a pin come in pairs: pins 0–31, pins 32 on.
enum BCM2835GPIORegister {
    /// Ten pins a register, three bits each.
    static func function(pin: Int) -> Int { pin / 10 * 4 }
    static var set: Int { 0x1c }
    static var clear: Int { 0x28 }
    static var level: Int { 0x34 }
    static var event: Int { 0x40 }
    static var risingEdge: Int { 0x4c }
    static var fallingEdge: Int { 0x58 }
    static var asynchronousFalling: Int { 0x88 }
    static var pull: Int { 0x94 }
    static var pullClock: Int { 0x98 }
    /// BCM2711 only (5.2): sixteen pins a register, two bits each.
    static func pullControl(pin: Int) -> Int { 0xe4 + pin / 16 * 4 }
}

public struct BCM2835GPIO<Registers: RegisterAccess>: PinBank {
    /// Which of the two chips.
    public enum Model: Sendable {
        /// 54 pins; a pull is clocked in and cannot be read back.
        case bcm2835
        /// 58 pins; each has its pull in a register.
        case bcm2711
    }
    private let registers: Registers
    private let model: Model

    /// Takes the pins over with the functions, pulls and levels that they have. The rising edges
    /// of some and the falling edges of others interrupt, also one that came before this; no
    /// others do.
    public init(registers: Registers, model: Model, rising: UInt64, falling: UInt64) {
        self.registers = registers
        self.model = model
        for bank in 0..<2 {
            let up = UInt32(truncatingIfNeeded: (rising & mask) >> UInt64(32 * bank))
            let down = UInt32(truncatingIfNeeded: (falling & mask) >> UInt64(32 * bank))
            // The six kinds of detection stand twelve bytes apart.
            let first = BCM2835GPIORegister.risingEdge
            let last = BCM2835GPIORegister.asynchronousFalling
            for kind in stride(from: first, through: last, by: 12) {
                let pins = kind == first ? up : kind == BCM2835GPIORegister.fallingEdge ? down : 0
                registers.write32(kind + 4 * bank, pins)
            }
            registers.write32(BCM2835GPIORegister.event + 4 * bank, ~(up | down))
        }
    }

    public var pinCount: Int { model == .bcm2835 ? 54 : 58 }

    public var levels: UInt64 { pair(BCM2835GPIORegister.level) }

    public var outputs: UInt64 {
        var pins: UInt64 = 0
        for pin in 0..<pinCount where function(pin) == .output { pins |= 1 << UInt64(pin) }
        return pins
    }

    public func function(_ pin: Int) -> PinFunction {
        let code =
            registers.read32(BCM2835GPIORegister.function(pin: pin)) >> UInt32(pin % 10 * 3) & 7
        return PinFunction(rawValue: UInt8(code)) ?? .input
    }

    public func setFunction(_ pin: Int, _ function: PinFunction) {
        guard isPin(pin) else { return }
        let offset = BCM2835GPIORegister.function(pin: pin)
        let shift = UInt32(pin % 10 * 3)
        registers.write32(
            offset, registers.read32(offset) & ~(7 << shift) | UInt32(function.rawValue) << shift)
    }

    public func configure(_ pin: Int, _ function: PinFunction, _ pull: PinPull?) -> Bool {
        if let pull { setPull(pin, pull) }
        setFunction(pin, function)
        return isPin(pin)
    }

    /// The level first, so that the other one never shows.
    public func write(_ pin: Int, high: Bool) {
        guard isPin(pin) else { return }
        registers.write32(
            (high ? BCM2835GPIORegister.set : BCM2835GPIORegister.clear) + bank(pin), bit(pin))
        if function(pin) != .output { setFunction(pin, .output) }
    }

    public func setPull(_ pin: Int, _ pull: PinPull) {
        guard isPin(pin) else { return }
        switch model {
        case .bcm2835: clockPull(pin, pull)
        case .bcm2711:
            let offset = BCM2835GPIORegister.pullControl(pin: pin)
            let shift = UInt32(pin % 16 * 2)
            registers.write32(
                offset, registers.read32(offset) & ~(3 << shift) | UInt32(pull.rawValue) << shift)
        }
    }

    /// The sequence of GPPUD and GPPUDCLK (6.1): the code, then the pins that take it, with time
    /// between. Up and down have the other codes than on the BCM2711.
    private func clockPull(_ pin: Int, _ pull: PinPull) {
        let code: UInt32 = pull == .up ? 2 : pull == .down ? 1 : 0
        registers.write32(BCM2835GPIORegister.pull, code)
        settle()
        registers.write32(BCM2835GPIORegister.pullClock + bank(pin), bit(pin))
        settle()
        registers.write32(BCM2835GPIORegister.pull, 0)
        registers.write32(BCM2835GPIORegister.pullClock + bank(pin), 0)
    }

    /// The 150 cycles of the pins' clock that the manual asks for: a load from them takes at
    /// least one.
    private func settle() {
        for _ in 0..<150 { _ = registers.read32(BCM2835GPIORegister.level) }
    }

    public func watch(_ pin: Int, rising: Bool, falling: Bool) {
        setFunction(pin, .input)
        detect(pin, rising: rising, falling: falling)
    }

    public func stopWatching(_ pin: Int) { detect(pin, rising: false, falling: false) }

    private func detect(_ pin: Int, rising: Bool, falling: Bool) {
        guard isPin(pin) else { return }
        set(BCM2835GPIORegister.risingEdge, pin, rising)
        set(BCM2835GPIORegister.fallingEdge, pin, falling)
        registers.write32(BCM2835GPIORegister.event + bank(pin), bit(pin))
    }

    public var watched: UInt64 {
        pair(BCM2835GPIORegister.risingEdge) | pair(BCM2835GPIORegister.fallingEdge)
    }

    public var edges: UInt64 { pair(BCM2835GPIORegister.event) }

    public func clear(_ pins: UInt64) {
        for bank in 0..<2 {
            let events = UInt32(truncatingIfNeeded: pins >> UInt64(32 * bank))
            if events != 0 { registers.write32(BCM2835GPIORegister.event + 4 * bank, events) }
        }
    }

    private var mask: UInt64 { (1 << UInt64(pinCount)) - 1 }
    private func isPin(_ pin: Int) -> Bool { pin >= 0 && pin < pinCount }
    private func bank(_ pin: Int) -> Int { pin / 32 * 4 }
    private func bit(_ pin: Int) -> UInt32 { 1 << UInt32(pin % 32) }
    private func pair(_ offset: Int) -> UInt64 {
        (UInt64(registers.read32(offset)) | UInt64(registers.read32(offset + 4)) << 32) & mask
    }
    private func set(_ offset: Int, _ pin: Int, _ isOn: Bool) {
        let old = registers.read32(offset + bank(pin))
        registers.write32(offset + bank(pin), isOn ? old | bit(pin) : old & ~bit(pin))
    }
}
