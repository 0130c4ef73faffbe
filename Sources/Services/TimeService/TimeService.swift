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
    private var clock: UTCClock
    /// Where the clock stands for the next life.
    private let kept: UnsafeMutableBufferPointer<UInt64>
    private static var boardClock: Slot { StartSlot.firstFree }
    /// How long the board's clock may take to answer.
    private static var patience: Instant { .after(milliseconds: 200) }

    init(_ information: StartInformation) {
        server = Server(information)
        unsafe kept = persistentMemory(information)
        // Safety: the manifest gives the task a page.
        clock = unsafe UTCClock(
            words: [kept[0], kept[1], kept[2], kept[3], kept[4]], now: TimeService.now)
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
        if clock.wantsClock(at: TimeService.now), let seconds = readClock() {
            clock.take(clock: seconds, at: TimeService.now)
            keep()
        }
        let words = clock.reading(at: TimeService.now).words
        var message = RegisterMessage(0, words[0], words[1], words[2])
        message.setWord(4, words[3])
        return message
    }

    private mutating func set(_ request: Received) -> RegisterMessage {
        if !ClientBadge(raw: request.badge).may(.setTime) {
            return RegisterMessage(TimeError.notPermitted.rawValue)
        }
        var changed = clock
        do throws(TimeError) {
            guard let source = UTCSource(rawValue: request[2]) else { throw .badValue }
            try changed.set(request[1], by: source, error: request[3], at: TimeService.now)
            let result = try setClock((request[1] + 500_000) / 1_000_000)
            clock = changed
            keep()
            return RegisterMessage(0, result.rawValue)
        } catch { return RegisterMessage(error.rawValue) }
    }

    private func keep() {
        let words = clock.words
        // Safety: the manifest gives the task a page.
        for index in 0..<5 { unsafe kept[index] = words[index] }
    }

    // The board's clock

    /// Returns the service `clock`, which comes when its driver was started, or nil on a board
    /// without one.
    ///
    /// - Throws: what the driver's check of the version throws.
    private func openClock() throws(SystemError) -> ClockClient? {
        let slot = TimeService.boardClock
        if let there = try? CapabilityTable.own.describe(slot), there.kind == .endpoint {
            return ClockClient(Endpoint(slot))
        }
        let name = Name("clock")
        let words: InlineArray<4, UInt64> = [name.word0, name.word1, name.word2, name.word3]
        if !openService(words, to: slot, deadline: TimeService.patience) { return nil }
        do throws(SystemError) {
            return try ClockClient(checking: Endpoint(slot), by: TimeService.patience)
        } catch {
            try? CapabilityTable.own.delete(slot)
            throw error
        }
    }

    private func readClock() -> UInt64? {
        do throws(SystemError) { return try openClock()?.now(by: TimeService.patience) } catch {
            return nil
        }
    }

    /// - Throws: `beyondClock`.
    private func setClock(_ seconds: UInt64) throws(TimeError) -> BoardClock {
        do throws(SystemError) {
            guard let clock = try openClock() else { return .none }
            try clock.set(to: seconds, by: TimeService.patience)
            return .set
        } catch {
            if error.of(ClockError.self) == .noSuchSecond { throw .beyondClock }
            return .silent
        }
    }
}
