// Power off and reset by PSCI (Arm DEN 0022), if the device tree says how to call it.

import CAArch64
import DeviceTree

/// Calls of the firmware (Arm DEN 0028). A call returns if the firmware does not know the function.
public protocol FirmwareCalls {
    func hypervisorCall(_ function: UInt64)
    func secureMonitorCall(_ function: UInt64)
}

extension PowerMethod {
    /// Calls SYSTEM_OFF. Returns if the firmware does not know it.
    public func switchOff(_ firmware: some FirmwareCalls) { call(0x8400_0008, firmware) }
    /// Calls SYSTEM_RESET. Returns if the firmware does not know it.
    public func reset(_ firmware: some FirmwareCalls) { call(0x8400_0009, firmware) }

    private func call(_ function: UInt64, _ firmware: some FirmwareCalls) {
        switch self {
        case .none: break
        case .hvc: firmware.hypervisorCall(function)
        case .smc: firmware.secureMonitorCall(function)
        }
    }
}

/// The real firmware.
public struct CoreFirmware: FirmwareCalls {
    public init() {}
    public func hypervisorCall(_ function: UInt64) { _ = swiftlet_firmware_call(function, 0) }
    public func secureMonitorCall(_ function: UInt64) { _ = swiftlet_firmware_call(function, 1) }
}
