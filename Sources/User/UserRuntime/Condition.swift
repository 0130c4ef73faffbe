// Conditions: threads wait, without a mutex that they hold meanwhile, for what others change under
// it. And barriers, which are made of both.

import KernelABI

/// A condition variable in a cell of a mutex set.
///
/// Hold the mutex, look, and wait in a loop for as long as what you look for is not so:
/// ```
/// while queue.isEmpty { _ = try notEmpty.wait(mutexes, 0) }
/// ```
public struct Condition: Sendable {
    let cell: Cell

    /// How a wait ended. The caller holds the mutex again.
    public struct Ending: Sendable {
        /// Whether the deadline passed.
        public let isTimedOut: Bool
        /// Whether the mutex was last held by a thread that died with it.
        public let holderDied: Bool
    }

    /// The condition in a cell that `setUp` was called for, in this task or in another one.
    public init(_ cell: Cell) { self.cell = cell }

    /// Makes the cell a condition, before any thread uses it.
    public func setUp() { cell.setUp(.condition) }

    /// Gives the mutex back, waits for a signal or the deadline, and takes the mutex again. No
    /// signal of a thread that holds the mutex after the caller is missed. May return without one.
    ///
    /// - Parameters:
    ///   - mutex: the number of a mutex that the caller holds.
    ///   - limit: until when the mutex must be taken again. If it is not, the wait throws
    ///     `timedOut`.
    /// - Throws: `notPermitted` (the caller does not hold it), and what taking it throws: the
    ///   caller does not hold the mutex then.
    @inline(__always) public func wait(
        _ mutexes: MutexParticipant, _ mutex: Int, deadline: Instant = .never,
        takingBy limit: Instant = .never
    ) throws(KernelError) -> Ending {
        let seen = cell.value.count
        try mutexes.unlock(mutex)
        var isTimedOut = false
        do throws(KernelError) { try cell.wait(seen: seen, deadline) } catch {
            switch error {
            case .timedOut: isTimedOut = true
            // Another thread suspended and resumed this one.
            case .cancelled: break
            default: throw error
            }
        }
        while true {
            do throws(KernelError) {
                let holderDied = try mutexes.lock(mutex, deadline: limit)
                return Ending(isTimedOut: isTimedOut, holderDied: holderDied)
            } catch {
                if error == .cancelled { continue }
                // The signal that woke this thread is for another one.
                try? signal()
                throw error
            }
        }
    }

    /// Wakes the most urgent thread that waits. Call it with the mutex held, or after it was given
    /// back: then the woken thread does not wait for it.
    ///
    /// - Throws: `wrongState` (the cell is no condition), `invalidCapability` (the set is gone).
    @inline(__always) public func signal() throws(KernelError) {
        if try count() { try cell.signal() }
    }

    /// Wakes all threads that wait, in the order of their urgency.
    ///
    /// - Precondition: the caller holds the mutex. Then at most those are woken that wait already.
    /// - Parameter rounds: for a caller that does not hold the mutex, or does not trust those that
    ///   write to the page: the threads that it wakes at most.
    /// - Throws: as `signal`.
    public func broadcast(rounds: Int = .max) throws(KernelError) {
        if try !count(rounds: rounds) { return }
        var left = rounds
        // The kernel ends it when it finds nobody.
        while left > 0 && cell.value.isContended {
            try cell.signal()
            left &-= 1
        }
    }

    /// Counts a signal, so that a thread that is about to wait does not.
    ///
    /// - Returns: whether threads may wait.
    /// - Complexity: a round for each thread that signals, or starts to wait, in between.
    @inline(__always) private func count(rounds: Int = .max) throws(KernelError) -> Bool {
        var left = rounds
        while left > 0 {
            let value = cell.value
            if !value.isCounting || !value.isCondition { throw .wrongState }
            if cell.gives(value, for: value.counting(value.count &+ 1)) { return value.isContended }
            left &-= 1
        }
        return true
    }

    /// The task's own words of the cell, 1 to 3: the barrier's.
    @inline(__always) fileprivate func own(_ index: Int) -> UnsafeMutablePointer<UInt32> {
        unsafe cell.pointer(4 * index)
    }
}

/// A place where threads wait for each other: all go on when the last one has come.
public struct Barrier: Sendable {
    private let condition: Condition
    private let mutex: Int

    /// The barrier in a cell that `setUp` was called for.
    ///
    /// - Parameter mutex: the number of a mutex of the same set, which guards it.
    public init(_ cell: Cell, mutex: Int) {
        condition = Condition(cell)
        self.mutex = mutex
    }

    /// Makes the cell a barrier, before any thread uses it.
    ///
    /// - Parameter count: the threads that wait for each other.
    /// - Throws: `invalidArgument` (below 1, or above 65,535).
    public func setUp(count: Int) throws(KernelError) {
        if count < 1 || count > 0xffff { throw .invalidArgument }
        condition.setUp()
        unsafe state.pointee = 0
        unsafe size.pointee = UInt32(count)
    }

    /// Waits until `count` threads wait. Then the next round begins.
    ///
    /// - Returns: whether the caller came last.
    /// - Throws: `timedOut`: the caller counts no more, and can come again. `notPermitted` (the
    ///   thread is no such participant), `cancelled`, `invalidCapability`.
    public func wait(
        _ mutexes: MutexParticipant, deadline: Instant = .never
    ) throws(KernelError) -> Bool {
        // Who died here has come or has not, by one store. It may have woken only some.
        if try mutexes.lock(mutex) { try? condition.broadcast() }
        let round = self.round
        let isLast = come()
        while !isLast && self.round == round {
            let ending = try condition.wait(mutexes, mutex, deadline: deadline)
            if ending.holderDied { try? condition.broadcast() }
            if ending.isTimedOut && self.round == round {
                unsafe state.pointee &-= 1
                try mutexes.unlock(mutex)
                throw .timedOut
            }
        }
        try mutexes.unlock(mutex)
        return isLast
    }

    /// Counts the caller, and begins the next round if it is the last one.
    private func come() -> Bool {
        let value = unsafe state.pointee &+ 1
        let size = unsafe size.pointee
        if value & 0xffff < size {
            unsafe state.pointee = value
            return false
        }
        // The others wait for the mutex meanwhile. If this thread dies here, they learn of it.
        try? condition.broadcast()
        unsafe state.pointee = (value | 0xffff) &+ 1
        return true
    }

    private var round: UInt32 { unsafe state.pointee &>> 16 }
    /// The threads that have come, and above bit 16 the round.
    private var state: UnsafeMutablePointer<UInt32> { unsafe condition.own(1) }
    private var size: UnsafeMutablePointer<UInt32> { unsafe condition.own(2) }
}
