// What tasks try at the power: to hide the power key, and to switch the board off without the
// privilege.

import Interfaces
import KernelABI
import Protocols
import ServiceCores
import UserRuntime

/// Asks for the power key's pin (3) before the device manager could tell anybody that it is a key.
func grabThePowerKey() -> Never {
    guard let pins = try? GPIOClient(opening: slot(0), by: .after(milliseconds: 10_000)) else {
        rest()
    }
    // A failure here is seen below: the call brings no capability then.
    try? CapabilityTable.own.copy(StartSlot.notification, to: slot(1), rights: .write)
    do throws(SystemError) {
        try pins.watch(Pin(number: 3), .both, Notification(slot(1)), bits: 1)
        say("got the power key")
    } catch {
        let isTaken = error.of(GPIOError.self) == .taken
        say(isTaken ? "does not get the power key" : "got no answer about the power key")
    }
    rest()
}

/// May use pins 5 and 6 alone; tries all.
func usePins() -> Never {
    guard let pins = try? GPIOClient(opening: slot(0), by: .after(milliseconds: 10_000)),
        let count = try? pins.state().count
    else { rest() }
    sleep(milliseconds: 500)
    var used: UInt64 = 0
    var refusals = 0
    for number in 0..<count {
        do throws(SystemError) {
            let pin = Pin(number: number)
            try pins.configure(pin, as: .output, .unchanged)
            try pins.set(pin, high: true)
            used |= 1 << UInt64(number)
        } catch { if error == .refused(.notPermitted) { refusals += 1 } }
    }
    // By hand: words that no client of the interface sends.
    let words = [RegisterMessage(2, 4, 0), RegisterMessage(6, 4), RegisterMessage(3, 63)]
    var isRefused = words.allSatisfy { ask(pins.endpoint, $0) == Refusal.notPermitted.rawValue }
    // Each method has pins of its own.
    if (try? pins.function(of: Pin(number: 4))) == nil { isRefused = false }
    if (try? pins.function(of: Pin(number: 5))) != nil { isRefused = false }
    let isRight = used == 1 << 5 | 1 << 6 && refusals == Int(count) - 2 && isRefused
    say(isRight ? "uses pins 5 and 6 and no other" : "used another pin")
    rest()
}

/// Watches a pin, and again whenever the driver has ended or started: then its watch is lost.
func watchAPin() -> Never {
    var isFirst = true
    while true {
        do throws(SystemError) {
            let pins = try GPIOClient(
                opening: slot(0), signalling: 2, by: .after(milliseconds: 10_000))
            try? CapabilityTable.own.copy(StartSlot.notification, to: slot(1), rights: .write)
            try pins.watch(Pin(number: 7), .both, Notification(slot(1)), bits: 1)
            try? CapabilityTable.own.delete(slot(1))
            say(isFirst ? "watches a pin" : "watches the pin again")
            isFirst = false
        } catch {
            // The driver has just ended: its start is told, too.
        }
        while (try? Notification(StartSlot.notification).wait(
            deadline: .after(milliseconds: 10_000)))
            .map({ $0 & 2 == 0 }) ?? true
        { showSignOfLife() }
    }
}

/// Opens the power driver, and may call none of the methods that are restricted.
func switchOff() -> Never {
    guard let power = open(Name("power")) else { rest() }
    sleep(milliseconds: 500)
    let client = PowerClient(power)
    var refusals = 0
    for request in 0..<4 {
        do throws(SystemError) {
            switch request {
            case 0: try client.powerOff()
            case 1: try client.reboot()
            case 2: try client.setWatchdog(seconds: 2)
            default: try client.setWatchdog(seconds: 0)
            }
        } catch { if error == .refused(.notPermitted) { refusals += 1 } }
    }
    say(refusals == 4 ? "cannot switch the board off" : "was not refused")
    rest()
}

/// Waits for an alarm that is half an hour away, gives up, and ends.
func holdATimer() -> Never {
    guard let timer = open(Name("timer")).map({ SystemTimerClient($0) }),
        let now = try? timer.now()
    else { rest() }
    let instant = now + SystemTimerError.maximumDelay - 1000
    do throws(SystemError) {
        _ = try timer.sleep(until: instant, by: .after(milliseconds: 200))
        say("did not wait")
    } catch {
        say(error == .kernel(.timedOut) ? "has waited in vain, and ends" : "did not wait")
    }
    fatalError("gives up")
}
