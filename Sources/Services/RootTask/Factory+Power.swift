// Switching the machine off and on again: by the board's own driver where one was started, else by
// the kernel.

import DeviceTree
import Interfaces
import KernelABI
import Protocols
import ServiceCores
import UserRuntime

extension Factory {
    /// - Parameter action: 1 reboot, else power off. Returns only where neither way exists.
    func power(_ action: UInt64, _ status: UInt64) throws(FactoryFailure) {
        if let driver = provider(of: Name("power")), tasks[driver].phase == .running {
            var text = Text()
            text.add(action == 1 ? "swiftlet: reboot" : "swiftlet: power off, status ")
            if action != 1 { text.decimal(status) }
            text.newLine()
            unsafe text.bytes.withUnsafeBytes { unsafe console.control.write($0) }
            let client = PowerClient(Endpoint(slots.task(driver).endpoint))
            do throws(SystemError) {
                if action == 1 { try client.reboot() } else { try client.powerOff() }
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
            if action == 1 { try control.reboot() } else { try control.powerOff(status: status) }
        } catch { throw FactoryFailure(.kernel, error) }
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
            let end = BootEnd(arguments: arguments)
        else { return }
        console.line { $0.add("nobody performs the commands of run=; it ends as they ask") }
        do throws(FactoryFailure) {
            switch end {
            case .reboot: try power(1, 0)
            case .powerOff(let status): try power(0, UInt64(status))
            }
        } catch { console.line { $0.add("the machine does not switch off") } }
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
