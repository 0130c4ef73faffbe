// A memory card for its clients: transfers of any length, in pieces.
//
// The driver takes a few blocks a request. So a long transfer is many requests, and between two of
// them the driver serves its other callers, the most urgent first.

/// The outcome of a transfer.
public struct BlockTransfer: Equatable, Sendable {
    /// Blocks that were moved, from the first on: all of them, unless there is a failure.
    public var count: Int
    public var failure: SystemError?

    public init(count: Int = 0, failure: SystemError? = nil) {
        self.count = count
        self.failure = failure
    }
}

/// A card's service. A transfer moves blocks of the medium that `information` found last, and of no
/// other.
public struct BlockDevice {
    private let client: BlockClient
    private var medium: UInt64 = 0

    public init(_ client: BlockClient) { self.client = client }
    /// Opens the service `name` if its driver has ever started.
    ///
    /// - Throws: what `BlockClient(finding:named:)` throws.
    public init(finding slot: Slot, named name: StaticString) throws(SystemError) {
        showSignOfLifeIfDue()
        self.init(try BlockClient(finding: slot, named: name, by: BlockDevice.patience))
    }

    /// Describes the medium.
    public mutating func information() throws(SystemError) -> Medium {
        showSignOfLifeIfDue()
        let found = try client.information(by: BlockDevice.patience)
        medium = found.number
        return found
    }

    /// Reads the blocks from `first` on until `bytes` is full.
    ///
    /// - Returns: `badRequest` and no block if `bytes` has no room for whole blocks.
    public mutating func read(
        from first: UInt64, into bytes: inout MutableSpan<UInt8>
    ) -> BlockTransfer {
        let (client, medium) = (client, medium)
        return move(bytes.count) { block, range throws(SystemError) in
            var piece = bytes._mutatingExtracting(range)
            try client.read(
                from: first &+ block, of: medium, into: &piece, by: BlockDevice.patience)
        }
    }

    /// Writes `bytes` to the blocks from `first` on; else as `read`.
    public mutating func write(at first: UInt64, from bytes: Span<UInt8>) -> BlockTransfer {
        let (client, medium) = (client, medium)
        return move(bytes.count) { block, range throws(SystemError) in
            try client.write(
                at: first &+ block, of: medium, from: bytes.extracting(range),
                by: BlockDevice.patience)
        }
    }

    /// Makes the requests of a transfer. `piece` gets the number of its first block within the
    /// transfer, and its bytes.
    private mutating func move(
        _ bytes: Int, _ piece: (UInt64, Range<Int>) throws(SystemError) -> Void
    ) -> BlockTransfer {
        if bytes % Medium.blockBytes != 0 {
            return BlockTransfer(failure: .service(BlockError.badRequest.rawValue))
        }
        let count = bytes / Medium.blockBytes
        var transfer = BlockTransfer()
        while transfer.count < count && transfer.failure == nil {
            showSignOfLifeIfDue()
            let end = min(transfer.count + Medium.blocksAtOnce, count)
            do throws(SystemError) {
                try piece(
                    UInt64(transfer.count),
                    transfer.count * Medium.blockBytes..<end * Medium.blockBytes)
                transfer.count = end
            } catch { transfer.failure = error }
        }
        return transfer
    }

    /// When a request that is made now must have been answered.
    private static var patience: Instant { .after(milliseconds: Medium.bound + 100) }
}
