// Real registers: every access is one volatile load or store of exactly its width. Only a
// board has them.

#if hasFeature(Embedded)
    import _Volatile

    /// Registers at an address that is mapped as device memory.
    public struct MMIORegisters: RegisterAccess, Sendable {
        let base: UInt

        /// - Parameter address: virtual address of the window; it must stay mapped for as long as
        ///   the value is used.
        public init(address: UInt64) { base = UInt(truncatingIfNeeded: address) }

        // Safety: the window was mapped for this device, and offsets are constants of its driver.
        @inline(__always) public func read8(_ offset: Int) -> UInt8 {
            unsafe VolatileMappedRegister<UInt8>(unsafeBitPattern: base &+ UInt(offset)).load()
        }
        @inline(__always) public func read16(_ offset: Int) -> UInt16 {
            unsafe VolatileMappedRegister<UInt16>(unsafeBitPattern: base &+ UInt(offset)).load()
        }
        @inline(__always) public func read32(_ offset: Int) -> UInt32 {
            unsafe VolatileMappedRegister<UInt32>(unsafeBitPattern: base &+ UInt(offset)).load()
        }
        @inline(__always) public func read64(_ offset: Int) -> UInt64 {
            unsafe VolatileMappedRegister<UInt64>(unsafeBitPattern: base &+ UInt(offset)).load()
        }
        @inline(__always) public func write8(_ offset: Int, _ value: UInt8) {
            unsafe VolatileMappedRegister<UInt8>(unsafeBitPattern: base &+ UInt(offset)).store(
                value)
        }
        @inline(__always) public func write16(_ offset: Int, _ value: UInt16) {
            unsafe VolatileMappedRegister<UInt16>(unsafeBitPattern: base &+ UInt(offset)).store(
                value)
        }
        @inline(__always) public func write32(_ offset: Int, _ value: UInt32) {
            unsafe VolatileMappedRegister<UInt32>(unsafeBitPattern: base &+ UInt(offset)).store(
                value)
        }
        @inline(__always) public func write64(_ offset: Int, _ value: UInt64) {
            unsafe VolatileMappedRegister<UInt64>(unsafeBitPattern: base &+ UInt(offset)).store(
                value)
        }
    }
#endif
