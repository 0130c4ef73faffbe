// A budget: processor time that threads share, so much in each period.
//
// Time that was used comes back one period after its use began, piece by piece. So in no interval
// of one period do the threads use more than the budget at their own priority (Sprunt 1990;
// Stanovich et al. 2010 on why a piece comes back as a whole). An overrun is a debt: it comes back
// as late as any other piece.

import HardwareInterface
import KernelABI

/// A budget. Its time is what `Kernel+Budgets` charges to it.
///
/// Invariants: `left` and the pieces that come back make up `limit`. Each of its threads stands in
/// `members` or in `demoted`. If one is demoted, `node` is queued under at least the level of the
/// first, or the budget is a core's `unarmed`.
public struct Budget: ~Copyable {
    var header: ObjectHeader
    /// The deadline at which its first demoted thread comes back.
    var node = DeadlineNode()
    /// The notification that learns of an overrun.
    var source = SignalSource()
    /// The ticks in a period; 0: not set.
    var limit: UInt64 = 0
    var period: UInt64 = 0
    /// What is left, in ticks; negative: a debt.
    var left: Int64 = 0
    var returns = Returns()
    /// The ticks used since it was made.
    var used: UInt64 = 0
    /// How often it was used up.
    var overruns: UInt64 = 0
    /// A list of its threads that are not demoted, by `budgetNode`.
    var members: Ref<WaitNode>?
    /// Its demoted threads, by their own base priority.
    var demoted = WaitQueue()
    /// The largest base priority of its threads while it is used up.
    var background: UInt8 = 0
    /// Whether the present overrun was counted and signalled.
    var isOverrun = false
}

/// The used time of a budget, in pieces that come back one after another, the earliest first.
struct Returns: ~Copyable {
    private var first = Piece()
    private var second = Piece()
    private var third = Piece()
    private var last = Piece()
    /// How many pieces there are.
    private var count = 0
    /// When the last piece ended.
    private var end: UInt64 = 0

    struct Piece {
        var instant: UInt64 = 0
        var ticks: UInt64 = 0
    }

    /// A piece; one that is not there has no ticks.
    private subscript(number: Int) -> Piece {
        get {
            switch number {
            case 0: first
            case 1: second
            case 2: third
            default: last
            }
        }
        set {
            switch number {
            case 0: first = newValue
            case 1: second = newValue
            case 2: third = newValue
            default: last = newValue
            }
        }
    }

    /// Adds time that was used.
    ///
    /// A piece that goes on where the last one ended joins it. A piece after a small one, or after
    /// all places are taken, joins the last one too, and both come back with the later. So no piece
    /// comes back early, and a budget of many short pieces needs few deadlines.
    ///
    /// - Parameters:
    ///   - period: ticks from the start of the piece until it comes back.
    ///   - least: the ticks of a piece that is not small.
    mutating func add(_ ticks: UInt64, from start: UInt64, period: UInt64, least: UInt64) {
        var piece = Piece(instant: start &+ period, ticks: ticks)
        var place = count
        if count != 0 {
            let newest = self[count &- 1]
            if start == end {
                piece.instant = newest.instant
            } else if newest.instant > piece.instant {
                // A shorter period than that of the last piece does not overtake it.
                piece.instant = newest.instant
            }
            if start == end || newest.ticks < least || count == 4 {
                piece.ticks &+= newest.ticks
                place = count &- 1
            }
        }
        self[place] = piece
        count = place &+ 1
        end = start &+ ticks
    }

    /// Removes the pieces that are back, and returns their sum in ticks.
    ///
    /// - Complexity: 4 rounds.
    mutating func take(dueAt now: UInt64) -> UInt64 {
        var sum: UInt64 = 0
        var rounds = LoopBound(4)
        while count != 0 && first.instant <= now {
            rounds.count()
            sum &+= first.ticks
            first = second
            second = third
            third = last
            count &-= 1
        }
        return sum
    }

    /// Returns the instant at which more than `debt` is back; `.never` if it never is.
    func instant(covering debt: UInt64) -> Instant {
        var sum = first.ticks
        if count > 0 && sum > debt { return Instant(ticks: first.instant) }
        sum &+= second.ticks
        if count > 1 && sum > debt { return Instant(ticks: second.instant) }
        sum &+= third.ticks
        if count > 2 && sum > debt { return Instant(ticks: third.instant) }
        return count > 3 ? Instant(ticks: last.instant) : .never
    }

    #if !hasFeature(Embedded)
        /// The pieces, for the invariants.
        var all: [(instant: UInt64, ticks: UInt64)] {
            (0..<count).map { (self[$0].instant, self[$0].ticks) }
        }
    #endif
}

extension Budget {
    /// Charges time that was used.
    mutating func use(_ ticks: UInt64, from start: UInt64) {
        if ticks == 0 { return }
        left &-= Int64(bitPattern: ticks)
        used &+= ticks
        returns.add(ticks, from: start, period: period, least: limit &>> 2)
    }

    /// Takes back what has come back until now.
    mutating func refill(now: UInt64) {
        left &+= Int64(bitPattern: returns.take(dueAt: now))
        if left > 0 { isOverrun = false }
    }
}

extension Ref where Object == Budget {
    /// The instant from which time is left.
    ///
    /// - Precondition: none is left now.
    var nextReturn: Instant {
        pointee.returns.instant(covering: UInt64(bitPattern: 0 &- pointee.left))
    }
}
