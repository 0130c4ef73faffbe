// A memory card for its clients: transfers of any length, in pieces.
//
// The driver takes a few blocks a request. So a long transfer is many requests, and between two of
// them the driver serves its other callers, the most urgent first.

import KernelABI
import Protocols
import UserRuntime

/// Why a request failed.
public enum BlockFailure: Error, Equatable, Sendable {
    /// The driver says so.
    case device(BlockError)
    /// The driver gives no answer.
    case driver(KernelError)

    /// For people.
    public var text: StaticString {
        switch self {
        case .device(let error): error.text
        case .driver(.peerDied): "the driver ended; it is started again"
        case .driver: "the driver does not answer in time"
        }
    }
}

/// What became of a transfer.
public struct BlockTransfer: Equatable, Sendable {
    /// Blocks that were moved, from the first on: all of them, unless there is a failure.
    public var count: UInt64
    public var failure: BlockFailure?

    public init(count: UInt64 = 0, failure: BlockFailure? = nil) {
        self.count = count
        self.failure = failure
    }
}

/// A card's service. A transfer moves blocks of the medium that `information` found last, and of no
/// other.
public struct BlockDevice: Sendable {
    private let endpoint: Endpoint
    private var medium: UInt64 = 0
    private var nextSign = Instant.immediately

    public init(_ endpoint: Endpoint) { self.endpoint = endpoint }

    /// Returns the medium's size in blocks, and whether it is read-only.
    public mutating func information() throws(BlockFailure) -> (blocks: UInt64, isReadOnly: Bool) {
        let reply = try ask(RegisterMessage(BlockRequest.information), Attachment())
        medium = reply[4]
        return (reply[2], reply[3] != 0)
    }

    /// Reads `count` blocks from `first` on into the beginning of `bytes`, which has room for them.
    public mutating func read(_ first: UInt64, _ count: UInt64, into bytes: inout [UInt8])
        -> BlockTransfer
    {
        move(BlockRequest.read, first, count, &bytes, .write)
    }

    /// Writes the beginning of `bytes` to `count` blocks from `first` on.
    public mutating func write(_ first: UInt64, _ count: UInt64, from bytes: inout [UInt8])
        -> BlockTransfer
    {
        move(BlockRequest.write, first, count, &bytes, .read)
    }

    private mutating func move(
        _ operation: UInt64, _ first: UInt64, _ count: UInt64, _ bytes: inout [UInt8],
        _ rights: Rights
    ) -> BlockTransfer {
        guard count <= UInt64(bytes.count) / BlockRequest.blockBytes else {
            return BlockTransfer(failure: .device(.badRequest))
        }
        return unsafe bytes.withUnsafeMutableBytes { buffer in
            var transfer = BlockTransfer()
            let start = UInt64(UInt(bitPattern: buffer.baseAddress))
            while transfer.count < count && transfer.failure == nil {
                let piece = min(count - transfer.count, BlockRequest.maximumCount)
                let request = RegisterMessage(operation, first &+ transfer.count, piece, medium)
                let loan = Attachment(
                    lending: start + transfer.count * BlockRequest.blockBytes,
                    length: piece * BlockRequest.blockBytes, rights)
                do throws(BlockFailure) {
                    _ = try ask(request, loan)
                    transfer.count += piece
                } catch { transfer.failure = error }
            }
            return transfer
        }
    }

    /// Makes one request. A transfer may take longer than a task may stay silent, so it gives signs
    /// of life on its way.
    private mutating func ask(_ request: RegisterMessage, _ loan: Attachment) throws(BlockFailure)
        -> Received
    {
        if Instant.now >= nextSign {
            nextSign = .after(milliseconds: 500)
            showSignOfLife()
        }
        let reply: Received
        do throws(KernelError) {
            reply = try endpoint.call(
                request, loan, deadline: .after(milliseconds: BlockRequest.bound + 100))
        } catch { throw .driver(error) }
        if reply[0] != 0 { throw .device(BlockError(rawValue: reply[0]) ?? .badRequest) }
        return reply
    }
}
