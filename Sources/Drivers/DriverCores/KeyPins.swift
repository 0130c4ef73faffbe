// Keys at a bank's pins: which pins are keys, and the presses that nobody was told of yet, in
// memory that survives the task. So a key stays one, and no press is lost with a driver or with the
// one who is told.

/// Words 0–63: each pin's key code, 0 where it is none. Word 64: keys that were pressed, a bit a
/// pin. Word 65: keys whose press is the falling edge.
@safe public struct KeyPins {
    private let words: UnsafeMutableBufferPointer<UInt64>
    /// The pins that are keys, a bit each.
    public private(set) var pins: UInt64 = 0
    /// Words of memory that it takes.
    public static var wordCount: Int { 66 }

    /// - Precondition: `memory` has `wordCount` words, zeros at first.
    public init(memory: UnsafeMutableBufferPointer<UInt64>) {
        unsafe words = memory
        for pin in 0..<64 where word(pin) != 0 { pins |= 1 << UInt64(pin) }
    }

    // Safety: indices are below wordCount, which the memory has.
    private func word(_ index: Int) -> UInt64 { unsafe words[index] }
    private func setWord(_ index: Int, _ value: UInt64) { unsafe words[index] = value }

    /// The code of the key at `pin` (0 to 63); 0 where it is none.
    public func code(_ pin: Int) -> UInt64 { word(pin & 63) }

    /// Makes `pin` (0 to 63) a key, for good: of that code, not 0, and pressed at its rising or its
    /// falling edge.
    public mutating func setKey(_ pin: Int, _ code: UInt64, isFalling: Bool) {
        let bit: UInt64 = 1 << UInt64(pin & 63)
        // Before the code: who dies between leaves no key with the wrong edge.
        setWord(65, isFalling ? word(65) | bit : word(65) & ~bit)
        setWord(pin & 63, code)
        pins = code != 0 ? pins | bit : pins & ~bit
    }

    /// The keys that are pressed at a rising edge, and those at a falling one, a bit a pin.
    public var rising: UInt64 { pins & ~word(65) }
    public var falling: UInt64 { pins & word(65) }

    /// Keys whose press is still to be told, a bit a pin.
    public var pressed: UInt64 { word(64) }

    /// Notes edges. Called before they are cleared in the device: who dies between tells a press
    /// twice, but never not at all.
    public mutating func note(_ edges: UInt64) { setWord(64, pressed | edges & pins) }

    /// Tells of each press; what `send` does not take stays.
    public mutating func tell(_ send: (_ code: UInt64) -> Bool) {
        for pin in 0..<64 where pressed & 1 << UInt64(pin) != 0 {
            if send(word(pin)) { setWord(64, pressed & ~(1 << UInt64(pin))) }
        }
    }
}
