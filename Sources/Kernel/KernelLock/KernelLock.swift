// The kernel lock: its holder passes it to the most urgent core that waits.
//
//     core 0   holds ─────────── clear ─ grant 2
//     core 1        raise (1) ┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄ accept ─ holds ─▶
//     core 2             raise (1) ┄ raise (200) ┄ accept ─ holds ─ clear ─ grant 1
//
// A core that finds the lock free takes it with the same atomic step that else leaves its request.
// The releasing core alone chooses the next holder, by the word that its own `clear` left. A
// request that comes after this `clear` finds the word free, and takes the lock. Or it finds
// requests of others: one of these cores is granted the lock, and sees the late request when it
// releases.
//
// **Turns.** Equals take turns: the next is the first in cyclic order after the core that had the
// last turn. There are two turns, one in the real-time band and one below it. With one for both,
// the requests of one core in the band could move the turn back again and again, and so keep a core
// below the band out for ever.
//
// docs/decisions/0026-kernel-lock.md derives the bounds.

/// The kernel lock as one core sees it.
///
/// Invariants, in every state between two operations on the memory:
/// - At most one core holds the lock, is granted it, or passes it.
/// - The word is not free while one does, and free otherwise.
/// - A core's grant is set only while that core waits.
public struct KernelLock<Memory: LockMemory> {
    /// This core.
    public let core: Int
    public var memory: Memory

    @inline(__always) public init(core: Int, memory: Memory) {
        self.core = core
        self.memory = memory
    }

    /// Takes the lock if it is free. Without effect otherwise.
    ///
    /// - Precondition: this core neither holds the lock nor waits for it.
    @inline(__always) public mutating func take() -> Bool { memory.take(core) }

    /// Asks for the lock.
    ///
    /// - Precondition: this core neither holds the lock nor waits for it; `urgency` is not `none`.
    /// - Returns: whether this core holds the lock. If not, it waits until `isGranted()`.
    @inline(__always) public mutating func request(_ urgency: Urgency) -> Bool {
        memory.raise(core, to: urgency).isFree
    }

    /// Raises the request of this core while it waits.
    ///
    /// A grant may come at the same moment; the request is then the holder's, and decides nothing.
    ///
    /// - Precondition: `urgency` is above the present request.
    /// - Returns: false if another core changed its own request in between: look for the grant, and
    ///   try again.
    @inline(__always) public mutating func tryRaise(to urgency: Urgency) -> Bool {
        memory.tryRaise(core, to: urgency)
    }

    /// Takes the grant of this core, which waits.
    ///
    /// - Returns: whether this core holds the lock now.
    @inline(__always) public mutating func isGranted() -> Bool { memory.acceptGrant(core) }

    /// Whether a core waits that is more urgent than this.
    @inline(__always) public func isWanted(above urgency: Urgency) -> Bool {
        var waiting = memory.look()
        waiting.clear(core)
        return waiting.hasRequest(above: urgency)
    }

    /// Whether the holder should pass the lock on before its next step, which has this urgency: to
    /// a more urgent core, or, below the band, to any core. So a long operation below the band
    /// takes a turn for each of its steps.
    @inline(__always) public func shouldPass(before urgency: Urgency) -> Bool {
        var waiting = memory.look()
        waiting.clear(core)
        return urgency.isInBand ? waiting.hasRequest(above: urgency) : !waiting.isFree
    }

    /// Whether the holder should pass the lock on before it handles an interrupt of this urgency:
    /// to any core that is as urgent.
    @inline(__always) public func mustYield(to urgency: Urgency) -> Bool {
        var waiting = memory.look()
        waiting.clear(core)
        return urgency.isInBand ? waiting.hasRequest(atLeast: urgency) : !waiting.isFree
    }

    /// Releases the lock: passes it to the most urgent core that waits.
    ///
    /// - Precondition: this core holds the lock.
    /// - Complexity: constant; `release_lock` and `pass_lock` take 36 instructions.
    @inline(__always) public mutating func release() {
        let waiting = clear()
        if !waiting.isFree { pass(to: waiting) }
    }

    /// The first half of `release`: removes this core's request.
    ///
    /// - Returns: the requests of the cores that wait. If there is one, this core must `pass`.
    @inline(__always) mutating func clear() -> LockWord { memory.clear(core) }

    /// The second half: grants the lock to one of those that wait.
    @inline(__always) mutating func pass(to waiting: LockWord) {
        let isInBand = waiting.isInBand
        let next = waiting.next(after: memory.turn(inBand: isInBand))
        memory.setTurn(inBand: isInBand, next)
        memory.grant(next)
    }
}
