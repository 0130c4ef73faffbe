// The memory of the threads that a task starts: what the runtime takes from the task's untyped
// memory (UserRuntime/Threads+Place.swift), and what the manifest is checked against.

/// Bytes of untyped memory that a task's threads take.
public enum ThreadMemory {
    /// Threads that a task can have besides its first.
    public static var maximumCount: Int { 16 }
    /// Bytes of the largest stack.
    public static var maximumStack: Int { 0x1_e000 }
    /// Page tables that the first place needs; all places lie in 2 MiB.
    public static var tables: Int { 2 }
    /// Binary logarithm of the mutexes that the threads share.
    public static var lockBits: Int { 6 }

    /// Binary logarithm of the slots of the table that keeps a place's pages and page tables.
    public static func holdingBits(pages: Int) -> Int {
        var bits = Limits.tableBits.lowerBound
        while 1 << bits < pages + 1 + tables { bits += 1 }
        return bits
    }

    /// The place of a thread whose stack has so many pages, without page tables.
    public static func place(pages: Int) -> Int {
        Footprint.descriptor(.thread) + Footprint.descriptor(.endpoint)
            + Footprint.descriptor(.reply)
            + Footprint.descriptor(.capabilityTable, sizeBits: holdingBits(pages: pages))
            + (pages + 1) * page
    }
    /// The page tables of the first place.
    public static var pageTables: Int {
        tables * (Footprint.descriptor(.pageTable) + Footprint.memory(.pageTable))
    }
    /// The mutexes that the threads share.
    public static var locks: Int { Footprint.descriptor(.mutexSet, sizeBits: lockBits) + page }
    private static var page: Int {
        Footprint.descriptor(.frame) + Footprint.memory(.frame, sizeBits: 12)
    }
}
