// A core's wait for the lock. The core asks as urgently as what comes meanwhile: the interrupts
// that are pending, and the deadlines that are due.

/// What a core that waits knows of its interrupts and of its deadlines.
public protocol WaitingCore {
    /// Whether an interrupt is pending.
    var isInterruptPending: Bool { get }
    /// The pending line that is taken first; nil if it has gone.
    mutating func firstLine() -> Int?
    /// The urgency of a pending line; none for the timer's, whose deadlines are searched.
    func urgency(of line: Int) -> Urgency
    /// Lets the lines behind this one be seen, if it hides them: masks the timer, takes a software
    /// interrupt.
    mutating func uncover(_ line: Int)
    /// The urgency of what other cores have asked of this one; that of no thread if they have asked
    /// nothing.
    var askedUrgency: Urgency { get }
    /// Begins a search for the most urgent deadline that is due.
    ///
    /// - Returns: false if none is.
    mutating func startSearch() -> Bool
    /// Looks at further deadlines.
    ///
    /// - Returns: false once it has seen all.
    mutating func goOnSearching() -> Bool
    /// The urgency of what the search has found; nil if the deadlines have changed since it began.
    func foundUrgency() -> Urgency?
    /// Lets others go first.
    func relax()
    /// Stops this core for good if the kernel panics.
    func stopInPanic()
}

/// The wait in rounds. The core does one thing a round, so that it soon finds its grant.
public struct LockWait<Memory: LockMemory, Core: WaitingCore> {
    private enum Round: UInt8 {
        /// Look whether an interrupt is pending.
        case look
        /// Look which line's it is.
        case peek
        /// Compare the line's urgency with that of the request.
        case compare
        /// Try to raise the request to `more`.
        case raise
        /// Let the lines behind this one be seen.
        case uncover
        /// Compare the urgency of other cores' requests.
        case ask
        /// Look for a due deadline.
        case start
        /// Look for a more urgent one.
        case search
        /// Compare the urgency of what was found with that of the request.
        case conclude
    }
    var lock: KernelLock<Memory>
    var core: Core
    /// The urgency of the request.
    public private(set) var urgency: Urgency
    private var round = Round.look
    private var line = 0
    private var more = Urgency.none

    public init(_ lock: consuming KernelLock<Memory>, _ core: Core, urgency: Urgency) {
        self.lock = lock
        self.core = core
        self.urgency = urgency
    }

    /// Asks for the lock.
    ///
    /// - Returns: whether this core holds it.
    @inline(__always) public mutating func request() -> Bool { lock.request(urgency) }

    /// Performs one round, lets others go first, and looks for the grant.
    ///
    /// - Returns: whether the lock is this core's.
    @inline(__always) public mutating func performRound() -> Bool {
        if round == .look {
            round = core.isInterruptPending ? .peek : .ask
        } else {
            goOn()
        }
        core.relax()
        return lock.isGranted()
    }

    @inline(__always) private mutating func goOn() {
        switch round {
        case .look: return
        case .peek:
            round = .ask
            guard let first = core.firstLine() else { return }
            line = first
            round = .compare
        case .compare:
            raise(to: core.urgency(of: line), else: .uncover)
        case .raise:
            if !lock.tryRaise(to: more) { return }
            urgency = more
            round = .look
        case .uncover:
            core.uncover(line)
            round = .ask
        case .ask:
            raise(to: core.askedUrgency, else: .start)
        case .start:
            if core.startSearch() {
                round = .search
            } else {
                beginAnew()
            }
        case .search:
            if !core.goOnSearching() { round = .conclude }
        case .conclude:
            guard let found = core.foundUrgency() else {
                round = .start
                return
            }
            raise(to: found, else: .look)
            if round == .look { beginAnew() }
        }
    }

    /// Raises the request in the next round, if this urgency is greater.
    @inline(__always) private mutating func raise(to urgency: Urgency, else next: Round) {
        more = urgency
        round = urgency > self.urgency ? .raise : next
    }

    /// Begins anew, since it has asked for all that it knows of.
    @inline(__always) private mutating func beginAnew() {
        core.stopInPanic()
        round = .look
    }
}
