// The bound of a loop in the kernel: stated at the loop, checked on the host, free on the target.
//
// `make wcet` reads the argument of `LoopBound` from the source and uses it as the bound of the
// machine loop. A host build counts the rounds and traps when a loop exceeds its bound, so every
// host test checks the statement.

/// The largest number of rounds that the loop below it may take.
///
///     var rounds = LoopBound(Limits.chain)
///     while let thread = at {
///         rounds.count()
///         …
///     }
///
/// Loops that count one bound one after the other share its rounds.
/// Counted in a branch of the body instead, it bounds how many rounds take that branch.
public struct LoopBound {
    #if !hasFeature(Embedded)
        @usableFromInline var left: Int
    #endif

    /// - Parameter rounds: a constant, by number or by name.
    @inlinable @inline(__always) public init(_ rounds: Int) {
        #if !hasFeature(Embedded)
            left = rounds
        #endif
    }

    /// Counts one round. The first statement of the loop's body.
    ///
    /// - Complexity: none on the target.
    @inlinable @inline(__always) public mutating func count() {
        #if !hasFeature(Embedded)
            precondition(left > 0, "a loop of the kernel exceeds its bound")
            left -= 1
        #endif
    }
}
