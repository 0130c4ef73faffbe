// UTC for all tasks: the monotonic counter, and what a person, the network or the board's clock
// said of it last.

import Interfaces
import KernelABI
import Protocols
import ServiceCores
import UserRuntime

@c(TimeService_main) func timeService(_ address: UInt) -> Int32 {
    let information = startInformation(address)
    var service = TimeService(information)
    service.serve()
}

@safe struct TimeService {
    private var server: Server
    private var kept: KeptClock
    private static var boardClock: Slot { StartSlot.firstFree }
    /// How long a request waits for the board's clock.
    private static var patience: Instant { .after(milliseconds: 200) }

    init(_ information: StartInformation) {
        server = Server(information)
        kept = unsafe KeptClock(memory: persistentMemory(information), now: TimeService.now)
    }

    /// Microseconds of the counter.
    private static var now: UInt64 { (Instant.now - .immediately).microseconds }

    mutating func serve() -> Never {
        while true {
            let request = server.next()
            if request.delivery != .message { continue }
            switch request[0] {
            case TimeRequest.read: server.reply(read())
            case TimeRequest.set: server.reply(set(request))
            default: server.reply(RegisterMessage(TimeError.unknownRequest.rawValue))
            }
        }
    }

    private mutating func read() -> RegisterMessage {
        let now = TimeService.now
        if kept.clock.wantsClock(at: now) {
            var clock = kept.clock
            let seconds = readClock()
            clock.take(clock: seconds, asked: now, at: TimeService.now)
            kept.keep(clock)
        }
        let words = kept.clock.reading(at: TimeService.now).words
        var message = RegisterMessage(0, words[0], words[1], words[2])
        message.setWord(4, words[3])
        return message
    }

    private mutating func set(_ request: Received) -> RegisterMessage {
        if !ClientBadge(raw: request.badge).may(.setTime) {
            return RegisterMessage(TimeError.notPermitted.rawValue)
        }
        var changed = kept.clock
        do throws(TimeError) {
            guard let source = UTCSource(rawValue: request[2]) else { throw .badValue }
            try changed.set(request[1], by: source, error: request[3], at: TimeService.now)
            let result = try setClock((request[1] + 500_000) / 1_000_000)
            kept.keep(changed)
            return RegisterMessage(0, result.rawValue)
        } catch { return RegisterMessage(error.rawValue) }
    }

    // The board's clock

    /// Returns the service `clock`, which comes when its driver was started, or nil on a board
    /// without one.
    ///
    /// - Throws: what the driver's check of the version throws.
    private func openClock(by deadline: Instant) throws(SystemError) -> ClockClient? {
        let slot = TimeService.boardClock
        if let there = try? CapabilityTable.own.describe(slot), there.kind == .endpoint {
            return ClockClient(Endpoint(slot))
        }
        do throws(SystemError) { return try ClockClient(finding: slot, by: deadline) } catch {
            if error == .noService { return nil }
            try? CapabilityTable.own.delete(slot)
            throw error
        }
    }

    private func readClock() -> UInt64? {
        let deadline = TimeService.patience
        do throws(SystemError) { return try openClock(by: deadline)?.now(by: deadline) } catch {
            return nil
        }
    }

    /// - Throws: `beyondClock`.
    private func setClock(_ seconds: UInt64) throws(TimeError) -> BoardClock {
        let deadline = TimeService.patience
        do throws(SystemError) {
            guard let clock = try openClock(by: deadline) else { return .none }
            try clock.set(to: seconds, by: deadline)
            return .set
        } catch {
            if error.of(ClockError.self) == .noSuchSecond { throw .beyondClock }
            return .silent
        }
    }
}
