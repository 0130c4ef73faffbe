// What tasks try at the clock: to set it, and to take the alarms of others.

import Interfaces
import ServiceCores

private func openClock() -> ClockClient? {
    guard let clock = open(Name("clock")) else { return nil }
    return try? ClockClient(checking: clock)
}

/// Waits for an alarm beside another task's.
func sleepByTheClock() -> Never {
    guard let clock = openClock(), let now = try? clock.now() else { rest() }
    do throws(SystemError) {
        let time = try clock.sleep(until: now + 3, by: .after(milliseconds: 10_000))
        say(time == now + 3 ? "rang in time" : "rang at another time")
    } catch { say(Text(error.text)) }
    rest()
}

/// May read the clock and no more: calls each of its methods.
func readTheClock() -> Never {
    guard let clock = openClock(), let now = try? clock.now() else { rest() }
    var refusals = 0
    do throws(SystemError) { try clock.set(to: 1) } catch {
        if error == .refused(.notPermitted) { refusals += 1 }
    }
    do throws(SystemError) { _ = try clock.sleep(until: now, by: .after(milliseconds: 500)) } catch
    {
        if error == .refused(.notPermitted) { refusals += 1 }
    }
    // By hand: with another number of words, and as a message without an answer.
    let words = [RegisterMessage(2), RegisterMessage(2, 1, 2), RegisterMessage(3)]
    refusals += words.count { ask(clock.endpoint, $0) == Refusal.notPermitted.rawValue }
    try? clock.endpoint.send(RegisterMessage(2, 1), deadline: .after(milliseconds: 500))
    let isSame = (try? clock.now()).map { $0 - now < 10 } ?? false
    say(refusals == 5 && isSame ? "reads the clock and no more" : "was not refused")
    rest()
}

/// Sets the clock. Then asks for alarms that are far away, without a pause: most it gives up at
/// once, others after 20 ms.
func spamTheClock() -> Never {
    guard let clock = openClock() else { rest() }
    do throws(SystemError) {
        try clock.set(to: 1)
        say("has set the clock")
    } catch { say(error == .refused(.notPermitted) ? "may not set the clock" : "failed") }
    let end = Instant.after(milliseconds: 5000)
    var count: UInt64 = 0
    while Instant.now < end {
        count += 1
        let patience = count % 64 == 0 ? Instant.after(milliseconds: 20) : .immediately
        if (try? clock.sleep(until: 0x7fff_0000 - count, by: patience)) != nil {
            say("an alarm of 2038 rang")
        }
    }
    say("has set many alarms")
    rest()
}
