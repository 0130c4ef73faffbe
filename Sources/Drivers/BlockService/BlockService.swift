// The service of a memory card, around any host controller. One request after the other, each within `BlockRequest.bound`.

import DriverCores
import KernelABI
import Protocols
import UserRuntime

@safe public struct BlockService<Host: CardHost> where Host.Time == TaskPace {
    private var server: Server
    private var card: SDCard<Host>
    /// The task's page that survives its restarts, here for data on their way: eight blocks.
    private let page: UnsafeMutableBufferPointer<UInt32>

    /// What a request may take before it fails, microseconds: identification up to one second, then transfers.
    private static var requestTime: UInt64 { BlockRequest.bound * 1_000 - SDCard<Host>.tidyTime }
    private static var pageBlocks: Int { Int(BlockRequest.atATime) }

    /// - Precondition: the manifest gives the task a page of `persistent` memory.
    public init(_ information: StartInformation, host: Host) {
        server = Server(information)
        card = SDCard(host: host)
        // Safety: the root task mapped at least a page there, for this task alone.
        unsafe page = UnsafeMutableBufferPointer(
            start: UnsafeMutablePointer(bitPattern: UInt(TaskAddress.persistent)),
            count: BlockService.pageBlocks * SDCard<Host>.blockWords)
    }

    public mutating func serve() -> Never {
        while true {
            let request = server.next()
            switch request.delivery {
            case .notification:
                // Between requests the interrupt is another device's on a shared line, or one too many: it must not come again at once.
                card.host.silence()
                card.host.pace.noteInterrupt()
            case .message:
                let (error, results) = answer(request)
                server.reply(RegisterMessage(error?.rawValue ?? 0, results.0, results.1, results.2))
            case .oneWay, .fault: break
            }
            card.host.pace.acknowledge()
        }
    }

    private mutating func answer(_ request: Received) -> (BlockError?, (UInt64, UInt64, UInt64)) {
        let deadline = card.host.pace.now &+ BlockService.requestTime
        switch request[0] {
        case BlockRequest.information:
            do throws(CardError) {
                let (blocks, isReadOnly) = try card.information(deadline: deadline)
                return (nil, (UInt64(SDCard<Host>.blockBytes), blocks, isReadOnly ? 1 : 0))
            } catch { return (BlockError(error), (0, 0, 0)) }
        case BlockRequest.read, BlockRequest.write:
            let (error, count) = move(request, deadline)
            return (error, (count, 0, 0))
        default: return (.badRequest, (0, 0, 0))
        }
    }

    /// Moves blocks between card and loan, a page at a time; how many were moved.
    private mutating func move(_ request: Received, _ deadline: UInt64) -> (BlockError?, UInt64) {
        let count = request[2]
        let bytes = UInt64(SDCard<Host>.blockBytes)
        guard count > 0, count <= BlockRequest.maximumCount, request.loanLength >= count * bytes else {
            return (.badRequest, 0)
        }
        // Before anything moves: half a request is of no use to anybody.
        do throws(CardError) { try card.check(request[1], Int(count), deadline: deadline) } catch {
            return (BlockError(error), 0)
        }
        var done: UInt64 = 0
        while done < count {
            let blocks = min(count - done, UInt64(BlockService.pageBlocks))
            if let error = move(request[0], request[1] + done, Int(blocks), loanOffset: done * bytes, deadline) {
                return (error, done)
            }
            done += blocks
        }
        return (nil, done)
    }

    private mutating func move(
        _ operation: UInt64, _ first: UInt64, _ count: Int, loanOffset: UInt64, _ deadline: UInt64
    ) -> BlockError? {
        let length = UInt64(count * SDCard<Host>.blockBytes)
        // Safety: `count` is at most `pageBlocks`, and nothing else refers to the page.
        let part = unsafe UnsafeMutableBufferPointer(rebasing: page[0..<count * SDCard<Host>.blockWords])
        do throws(CardError) {
            if operation == BlockRequest.read {
                var words = unsafe part.mutableSpan
                try card.read(first, into: &words, deadline: deadline)
                guard
                    (try? server.caller.loanWrite(offset: loanOffset, from: TaskAddress.persistent, length: length))
                        != nil
                else { return .badRequest }
            } else {
                guard
                    (try? server.caller.loanRead(offset: loanOffset, to: TaskAddress.persistent, length: length)) != nil
                else { return .badRequest }
                try card.write(first, from: unsafe part.span, deadline: deadline)
            }
            return nil
        } catch { return BlockError(error) }
    }
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
