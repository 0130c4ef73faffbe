// The service of random numbers from a source in hardware.

/// Random numbers from a source in hardware.
@Service(version: 1)
public protocol Random {
    /// Returns up to six words of 64 random bits. If there are none, the source has none yet: ask
    /// again.
    @Method(1) func words() -> Items<UInt64, 6>
}
