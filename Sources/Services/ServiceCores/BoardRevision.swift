// What a Raspberry Pi's revision code says (Raspberry Pi documentation, "New-style
// revision codes").

/// A code of 24 bits, as the firmware tells it.
public struct BoardRevision: Equatable, Sendable {
    public let code: UInt32
    public init(code: UInt32) { self.code = code }

    /// Boards before the Pi 2 have codes that count upwards and say nothing more.
    private var isNew: Bool { code & 1 << 23 != 0 }

    /// RAM in MiB; nil in an old code.
    public var megabytes: UInt64? { isNew ? 256 << UInt64(code >> 20 & 7) : nil }
    /// The board's own revision: 1.x.
    public var minor: UInt64? { isNew ? UInt64(code & 15) : nil }

    public var name: StaticString {
        if !isNew { return "a board with an old revision code" }
        switch code >> 4 & 0xff {
        case 0x04: return "Raspberry Pi 2 B"
        case 0x08: return "Raspberry Pi 3 B"
        case 0x0a: return "Compute Module 3"
        case 0x0d: return "Raspberry Pi 3 B+"
        case 0x0e: return "Raspberry Pi 3 A+"
        case 0x10: return "Compute Module 3+"
        case 0x11: return "Raspberry Pi 4 B"
        case 0x12: return "Raspberry Pi Zero 2 W"
        case 0x13: return "Raspberry Pi 400"
        case 0x14: return "Compute Module 4"
        case 0x17: return "Raspberry Pi 5"
        default: return "a Raspberry Pi that this system does not know"
        }
    }
}
