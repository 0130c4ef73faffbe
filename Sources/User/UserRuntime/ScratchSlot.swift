// A slot that capabilities pass through. A capability that an error leaves there would make every
// later use fail, so one place empties the slot on every path.

import KernelABI

/// A slot for one capability at a time, on its way to its place.
///
/// The slot has one owner, which uses it for one thing at a time. It is empty between two uses.
public struct ScratchSlot: Sendable {
    private let slot: Slot
    public init(_ slot: Slot) { self.slot = slot }

    /// Lends the slot to `body`, and empties it afterwards.
    ///
    /// - Parameter body: may put a capability into the slot, or receive one there, and moves it
    ///   on to keep it.
    /// - Postcondition: the slot is empty, also if `body` throws.
    @inline(__always) public func use<Result, Failure: Error>(
        _ body: (Slot) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        defer { clear() }
        return try body(slot)
    }

    /// Deletes what is in the slot. An empty slot stays empty.
    private func clear() { try? CapabilityTable.own.delete(slot) }
}
