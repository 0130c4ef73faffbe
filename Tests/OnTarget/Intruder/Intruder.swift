// A driver that tries to take what its manifest entry does not give it, for
// Tests/OnTarget/system/authority.txt. It holds its registers and its line, the log, the pins, a
// way to show the supervisor a sign of life, and the root task's services `inspection` and
// `connections`.

import Interfaces
import KernelABI
import Protocols
import UserRuntime

/// The clock's driver, by the order of the manifest.
private let clock: UInt16 = 10

@c(Intruder_main) func intruder(_ address: UInt) -> Int32 {
    var server = Server(startInformation(address))
    let supervisor = SupervisorClient(Endpoint(StartSlot.supervisor))
    let task = UInt64(clock)
    try? supervisor.press(key: 116)
    let isRefusedControl =
        fails(.refused(.notPermitted)) { () throws(SystemError) in
            try supervisor.kill(task: task)
        }
        && fails(.refused(.notPermitted)) { () throws(SystemError) in
            try supervisor.crash(task: task)
        }
        && fails(.refused(.notPermitted)) { () throws(SystemError) in
            _ = try supervisor.restart(task: task, by: .patience)
        }
    let isRefusedServices = isRefusedTasks() && isRefusedConnections()
    let isRefusedKeys = isRefusedKeys()
    let isRefusedTrace = (try? SystemControl(StartSlot.systemControl).trace(0)) == nil
    if isRefusedControl && isRefusedServices && isRefusedKeys && isRefusedTrace {
        log("the intruder was refused everything")
    } else {
        log("the intruder was not refused everything")
    }
    while true { _ = server.next() }
}

/// Whether a call fails so.
private func fails(_ expected: SystemError, _ call: () throws(SystemError) -> Void) -> Bool {
    do throws(SystemError) { try call() } catch { return error == expected }
    return false
}

/// Whether the task holds no capability of the services that its manifest entry does not open, and
/// whether that of another service does not serve as one.
private func isRefusedTasks() -> Bool {
    func isAbsent(_ call: () throws(SystemError) -> Void) -> Bool {
        fails(.kernel(.invalidCapability), call)
    }
    let tasks = TasksClient()
    let isRefused =
        isAbsent { () throws(SystemError) in try tasks.kill(clock) }
        && isAbsent { () throws(SystemError) in try tasks.crash(clock) }
        && isAbsent { () throws(SystemError) in try tasks.hang(clock) }
        && isAbsent { () throws(SystemError) in _ = try tasks.stop(clock) }
        && isAbsent { () throws(SystemError) in
            _ = try tasks.restart(clock, argument: FixedString(), by: .never)
        }
        && isAbsent { () throws(SystemError) in
            _ = try DriversClient().start(
                DriverRequest(
                    entry: FixedString(), name: FixedString(), instance: 0, variant: 0),
                by: .never)
        }
        && isAbsent { () throws(SystemError) in try MachineClient().powerOff(status: 1) }
        && isAbsent { () throws(SystemError) in try MachineClient().reboot() }
    // The requests are methods of `inspection` there.
    let disguised = TasksClient(Endpoint(StartSlot.root(.inspection)))
    try? disguised.kill(clock)
    try? disguised.crash(clock)
    try? disguised.hang(clock)
    let record = try? InspectionClient().task(clock)
    return isRefused && record?.phase == .running && record?.generation == 1
}

/// Whether the task gets no service that its entry does not open, and none in another's name.
private func isRefusedConnections() -> Bool {
    let serial = FixedString<32>(name: [0x6c61_6972_6573, 0, 0, 0])
    let slot = Slot(StartSlot.firstFree.index + 1)
    let connections = ConnectionsClient()
    return fails(.service(RootError.notPermitted.rawValue)) { () throws(SystemError) in
        _ = try connections.open(serial, bits: 0, to: slot, by: .never)
    }
        && fails(.refused(.notPermitted)) { () throws(SystemError) in
            _ = try connections.give(serial, to: 1, bits: 0, to: slot, by: .never)
        }
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
