// Switching the machine off and on again: by the board's own driver where one was started, else by the kernel.

import KernelABI
import Protocols
import ServiceCores
import UserRuntime

extension Factory {
    /// Time that the driver has for it; then the kernel tries.
    private static var patience: UInt64 { 1000 }

    /// - Parameter action: 1 reboot, else power off. Returns only where neither way exists.
    func power(_ action: UInt64, _ status: UInt64) throws(FactoryFailure) {
        if let driver = provider(of: Name("power")), tasks[driver].phase == .running {
            var text = Text()
            text.add(action == 1 ? "swiftlet: reboot" : "swiftlet: power off, status ")
            if action != 1 { text.decimal(status) }
            text.newLine()
            unsafe text.bytes.withUnsafeBytes { unsafe console.control.write($0) }
            let request = action == 1 ? PowerRequest.reboot : PowerRequest.powerOff
            _ = try? Endpoint(slots.task(driver).endpoint).call(
                RegisterMessage(request), deadline: .after(milliseconds: Factory.patience))
        }
        let control = SystemControl(RootSlot.systemControl)
        do throws(KernelError) {
            if action == 1 { try control.reboot() } else { try control.powerOff(status: status) }
        } catch { throw FactoryFailure(.kernel, error) }
    }
}
