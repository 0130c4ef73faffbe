// Device registers behind a protocol, so that a driver's logic runs on the host against a recorded register trace.

/// Device registers of 32 bits.
public protocol WordRegisterAccess {
    /// Load the register at byte `offset`, and store to it.
    func read32(_ offset: Int) -> UInt32
    func write32(_ offset: Int, _ value: UInt32)
}

/// A window of device registers of any width.
public protocol RegisterAccess: WordRegisterAccess {
    /// Load the register at byte `offset`.
    func read8(_ offset: Int) -> UInt8
    func read64(_ offset: Int) -> UInt64
    /// Store to the register at byte `offset`.
    func write8(_ offset: Int, _ value: UInt8)
    func write64(_ offset: Int, _ value: UInt64)
}
