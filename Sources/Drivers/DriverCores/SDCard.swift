// An SD memory card: identification and transfers of blocks (SD Physical Layer Simplified
// Specification 6.00, chapter 4), for any controller. The card is identified when it is first asked
// for something, and again after it was gone.

/// A card in a slot.
///
/// Invariant: while `card` is nil, nothing is assumed of what is in the slot.
public struct SDCard<Host: CardHost> {
    /// What is known of an identified card.
    struct Identity: Equatable {
        /// Relative address, in the upper half of a command's argument.
        var address: UInt32
        /// Commands name blocks; otherwise bytes.
        var countsInBlocks: Bool
        var blocks: UInt64
        var isReadOnly: Bool
        /// When it was identified: no other time is the same, also of a driver before this one.
        var instant: UInt64
    }
    public var host: Host
    private(set) var card: Identity?

    /// The number of the card that is known: each identification gives another. Nil: none is known.
    public var medium: UInt64? { card?.instant }

    /// Bytes of a block, for every card.
    public static var blockBytes: Int { 512 }
    /// Words of a block.
    public static var blockWords: Int { 128 }

    public init(host: Host) { self.host = host }

    /// The card's size in blocks of 512 bytes, and whether it is read-only. Asks the card whether
    /// it is still there, and identifies what is in the slot where it is not.
    /// - Parameter deadline: instant of the host's `Pace`; a card may take a second to be ready
    /// (4.2.3).
    public mutating func information(deadline: UInt64) throws(CardError) -> (
        blocks: UInt64, isReadOnly: Bool
    ) {
        if let card {
            // Another card in its place does not know the address, and is silent.
            do throws(CardError) { _ = try command(13, card.address, .short, deadline) } catch {
                self.card = nil
            }
        }
        let card = try identified(deadline)
        return (card.blocks, card.isReadOnly)
    }

    /// Reads the blocks from `first` on into `words`, a multiple of `blockWords`.
    public mutating func read(
        _ first: UInt64, into words: inout MutableSpan<UInt32>, deadline: UInt64
    ) throws(CardError) {
        let count = words.count / Self.blockWords
        let (card, address) = try checked(first, count, deadline)
        let command = CardCommand(count == 1 ? 17 : 18, address, .short)
        do throws(CardError) {
            try host.read(command, blockBytes: Self.blockBytes, into: &words, deadline: deadline)
            if count > 1 { try stop(deadline) }
        } catch { throw explanation(error, card, deadline) }
    }

    /// Writes `words`, a multiple of `blockWords`, to the blocks from `first` on.
    public mutating func write(
        _ first: UInt64, from words: borrowing Span<UInt32>, deadline: UInt64
    ) throws(CardError) {
        let count = words.count / Self.blockWords
        let (card, address) = try checked(first, count, deadline)
        if card.isReadOnly { throw .readOnly }
        let command = CardCommand(count == 1 ? 24 : 25, address, .short)
        do throws(CardError) {
            try host.write(command, blockBytes: Self.blockBytes, from: words, deadline: deadline)
            if count > 1 { try stop(deadline) }
            try waitForStorage(card, deadline)
        } catch { throw explanation(error, card, deadline) }
    }

    private mutating func checked(
        _ first: UInt64, _ count: Int, _ deadline: UInt64
    ) throws(CardError) -> (Identity, UInt32) {
        let card = try identified(deadline)
        if count == 0 || first >= card.blocks || UInt64(count) > card.blocks - first {
            throw .outOfRange
        }
        let address = card.countsInBlocks ? first : first * UInt64(Self.blockBytes)
        guard let address = UInt32(exactly: address) else { throw .outOfRange }
        return (card, address)
    }

    /// Ends a transfer of several blocks, which goes on until it is told to (4.3.3, 4.3.4). That
    /// the card had already looked beyond its last block is no error.
    private mutating func stop(_ deadline: UInt64) throws(CardError) {
        let status = try host.perform(CardCommand(12, 0, .shortWithBusy), deadline: deadline)[0]
        try CardStatus.check(status & ~CardStatus.outOfRange)
    }

    /// Waits until the card has stored what it took. What goes wrong inside it meanwhile is in its
    /// status only (4.10.1).
    private mutating func waitForStorage(_ card: Identity, _ deadline: UInt64) throws(CardError) {
        while true {
            let status = try host.perform(
                CardCommand(13, card.address, .short), deadline: deadline)[0]
            try CardStatus.check(status)
            if CardStatus.isAtRest(status) { return }
            let next = host.pace.now &+ Host.pollInterval
            if next >= deadline { throw .timeOut }
            host.pace.sleep(until: next)
        }
    }

    /// A command outside of transfers.
    private mutating func command(
        _ index: UInt8, _ argument: UInt32, _ response: CardCommand.Response, _ deadline: UInt64
    ) throws(CardError) -> CardResponse {
        do throws(CardError) {
            return try host.perform(CardCommand(index, argument, response), deadline: deadline)
        } catch {
            host.abandon(deadline: deadline)
            throw error
        }
    }

