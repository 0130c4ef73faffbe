// The registers that a card shows of itself: operating conditions, status, CSD and SCR.

/// Bits of the operating conditions register and of the argument of ACMD41 (SD Physical Layer
/// Simplified Specification, 5.1, 4.2.3.1).
enum OperatingConditions {
    /// 3.2 to 3.4 V.
    static var voltages: UInt32 { 3 << 20 }
    /// The host takes cards that count in blocks; in the response: this card does.
    static var highCapacity: UInt32 { 1 << 30 }
    /// Power-up is finished.
    static var isReady: UInt32 { 1 << 31 }
}

/// Bits of the card's status in a short response (4.10.1).
enum CardStatus {
    static var outOfRange: UInt32 { 1 << 31 | 1 << 30 }
    static var writeProtected: UInt32 { 1 << 26 }
    /// With a password, which nobody here knows.
    static var locked: UInt32 { 1 << 25 }
    static var checksum: UInt32 { 1 << 23 }
    static var illegalCommand: UInt32 { 1 << 22 }
    /// Internal failure, error of the controller, error without a name.
    static var failed: UInt32 { 1 << 21 | 1 << 20 | 1 << 19 }

    /// The card takes data again, and is neither sending, receiving nor storing any: bit 8, and
    /// state 4 in bits 12 to 9.
    static func isAtRest(_ status: UInt32) -> Bool { status >> 8 & 31 == 4 << 1 | 1 }

    /// The error that the status tells of; nil for none.
    static func error(_ status: UInt32) -> CardError? {
        if status & outOfRange != 0 { return .outOfRange }
        if status & writeProtected != 0 { return .readOnly }
        if status & failed != 0 { return .cardFailed }
        if status & checksum != 0 { return .checksum }
        return status & (illegalCommand | locked) != 0 ? .unsupported : nil
    }
    static func check(_ status: UInt32) throws(CardError) {
        if let error = error(status) { throw error }
    }
}

/// What the CSD says (5.3).
struct CardSpecificData: Equatable {
    /// Blocks of 512 bytes.
    var blocks: UInt64
    var isReadOnly: Bool

    /// - Parameter response: the 128 bits of a long response.
    init(_ response: CardResponse) throws(CardError) {
        switch CardSpecificData.bits(response, 126, 2) {
        case 0:
            // Version 1 (5.3.2): blocks of 2^READ_BL_LEN bytes.
            let size = UInt64(CardSpecificData.bits(response, 62, 12))
            let multiplier = CardSpecificData.bits(response, 47, 3)
            let length = CardSpecificData.bits(response, 80, 4)
            if length < 9 || length > 11 { throw .unsupported }
            blocks = (size + 1) << UInt64(multiplier + 2 + length - 9)
        case 1:
            // Version 2 (5.3.3): units of 512 KiB.
            blocks = (UInt64(CardSpecificData.bits(response, 48, 22)) + 1) << 10
        default: throw .unsupported
        }
        isReadOnly = CardSpecificData.bits(response, 12, 2) != 0
    }

    /// `count` bits from bit `first` on; at most 32.
    static func bits(_ response: CardResponse, _ first: Int, _ count: Int) -> UInt32 {
        let word = first / 32
        let low = UInt64(response[word])
        let high = word < 3 ? UInt64(response[word + 1]) : 0
        return UInt32(
            truncatingIfNeeded: (high << 32 | low) >> UInt64(first % 32) & (1 << UInt64(count) - 1))
    }
}

/// What the SCR says (5.6): eight bytes that come as data, the most significant first.
struct CardConfiguration {
    /// Whether the card has four data lines.
    var hasFourLines: Bool
    /// - Parameter first: the first four bytes as they came, the first in bits 7–0.
    init(firstWord first: UInt32) {
        hasFourLines = first >> 8 & 4 != 0
    }
}
