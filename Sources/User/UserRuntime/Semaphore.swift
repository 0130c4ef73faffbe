// Counting semaphores, for threads of one task or of several.

import KernelABI

/// A counting semaphore in a cell of a mutex set.
///
/// A unit that is given goes to the most urgent thread that waits, and among equals to the first
/// that came. No other thread can take it before. Nobody inherits from the threads that wait, since
/// nobody is known to give the next unit: where somebody is, use a mutex.
public struct Semaphore: Sendable {
    let cell: Cell

    /// The semaphore in a cell that `setUp` was called for, in this task or in another one.
    public init(_ cell: Cell) { self.cell = cell }

    /// The most units of a semaphore.
    public static var maximum: Int { CountingWord.maximum }

    /// Gives the semaphore its first units, before any thread uses it.
    ///
    /// - Throws: `invalidArgument` (below 0, or above `maximum`).
    public func setUp(units: Int) throws(KernelError) {
        if units < 0 || units > Semaphore.maximum { throw .invalidArgument }
        cell.setUp(CountingWord(units: units))
    }

    /// The units that are left at this instant.
    public var units: Int { cell.value.count }

    /// Takes a unit, or waits for one. Makes no system call if there is one and nobody waits.
    ///
    /// - Throws: `timedOut`, `cancelled`; `wrongState` (the cell is no semaphore), `notMapped` (the
    ///   set has no page), `invalidCapability` (it is destroyed).
    @inline(__always) public func take(deadline: Instant = .never) throws(KernelError) {
        let value = cell.value
        if value.isFreeSemaphore && value.count > 0
            && cell.takes(value, for: value.counting(value.count &- 1))
        {
            return
        }
        try cell.wait(seen: 0, deadline)
    }

    /// Gives a unit: to the most urgent thread that waits, which runs at once if it is more urgent
    /// than the caller. Makes no system call if nobody waits.
    ///
    /// - Throws: `exhausted` (the semaphore has `maximum` units); else as `take`.
    @inline(__always) public func give() throws(KernelError) {
        let value = cell.value
        if value.isFreeSemaphore && value.count < Semaphore.maximum
            && cell.gives(value, for: value.counting(value.count &+ 1))
        {
            return
        }
        try cell.signal()
    }
}