    /// Brings the card back into the transfer state after `error`, within `tidyTime` after the
    /// deadline; a card that does not answer any more has gone, and one that stays in another state
    /// is identified anew.
    private mutating func explanation(_ error: CardError, _ card: Identity, _ deadline: UInt64)
        -> CardError
    {
        let limit = deadline &+ Self.tidyTime
        host.abandon(deadline: limit)
        // The card may or may not be sending still: where it is not, stopping is an illegal
        // command, and does no harm.
        let stopped = (try? command(12, 0, .shortWithBusy, limit)[0]) ?? 0
        do throws(CardError) {
            let status = try command(13, card.address, .short, limit)[0]
            if !CardStatus.isAtRest(status) { self.card = nil }
            // The card's own word on it, said once only, is more exact than what the controller
            // saw.
            return CardStatus.error(
                (stopped | status) & ~(CardStatus.illegalCommand | CardStatus.outOfRange)) ?? error
        } catch let silence {
            self.card = nil
            return silence == .timeOut ? .noCard : error
        }
    }

    /// Microseconds after a request's deadline in which what failed is tidied up: the controller's
    /// resets, a command that stops the card and one that asks it, each with time to fail.
    public static var tidyTime: UInt64 { 400_000 }
}

// Identification (4.2.3, figure 4-2).
extension SDCard {
    private mutating func identified(_ deadline: UInt64) throws(CardError) -> Identity {
        if let card { return card }
        try host.reset(deadline: deadline)
        _ = try command(0, 0, .none, deadline)
        let conditions = try powerUp(knowsVersion2: try answersVersion2(deadline), deadline)
        _ = try command(2, 0, .long, deadline)
        let address = try command(3, 0, .short, deadline)[0] & 0xffff_0000
        let data = try CardSpecificData(command(9, address, .long, deadline))
        if try command(7, address, .shortWithBusy, deadline)[0] & CardStatus.locked != 0 {
            throw .unsupported
        }
        let identity = Identity(
            address: address, countsInBlocks: conditions & OperatingConditions.highCapacity != 0,
            blocks: data.blocks, isReadOnly: data.isReadOnly, instant: host.pace.now)
        try speedUp(identity, deadline)
        card = identity
        return identity
    }

    /// CMD8: a card of version 2 sends the pattern back, an older one is silent (4.3.13).
    private mutating func answersVersion2(_ deadline: UInt64) throws(CardError) -> Bool {
        do throws(CardError) {
            if try command(8, 0x1aa, .short, deadline)[0] & 0xfff != 0x1aa {
                throw CardError.unsupported
            }
            return true
        } catch {
            if error != .timeOut { throw error }
            return false
        }
    }

    /// ACMD41 until the card is ready (4.2.3.1). Nobody who answers CMD55: no card.
    private mutating func powerUp(knowsVersion2: Bool, _ deadline: UInt64) throws(CardError)
        -> UInt32
    {
        let argument =
            OperatingConditions.voltages | (knowsVersion2 ? OperatingConditions.highCapacity : 0)
        while true {
            do throws(CardError) {
                _ = try command(55, 0, .short, deadline)
            } catch { throw error == .timeOut ? .noCard : error }
            let conditions: UInt32
            do throws(CardError) {
                conditions = try command(41, argument, .shortWithoutChecksum, deadline)[0]
            } catch { throw error == .timeOut ? .unsupported : error }
            if conditions & OperatingConditions.isReady != 0 { return conditions }
            let next = host.pace.now &+ 10_000
            if next >= deadline { throw .timeOut }
            host.pace.sleep(until: next)
        }
    }

    /// 25 MHz, the default speed's limit (4.3.10), and four data lines where the card has them.
    private mutating func speedUp(_ identity: Identity, _ deadline: UInt64) throws(CardError) {
        try host.configure(hertz: 25_000_000, isWide: false, deadline: deadline)
        // A card that counts in bytes lets the block's length be chosen.
        if !identity.countsInBlocks {
            _ = try command(16, UInt32(Self.blockBytes), .short, deadline)
        }
        _ = try command(55, identity.address, .short, deadline)
        var register: InlineArray<2, UInt32> = [0, 0]
        var words = register.mutableSpan
        do throws(CardError) {
            try host.read(
                CardCommand(51, 0, .short), blockBytes: 8, into: &words, deadline: deadline)
        } catch {
            host.abandon(deadline: deadline)
            throw error
        }
        if !CardConfiguration(firstWord: words[0]).hasFourLines { return }
        _ = try command(55, identity.address, .short, deadline)
        _ = try command(6, 2, .short, deadline)
        try host.configure(hertz: 25_000_000, isWide: true, deadline: deadline)
    }
}
