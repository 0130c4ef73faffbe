// Switching the machine off and on again: by the board's own driver where one was started, else by
// the kernel.

import DeviceTree
import Interfaces
import KernelABI
import Protocols
import ServiceCores
import UserRuntime

extension Factory: MachineServer {
    mutating func reboot(_ client: ClientBadge) throws(RootError) {
        try answering { () throws(FactoryFailure) in try end(by: .reboot) }
    }
    mutating func powerOff(status: UInt8, _ client: ClientBadge) throws(RootError) {
        try answering { () throws(FactoryFailure) in try end(by: .powerOff(status: status)) }
    }

    /// Returns only where neither the board's driver nor the kernel can.
    func end(by end: MachineEnd) throws(FactoryFailure) {
        if let driver = provider(of: Name("power")), tasks[driver].phase == .running {
            var text = Text("swiftlet: ")
            switch end {
            case .reboot: text.add("reboot")
            case .powerOff(let status):
                text.add("power off, status ")
                text.decimal(UInt64(status))
            }
            text.newLine()
            unsafe text.bytes.withUnsafeBytes { unsafe console.control.write($0) }
            let client = PowerClient(Endpoint(slots.task(driver).endpoint))
            do throws(SystemError) {
                switch end {
                case .reboot: try client.reboot()
                case .powerOff: try client.powerOff()
                }
            } catch {
                console.line {
                    $0.add("the power driver does nothing: ")
                    $0.add(error.text)
                    $0.add("; the kernel tries")
                }
            }
        }
        let control = SystemControl(RootSlot.systemControl)
        do throws(KernelError) {
            switch end {
            case .reboot: try control.reboot()
            case .powerOff(let status): try control.powerOff(status: UInt64(status))
            }
        } catch { throw FactoryFailure(.kernel(error)) }
    }

    /// Ends the machine as the command line's `run` asks, if the shell did not start or a boot task
    /// that answers it: then nobody performs the commands.
    func endUnattended() {
        guard let shell = number(of: Name("shell")) else { return }
        let description = tasks[shell].description
        let isAttended = !tasks.contains { task in
            task.description.start == .boot && task.phase == .waiting
                && (task.name == Name("shell") || task.service == Name("names")
                    || description.mayOpen(task.service))
        }
        guard !isAttended, let arguments = try? BootArguments(commandLine()),
            let end = MachineEnd(arguments: arguments)
        else { return }
        console.line { $0.add("nobody performs the commands of run=; it ends as they ask") }
        do throws(FactoryFailure) { try self.end(by: end) } catch {
            console.line { $0.add("the machine does not switch off") }
        }
    }

    /// The kernel's command line, which the device tree holds.
    private func commandLine() -> [UInt8] {
        let start = unsafe UnsafeRawPointer(bitPattern: UInt(boot.deviceTreeAddress))
        // Safety: the kernel mapped that many bytes of the tree there, for good.
        guard let start = unsafe start,
            let tree = try? unsafe DeviceTree(at: start, limit: Int(boot.deviceTreeSize)),
            let text = unsafe tree.node("/chosen")?.property("bootargs")?.string
        else { return [] }
        return unsafe Array(text)
    }
}
