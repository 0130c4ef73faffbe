// Device registers behind a protocol, so that a driver's logic runs on the host against a recorded register trace.

/// A window of device registers.
public protocol RegisterAccess {
    /// Load the register at byte `offset`.
    func read8(_ offset: Int) -> UInt8
    func read32(_ offset: Int) -> UInt32
    func read64(_ offset: Int) -> UInt64
    /// Store to the register at byte `offset`.
    func write8(_ offset: Int, _ value: UInt8)
    func write32(_ offset: Int, _ value: UInt32)
    func write64(_ offset: Int, _ value: UInt64)
}
