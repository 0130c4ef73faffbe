// What tasks try at the power: to hide the power key, and to switch the board off without the
// privilege.

import Interfaces
import KernelABI
import Protocols
import ServiceCores
import UserRuntime

/// Asks for the power key's pin (3) before the device manager could tell anybody that it is a key.
func grabThePowerKey() -> Never {
    let name = Name("gpio")
    while !openService([name.word0, name.word1, name.word2, name.word3], to: slot(0)) {
        sleep(until: .after(.microseconds(100)))
    }
    let pins = Endpoint(slot(0))
    // A failure here is seen below: the call brings no capability then.
    try? CapabilityTable.own.copy(StartSlot.notification, to: slot(1), rights: .write)
    let reply = try? pins.call(RegisterMessage(GPIORequest.notify, 3, 3, 1), Attachment(slot(1)))
    let isRefused = reply?[0] == GPIOError.taken.rawValue
    say(isRefused ? "does not get the power key" : "got the power key")
    rest()
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
