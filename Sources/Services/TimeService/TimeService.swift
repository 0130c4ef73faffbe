// UTC for all tasks: the monotonic counter, and what a person, the network or the board's clock
// said of it last.

import Interfaces
import KernelABI
import Protocols
import ServiceCores
import UserRuntime

@c(TimeService_main) func timeService(_ address: UInt) -> Int32 {
    let information = startInformation(address)
    serve(TimeService(information), Server(information))
}

struct TimeService: ~Copyable, TimeServer, ServiceTask {
    private var kept: KeptClock
    private static var boardClock: Slot { StartSlot.firstFree }
    /// How long a request waits for the board's clock.
    private static var patience: Instant { .after(milliseconds: 200) }

    init(_ information: StartInformation) {
        kept = unsafe KeptClock(
            memory: persistentMemory(information), now: TimeService.microseconds)
    }

    /// Of the counter.
    private static var microseconds: UInt64 { (Instant.now - .immediately).microseconds }

    mutating func now(_ client: ClientBadge) -> UTCReading {
        let now = TimeService.microseconds
        if kept.clock.wantsClock(at: now) {
            var clock = kept.clock
            let seconds = readClock()
            clock.take(clock: seconds, asked: now, at: TimeService.microseconds)
            kept.keep(clock)
        }
        return kept.clock.reading(at: TimeService.microseconds)
    }

    mutating func set(
        to microseconds: UInt64, source: UTCSource, error: UInt64, _ client: ClientBadge
    ) throws(TimeError) -> BoardClock {
        var changed = kept.clock
        if !changed.set(microseconds, by: source, error: error, at: TimeService.microseconds) {
            throw .badValue
        }
        let result = try setClock((microseconds + 500_000) / 1_000_000)
        kept.keep(changed)
        return result
    }

    mutating func forgetCallers() {}

    mutating func perform(_ request: Received, _ loop: inout Server) {
        TimeInterface.perform(request, for: &self, &loop)
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
