// What a card's logic needs of a host controller, and of time. Two controllers fill this in:
// Broadcom's own (SDHost) and the standard one (SDHCI).

/// What went wrong with a card or its controller.
public enum CardError: UInt8, Error, Equatable, Sendable {
    /// Nothing answers in the slot, or no longer.
    case noCard = 1
    /// The card or the controller did not answer in time.
    case timeOut
    /// A checksum was wrong on the way: command, response or data.
    case checksum
    /// A card of a kind that this driver does not know (multimedia card, SDIO, more than 2 TB).
    case unsupported
    /// Blocks that the card does not have.
    case outOfRange
    /// The card is write-protected.
    case readOnly
    /// The card answers, and says that it could not do it: a bad sector, or one that could not be
    /// written.
    case cardFailed
}

/// Time and waiting. Instants are microseconds of a counter that only grows.
public protocol Pace {
    /// The counter, in nanoseconds.
    var nanoseconds: UInt64 { get }
    /// Lets the interrupt in and sleeps until it comes, or until `instant`; it may return early for
    /// no reason.
    mutating func wait(until instant: UInt64)
    /// Sleeps until `instant` without letting in another interrupt; it may return early.
    mutating func rest(until instant: UInt64)
}

extension Pace {
    public var now: UInt64 { nanoseconds / 1_000 }

    /// How long an interrupt is kept out that comes while nobody waits for it, microseconds.
    static var pause: UInt64 { 100 }

    /// Sleeps until `instant`, whatever interrupts. An interrupt that comes meanwhile is let in
    /// again a `pause` later: not at once, since its cause may last and would wake the driver over
    /// and over; not at the end, since another device on the line waits for it.
    mutating func sleep(until instant: UInt64) {
        while now < instant {
            wait(until: instant)
            let end = min(instant, now &+ Self.pause)
            while now < end { rest(until: end) }
        }
    }

    /// Lets `time` pass since `start`, both in nanoseconds. Spins for a few cycles of the card's
    /// clock: a sleep takes longer itself.
    mutating func pass(_ time: UInt64, since start: UInt64) {
        while nanoseconds &- start < time {
            if time > Self.longestSpin { sleep(until: (start &+ time) / 1_000 &+ 1) }
        }
    }
    private static var longestSpin: UInt64 { 2_000 }
}

/// A command to a card (SD Physical Layer Simplified Specification, 4.7).
public struct CardCommand: Equatable, Sendable {
    /// The kinds of response, by what a controller must know of them (4.9).
    public enum Response: Sendable { case none, short, shortWithBusy, shortWithoutChecksum, long }
    public var index: UInt8
    public var argument: UInt32
    public var response: Response

    public init(_ index: UInt8, _ argument: UInt32, _ response: Response) {
        self.index = index
        self.argument = argument
        self.response = response
    }
}

/// A response: bits 31–0 in word 0. A short one has one word, its 32 bits between index and
/// checksum; a long one has four.
public typealias CardResponse = InlineArray<4, UInt32>

/// A host controller. Every operation ends at `deadline` (an instant of its `Pace`) at the latest,
/// and no wait looks for longer than `spinLimit` before it sleeps. The clock is read before the
/// device is looked at: where more urgent tasks keep the driver from running between the two, the
/// device has had that time too.
public protocol CardHost {
    var pace: Time { get set }
    associatedtype Time: Pace
    /// Puts controller and bus into the state for identification: power on, one data line, at most
    /// 400 kHz.
    mutating func reset(deadline: UInt64) throws(CardError)
    /// Sets the card's clock to at most `hertz`, and the data lines in use: 1 or 4.
    mutating func configure(hertz: UInt32, isWide: Bool, deadline: UInt64) throws(CardError)
    /// A command without data.
    mutating func perform(_ command: CardCommand, deadline: UInt64) throws(CardError)
        -> CardResponse
    /// A command whose data are `words.count` words in blocks of `blockBytes`: a multiple of 4, and
    /// it divides them. An error in the card's status is thrown before any data move.
    mutating func read(
        _ command: CardCommand, blockBytes: Int, into words: inout MutableSpan<UInt32>,
        deadline: UInt64
    ) throws(CardError)
    mutating func write(
        _ command: CardCommand, blockBytes: Int, from words: borrowing Span<UInt32>,
        deadline: UInt64
    ) throws(CardError)
    /// Ends what a failed command left behind in the controller: the next can be given. To be
    /// called after every error.
    mutating func abandon(deadline: UInt64)
    /// The controller drives its interrupt line no longer, until the next command.
    mutating func silence()
}

extension CardHost {
    /// The longest time that a driver looks for something before it sleeps, microseconds: a command
    /// at full clock takes 7.
    public static var spinLimit: UInt64 { 20 }
    /// How often a state that has no interrupt is looked at, microseconds.
    public static var pollInterval: UInt64 { 100 }
}
