// A driver that tries to take what its manifest entry does not give it, for
// Tests/OnTarget/system/authority.txt. It holds its registers and its line, the log, the pins, a
// way to show the supervisor a sign of life, and the right to look at tasks.

import Interfaces
import KernelABI
import Protocols
import UserRuntime

/// How many attempts were refused as `notPermitted`.
private struct Attempts {
    var refused = 0

    mutating func ask(_ endpoint: Endpoint, _ message: RegisterMessage) {
        guard let reply = try? endpoint.call(message) else { return }
        if reply[0] == FactoryError.notPermitted.rawValue { refused += 1 }
    }
    mutating func ask(_ work: () throws(SystemError) -> Void) {
        do throws(SystemError) { try work() } catch {
            if error == .refused(.notPermitted) { refused += 1 }
        }
    }
}

/// The clock's driver, by the order of the manifest.
private let clock: UInt64 = 10

@c(Intruder_main) func intruder(_ address: UInt) -> Int32 {
    let information = startInformation(address)
    var server = Server(information)
    let supervisor = SupervisorClient(Endpoint(StartSlot.supervisor))
    let factory = Endpoint(StartSlot.factory)
    var attempts = Attempts()
    try? supervisor.press(key: 116)
    attempts.ask { () throws(SystemError) in try supervisor.kill(task: clock) }
    attempts.ask { () throws(SystemError) in try supervisor.crash(task: clock) }
    attempts.ask { () throws(SystemError) in
        _ = try supervisor.restart(task: clock, by: .patience)
    }
    for number in FactoryOperation.manifest.rawValue...FactoryOperation.hang.rawValue {
        attempts.ask(factory, RegisterMessage(UInt64(number), clock))
    }
    let serial: UInt64 = 0x6c61_6972_6573
    var service = RegisterMessage(UInt64(FactoryOperation.service.rawValue), serial)
    service.setWord(5, information.task)
    attempts.ask(factory, service)
    let isRefusedKeys = isRefusedKeys()
    // 3 of the supervisor, 10 of the factory (7 of its 17 only look), and a service that is not
    // under `opens`.
    let isRefusedTrace = (try? SystemControl(StartSlot.systemControl).trace(0)) == nil
    if attempts.refused == 14 && isRefusedKeys && isRefusedTrace {
        log("the intruder was refused everything")
    } else {
        log("the intruder was not refused everything")
    }
    while true { _ = server.next() }
}

/// Whether the power key (pin 3) is nothing else, from the first moment on. Then pin 5 is this
/// task's while it lives.
private func isRefusedKeys() -> Bool {
    let slot = StartSlot.firstFree
    guard let pins = try? GPIOClient(opening: slot) else { return false }
    func isTaken(_ work: () throws(SystemError) -> Void) -> Bool {
        do throws(SystemError) { try work() } catch { return error.of(GPIOError.self) == .taken }
        return false
    }
    let key = Pin(number: 3)
    let isRefused =
        isTaken { () throws(SystemError) in try pins.set(key, high: true) }
        && isTaken { () throws(SystemError) in try pins.configure(key, as: .output, .unchanged) }
        && (try? pins.state())?.watched == 1 << 3
    let passing = Slot(slot.index + 1)
    try? CapabilityTable.own.copy(StartSlot.notification, to: passing, rights: .write)
    do throws(SystemError) {
        try pins.watch(Pin(number: 5), .both, Notification(passing), bits: 1)
        return isRefused
    } catch { return false }
}
