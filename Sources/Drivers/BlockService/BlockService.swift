// The service of a memory card, around any host controller. One request after the other, each
// within `BlockRequest.bound`.

import DriverCores
import KernelABI
import Protocols
import UserRuntime

@safe public struct BlockService<Host: CardHost> where Host.Time == TaskPace {
    private var server: Server
    private var card: SDCard<Host>
    /// The task's page that survives its restarts, here for data on their way: eight blocks.
    private let page: UnsafeMutableBufferPointer<UInt32>

    /// What a request may take before it fails, microseconds: identification up to one second, then
    /// transfers.
    private static var requestTime: UInt64 { BlockRequest.bound * 1_000 - SDCard<Host>.tidyTime }
    private static var pageBlocks: Int { Int(BlockRequest.maximumCount) }

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
                // Between requests the interrupt is another device's on a shared line, or one too
                // many: it must not come again at once.
                card.host.silence()
                card.host.pace.noteInterrupt()
            case .message:
                do throws(BlockError) { server.reply(try answer(request)) } catch {
                    server.reply(RegisterMessage(error.rawValue))
                }
            case .oneWay, .fault: break
            }
            card.host.pace.acknowledge()
        }
    }

    private mutating func answer(_ request: Received) throws(BlockError) -> RegisterMessage {
        let deadline = card.host.pace.now &+ BlockService.requestTime
        switch request[0] {
        case BlockRequest.information:
            do throws(CardError) {
                let (blocks, isReadOnly) = try card.information(deadline: deadline)
                var message = RegisterMessage(
                    0, BlockRequest.blockBytes, blocks, isReadOnly ? 1 : 0)
                message.setWord(4, card.medium ?? 0)
                return message
            } catch { throw BlockError(error) }
        case BlockRequest.read, BlockRequest.write:
            try move(request, deadline)
            return RegisterMessage(0)
        default: throw .badRequest
        }
    }

    /// Moves blocks between card and loan.
    private mutating func move(_ request: Received, _ deadline: UInt64) throws(BlockError) {
        let count = request[2]
        guard count > 0, count <= BlockRequest.maximumCount else { throw .badRequest }
        let bytes = count * BlockRequest.blockBytes
        if request.loanLength < bytes { throw .badRequest }
        // What the caller means is not in the slot any more: another client may have had the news.
        guard let medium = card.medium, request[3] == medium else { throw .noMedium }
        // Safety: `count` is at most `pageBlocks`, and nothing else refers to the page.
        let part = unsafe UnsafeMutableBufferPointer(
            rebasing: page[0..<Int(count) * SDCard<Host>.blockWords])
        if request[0] == BlockRequest.read {
            var words = unsafe part.mutableSpan
            do throws(CardError) {
                try card.read(request[1], into: &words, deadline: deadline)
            } catch {
                throw BlockError(error)
            }
            do throws(KernelError) {
                try server.caller.loanWrite(offset: 0, from: TaskAddress.persistent, length: bytes)
            } catch { throw .badRequest }
        } else {
            do throws(KernelError) {
                try server.caller.loanRead(offset: 0, to: TaskAddress.persistent, length: bytes)
            } catch { throw .badRequest }
            do throws(CardError) {
                try card.write(request[1], from: unsafe part.span, deadline: deadline)
            } catch {
                throw BlockError(error)
            }
        }
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
