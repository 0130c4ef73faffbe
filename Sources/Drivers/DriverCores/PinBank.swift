// What a bank of pins can do, whichever chip's it is: the service around all of them is one
// (Drivers/PinService).

/// What a pin does: the BCM2835's function-select code.
public enum PinFunction: UInt8, Sendable {
    case input = 0
    case output = 1
    case alternative0 = 4
    case alternative1 = 5
    case alternative2 = 6
    case alternative3 = 7
    case alternative4 = 3
    case alternative5 = 2
}

/// The resistor at a pin.
public enum PinPull: UInt8, Sendable {
    case none = 0
    case up = 1
    case down = 2
}

/// Up to 64 pins; where a property is a set of them, it has a bit for each.
///
/// Invariant: a pin outside `0..<pinCount` touches no register.
public protocol PinBank {
    var pinCount: Int { get }
    /// The pins that are high.
    var levels: UInt64 { get }
    /// The pins that are outputs.
    var outputs: UInt64 { get }
    /// The pins whose edges interrupt.
    var watched: UInt64 { get }
    /// The pins that had an edge. They stay so until `clear`: who notes them first loses none.
    var edges: UInt64 { get }
    /// Ends the interrupts of `pins`.
    func clear(_ pins: UInt64)
    func function(_ pin: Int) -> PinFunction
    /// Gives `pin` a function, and a pull where that is not nil.
    /// - Returns: false, with nothing changed, for what the bank cannot do.
    func configure(_ pin: Int, _ function: PinFunction, _ pull: PinPull?) -> Bool
    /// Makes `pin` an output at a level.
    func write(_ pin: Int, high: Bool)
    /// Makes `pin` an input of which these edges interrupt; an event from before is none.
    mutating func watch(_ pin: Int, rising: Bool, falling: Bool)
    /// Ends the interrupts of a pin's edges. Whatever it is used for by now, it goes on
    /// being used for.
    mutating func stopWatching(_ pin: Int)
}
