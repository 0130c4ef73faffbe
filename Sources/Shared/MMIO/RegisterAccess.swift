// Device registers behind a protocol, so that a driver's logic runs on the host against a recorded
// register trace.

/// Device registers of 32 bits.
public protocol WordRegisterAccess {
    /// Loads the register at byte `offset`, a multiple of 4.
    func read32(_ offset: Int) -> UInt32
    /// Stores to the register at byte `offset`, a multiple of 4.
    func write32(_ offset: Int, _ value: UInt32)
}

/// A window of device registers of any width. Each access is one load or store of exactly
/// its width.
///
/// A type implements the widths that its device has. The others trap: an access of another width
/// would reach other registers, or have another effect.
public protocol RegisterAccess: WordRegisterAccess {
    /// Loads the register at byte `offset`, a multiple of the width.
    func read8(_ offset: Int) -> UInt8
    func read16(_ offset: Int) -> UInt16
    func read64(_ offset: Int) -> UInt64
    /// Stores to the register at byte `offset`, a multiple of the width.
    func write8(_ offset: Int, _ value: UInt8)
    func write16(_ offset: Int, _ value: UInt16)
    func write64(_ offset: Int, _ value: UInt64)
}

extension RegisterAccess {
    public func read8(_ offset: Int) -> UInt8 { fatalError("no register of 8 bits") }
    public func read16(_ offset: Int) -> UInt16 { fatalError("no register of 16 bits") }
    public func read64(_ offset: Int) -> UInt64 { fatalError("no register of 64 bits") }
    public func write8(_ offset: Int, _ value: UInt8) { fatalError("no register of 8 bits") }
    public func write16(_ offset: Int, _ value: UInt16) { fatalError("no register of 16 bits") }
    public func write64(_ offset: Int, _ value: UInt64) { fatalError("no register of 64 bits") }
}
