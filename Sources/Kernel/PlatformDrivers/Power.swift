// Switching the machine off and on again: PSCI (Arm DEN 0022), where the tree says how to call it.

import CAArch64
import DeviceTree

/// Calls of the firmware (Arm DEN 0028). They return where it does not know the function.
public protocol FirmwareCalls {
    func hypervisorCall(_ function: UInt64)
    func secureMonitorCall(_ function: UInt64)
}

extension PowerMethod {
    /// SYSTEM_OFF. Returns where the firmware does not know it.
    public func switchOff(_ firmware: some FirmwareCalls) { call(0x8400_0008, firmware) }
    /// SYSTEM_RESET. Returns where the firmware does not know it.
    public func reset(_ firmware: some FirmwareCalls) { call(0x8400_0009, firmware) }

    private func call(_ function: UInt64, _ firmware: some FirmwareCalls) {
        switch self {
        case .none: break
        case .hvc: firmware.hypervisorCall(function)
        case .smc: firmware.secureMonitorCall(function)
        }
    }
}

/// The real firmware. Only a board has it.
public struct CoreFirmware: FirmwareCalls {
    public init() {}
    public func hypervisorCall(_ function: UInt64) { _ = swiftlet_firmware_call(function, 0) }
    public func secureMonitorCall(_ function: UInt64) { _ = swiftlet_firmware_call(function, 1) }
}
