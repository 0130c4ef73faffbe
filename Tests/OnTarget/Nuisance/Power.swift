// What tasks try at the power: to hide the power key, and to switch the board off without the
// privilege.

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

/// Opens the power driver, and lacks `factory.power`.
func switchOff() -> Never {
    guard let power = open(Name("power")) else { rest() }
    sleep(milliseconds: 500)
    let requests = [
        RegisterMessage(PowerRequest.powerOff), RegisterMessage(PowerRequest.reboot),
        RegisterMessage(PowerRequest.watchdog, 2), RegisterMessage(PowerRequest.watchdog, 0),
    ]
    let isRefused = requests.allSatisfy { ask(power, $0) == PowerRequest.notPermitted }
    say(isRefused ? "cannot switch the board off" : "was not refused")
    rest()
}

/// Waits for an alarm that is half an hour away, gives up, and ends.
func holdATimer() -> Never {
    guard let timer = open(Name("timer")) else { rest() }
    guard let now = try? timer.call(RegisterMessage(SystemTimerRequest.read))[1] else { rest() }
    let alarm = RegisterMessage(
        SystemTimerRequest.alarm, now + SystemTimerRequest.maximumDelay - 1000)
    let reply = try? timer.call(alarm, deadline: .after(milliseconds: 200))
    say(reply == nil ? "has waited in vain, and ends" : "did not wait")
    fatalError("gives up")
}
