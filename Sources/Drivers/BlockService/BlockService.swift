// The service of a memory card, around any host controller. One request after the other, each
// within `Medium.bound`.

import DriverCores
import Interfaces

@safe public struct BlockService<Host: CardHost>: ~Copyable, BlockServer, ServiceTask
where Host.Time == TaskPace {
    private var card: SDCard<Host>
    /// The task's page that survives its restarts, here for data on their way: eight blocks.
    private let page = unsafe UnsafeMutableRawPointer(bitPattern: UInt(TaskAddress.persistent))

    /// When a request that is taken now fails, microseconds: identification takes up to one second,
    /// then come transfers.
    private var deadline: UInt64 {
        card.host.pace.now &+ Medium.bound * 1_000 &- SDCard<Host>.tidyTime
    }

    /// - Precondition: the manifest gives the task a page of `persistent` memory.
    public init(host: Host) { card = SDCard(host: host) }

    public mutating func information(_ client: ClientBadge) throws(BlockError) -> Medium {
        do throws(CardError) {
            let (blocks, isReadOnly) = try card.information(deadline: deadline)
            return Medium(number: card.medium ?? 0, blocks: blocks, isReadOnly: isReadOnly)
        } catch { throw BlockError(error) }
    }

    public mutating func read(
        from first: UInt64, of medium: UInt64, into bytes: borrowing LentForWriting<UInt8>,
        _ client: ClientBadge
    ) throws(BlockError) {
        let deadline = deadline
        try check(bytes.count, of: medium)
        var words = unsafe words(bytes.count).mutableSpan
        do throws(CardError) {
            try card.read(first, into: &words, deadline: deadline)
        } catch { throw BlockError(error) }
        do throws(KernelError) { try bytes.write(unsafe octets(bytes.count).span) } catch {
            throw .badRequest
        }
    }

    public mutating func write(
        at first: UInt64, of medium: UInt64, from bytes: borrowing LentForReading<UInt8>,
        _ client: ClientBadge
    ) throws(BlockError) {
        let deadline = deadline
        try check(bytes.count, of: medium)
        var lent = unsafe octets(bytes.count).mutableSpan
        do throws(KernelError) { try bytes.read(into: &lent) } catch { throw .badRequest }
        do throws(CardError) {
            try card.write(first, from: unsafe words(bytes.count).span, deadline: deadline)
        } catch { throw BlockError(error) }
    }

    /// Checks that a request is of whole blocks, as many as the page holds, and of the medium that
    /// is in the slot: another client may have been told of a change.
    private func check(_ bytes: Int, of medium: UInt64) throws(BlockError) {
        let (blocks, rest) = bytes.quotientAndRemainder(dividingBy: Medium.blockBytes)
        if rest != 0 || !(1...Medium.blocksAtOnce ~= blocks) { throw .badRequest }
        guard let present = card.medium, medium == present else { throw .noMedium }
    }

    // Safety: the root task mapped a page there for this task alone, `check` admits no more than
    // its bytes, and a request uses one of the two views at a time.
    private func words(_ bytes: Int) -> UnsafeMutableBufferPointer<UInt32> {
        let start = unsafe page?.assumingMemoryBound(to: UInt32.self)
        return unsafe UnsafeMutableBufferPointer(start: start, count: bytes / 4)
    }
    private func octets(_ bytes: Int) -> UnsafeMutableBufferPointer<UInt8> {
        let start = unsafe page?.assumingMemoryBound(to: UInt8.self)
        return unsafe UnsafeMutableBufferPointer(start: start, count: bytes)
    }

    // The task

    public mutating func perform(_ request: Received, _ loop: inout Server) {
        BlockInterface.perform(request, for: &self, &loop)
        card.host.pace.acknowledge()
    }
    /// Between requests the interrupt is another device's on a shared line, or one too many: it
    /// must not come again at once.
    public mutating func notice(_ bits: UInt64) {
        card.host.silence()
        card.host.pace.noteInterrupt()
        card.host.pace.acknowledge()
    }
    public mutating func forgetCallers() {}
}

extension BlockError {
    init(_ error: CardError) {
        switch error {
        case .noCard: self = .noMedium
        case .timeOut: self = .timeOut
        case .checksum: self = .checksum
        case .unsupported: self = .unsupported
        case .outOfRange: self = .outOfRange
        case .readOnly: self = .readOnly
        case .cardFailed: self = .badBlock
        }
    }
}
