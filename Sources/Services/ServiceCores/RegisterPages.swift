// Device registers as a driver gets them: whole pages, since a page is the least that can be
// mapped. A device whose registers fill only a part of one would take its neighbours' along: who
// shares a page must say so (`TaskDescription.sharesPage`).

/// The pages in which a range of registers lies.
public struct RegisterPages: Equatable, Sendable {
    /// Physical address of the first page.
    public let first: UInt64
    /// How many; at least 1.
    public let count: UInt64

    /// - Parameter size: in bytes; 0 counts as 1.
    /// - Returns: nil for what reaches beyond the last address.
    public init?(base: UInt64, size: UInt64) {
        let (last, isBeyond) = base.addingReportingOverflow(max(size, 1) - 1)
        if isBeyond { return nil }
        first = base & ~4095
        count = (last - first) / 4096 + 1
    }

    public var last: UInt64 { first + (count - 1) * 4096 }

    /// Whether they have a page in common.
    public func touches(_ other: RegisterPages) -> Bool {
        first <= other.last && other.first <= last
    }
}
