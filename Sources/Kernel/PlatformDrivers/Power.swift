// Switching the machine off and on again: PSCI (Arm DEN 0022), where the tree says how to call it.

import CAArch64
import DeviceTree

extension PowerMethod {
    /// SYSTEM_OFF. Returns where the firmware does not know it.
    public func switchOff() { call(0x8400_0008) }
    /// SYSTEM_RESET. Returns where the firmware does not know it.
    public func reset() { call(0x8400_0009) }

    private func call(_ function: UInt64) {
        switch self {
        case .none: break
        case .hvc: _ = swiftlet_firmware_call(function, 0)
        case .smc: _ = swiftlet_firmware_call(function, 1)
        }
    }
}
