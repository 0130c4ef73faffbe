// What the lock needs of memory: few operations, each with its order.
//
// docs/decisions/0026-kernel-lock.md gives the reason for each order, and what breaks without it.

/// The memory of one kernel lock, which all cores share.
///
/// Each operation is atomic, except on the turns, which only the core that passes the lock reads
/// and writes.
public protocol LockMemory {
    /// Sets all bits of this core's byte if the word is free. **Acquire.**
    ///
    /// - Returns: whether the word was free, and the lock is the core's.
    mutating func take(_ core: Int) -> Bool
    /// Raises a core's request to `urgency`, if it is less. **Acquire**: it may take the lock.
    ///
    /// - Returns: the word before.
    mutating func raise(_ core: Int, to urgency: Urgency) -> LockWord
    /// Raises the request of a core that waits, to an urgency above it. **Relaxed.**
    ///
    /// - Returns: false if another core wrote in between. Then nothing has changed.
    mutating func tryRaise(_ core: Int, to urgency: Urgency) -> Bool
    /// Clears a core's request. **Release.**
    ///
    /// - Returns: the word after.
    mutating func clear(_ core: Int) -> LockWord
    /// Reads the word. **Relaxed**: it may be late.
    func look() -> LockWord

    /// Grants the lock to a core that waits. **Release.**
    mutating func grant(_ core: Int)
    /// Takes this core's grant, if there is one. **Acquire.**
    mutating func acceptGrant(_ core: Int) -> Bool

    /// The core that was granted the lock last, of those that asked in the band, or below it.
    /// **Relaxed**: it is data that the lock protects.
    func turn(inBand: Bool) -> Int
    mutating func setTurn(inBand: Bool, _ core: Int)
}
