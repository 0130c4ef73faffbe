// The system calls: their numbers, and the control word that names one.
//
// A call is `svc #0`. Registers, on entry:
//    x0      control word (below)
//    x1, x2  first and second argument; with the bit *timed* in x0, x2 is a deadline
//    x3–x10  message words 0–7, or further arguments of `invoke`
// and on return:
//    x0      result word (Message.swift)
//    x1      badge of the sender, bits of the notification, or 0
//    x2      length of a loan that came with the message, or 0
//    x3–x10  message words 0–7, or results
// x19–x30, SP and TPIDR_EL0 are preserved; x11–x18 come back as 0, and so does every register above
// that has no result.

/// The operation of a system call: bits 40–46 of the control word.
///
/// The kernel dispatches them in one exhaustive `switch`: a new call does not compile until it is
/// handled. The first six have an entry of their own for the frequent case (Vectors.S), which their
/// numbers select.
@frozen public enum SystemCall: UInt8, Sendable {
    /// Sends a message to an endpoint and blocks until the reply comes. May have a deadline.
    case call = 0
    /// Answers the caller held by the reply object in slot x1, then receives from the endpoint into
    /// the same reply object. May have a deadline, for the receive. Without a held caller this is a
    /// plain `receive`.
    case replyAndReceive = 1
    /// ORs bits into a notification: the capability's badge, or x1 if the badge is 0; without bits
    /// it does nothing. Of a mutex set: wakes the most urgent thread that sleeps at a cell (x1:
    /// `CellArgument`), or gives a unit to its semaphore. Never blocks.
    case signal = 2
    /// Takes the notification's bits (in x1), or fails with `wouldBlock`. Never blocks.
    case poll = 3
    /// Gives the processor to the next ready thread of the same priority.
    case yield = 4
    /// Does nothing; x3 returns `abiVersion`, x4 the frequency of the counter in hertz.
    case version = 5
    /// Takes the notification's bits (in x1), or blocks until there are some. Of a mutex set: takes
    /// a unit of a cell's semaphore (x1: `CellArgument`), or sleeps there. May have a deadline.
    case wait = 6
    /// Sends a message to an endpoint and blocks until it was received. May have a deadline.
    case send = 7
    /// Receives from the endpoint, or from the notification bound to this thread. x1: slot of a
    /// free reply object. May have a deadline.
    case receive = 8
    /// Answers the caller held by the reply object (the control word's slot). Never blocks.
    case reply = 9
    /// Performs a `Method` (bits 32–39) on the object of the capability in the slot.
    case invoke = 10
    /// Takes a mutex of a set, and blocks while another participant holds it, which inherits from
    /// the caller meanwhile. x1: `MutexArgument`. x1 returns 1 if its last holder died, else 0. May
    /// have a deadline.
    case lock = 11
    /// Gives a mutex that the caller holds to the most urgent thread that waits for it, or to
    /// nobody. x1: `MutexArgument`. Never blocks.
    case unlock = 12
}

/// The version of this interface. Both sides are built from this module; a task may check that they
/// agree.
public let abiVersion: UInt64 = 1

/// A capability's place in a capability table.
@frozen public struct Slot: Equatable, Sendable {
    public var index: UInt32
    @inlinable public init(_ index: UInt32) { self.index = index }
    /// No capability: an optional argument that is left out.
    @inlinable public static var none: Slot { Slot(0xffff_ffff) }
    /// The calling thread's own table, where an operation takes a capability table.
    @inlinable public static var ownTable: Slot { Slot(0xffff_fffe) }
    @inlinable public static func == (a: Slot, b: Slot) -> Bool { a.index == b.index }
}

/// x0 of a system call.
///
/// | bits | |
/// |---|---|
/// | 0–31 | slot of the capability |
/// | 32–39 | message length in words, or the `Method` of `invoke` |
/// | 40–46 | `SystemCall` |
/// | 47 | *extended*: the IPC buffer holds a part (more than 8 words, capabilities, a loan) |
/// | 48–51 | number of capabilities, 0 to 4 |
/// | 52 | a loan is attached |
/// | 53 | *timed*: x2 holds a deadline; else the call waits for ever |
///
/// The length is directly below the operation, and the bits of rare calls are above both. So one
/// comparison of bits 32–63 tells a plain call of up to eight words from all others.
@frozen public struct ControlWord: Sendable {
    public var raw: UInt64
    @inlinable public init(raw: UInt64) { self.raw = raw }

    @inlinable public init(
        _ call: SystemCall, _ slot: Slot, length: Int = 0, capabilities: Int = 0,
        loan: Bool = false,
        timed: Bool = false
    ) {
        let extended = length > Message.registerWords || capabilities > 0 || loan
        raw =
            UInt64(slot.index) | UInt64(UInt8(truncatingIfNeeded: length)) << 32 | UInt64(
                call.rawValue) << 40
            | (extended ? ControlWord.extendedBit : 0)
            | UInt64(UInt8(truncatingIfNeeded: capabilities) & 15) << 48
            | (loan ? ControlWord.loanBit : 0) | (timed ? ControlWord.timedBit : 0)
    }
    @inlinable public init(invoke method: Method, _ slot: Slot) {
        raw =
            UInt64(slot.index) | UInt64(method.rawValue) << 32 | UInt64(SystemCall.invoke.rawValue)
            << 40
    }
    /// Returns the same call with a deadline in x2, unless the deadline is `.never`.
    @inlinable public func by(_ deadline: Instant) -> ControlWord {
        deadline == .never ? self : ControlWord(raw: raw | ControlWord.timedBit)
    }

    @inlinable public static var extendedBit: UInt64 { 1 << 47 }
    @inlinable public static var loanBit: UInt64 { 1 << 52 }
    @inlinable public static var timedBit: UInt64 { 1 << 53 }
    /// The part that the receiver gets: length, number of capabilities, loan.
    @inlinable public static var messageMask: UInt64 { 0x001f_00ff_0000_0000 }
    /// The same for a message of nothing but words.
    @inlinable public static var lengthMask: UInt64 { 0xff_0000_0000 }

    @inlinable public var slot: Slot { Slot(UInt32(truncatingIfNeeded: raw)) }
    @inlinable public var length: Int { Int(truncatingIfNeeded: (raw &>> 32) & 0xff) }
    @inlinable public var method: Method? {
        Method(rawValue: UInt8(truncatingIfNeeded: raw &>> 32))
    }
    @inlinable public var systemCall: SystemCall? {
        SystemCall(rawValue: UInt8(truncatingIfNeeded: raw &>> 40) & 0x7f)
    }
    @inlinable public var isExtended: Bool { raw & ControlWord.extendedBit != 0 }
    @inlinable public var capabilityCount: Int { Int(truncatingIfNeeded: (raw &>> 48) & 15) }
    @inlinable public var hasLoan: Bool { raw & ControlWord.loanBit != 0 }
    @inlinable public var isTimed: Bool { raw & ControlWord.timedBit != 0 }
}
