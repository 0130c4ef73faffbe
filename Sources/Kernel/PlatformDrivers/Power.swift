// The firmware by PSCI (Arm DEN 0022), if the device tree says how to call it: power off, reset,
// and the start of other cores.

import CAArch64
import DeviceTree

/// Calls of the firmware (Arm DEN 0028), with the first two arguments. A call returns if the
/// firmware does not know the function.
public protocol FirmwareCalls {
    func hypervisorCall(_ function: UInt64, _ first: UInt64, _ second: UInt64) -> Int64
    func secureMonitorCall(_ function: UInt64, _ first: UInt64, _ second: UInt64) -> Int64
}

extension PowerMethod {
    /// Calls SYSTEM_OFF. Returns if the firmware does not know it.
    public func switchOff(_ firmware: some FirmwareCalls) { _ = call(0x8400_0008, 0, 0, firmware) }
    /// Calls SYSTEM_RESET. Returns if the firmware does not know it.
    public func reset(_ firmware: some FirmwareCalls) { _ = call(0x8400_0009, 0, 0, firmware) }

    /// Has a core start, with its MMU off.
    ///
    /// - Parameters:
    ///   - function: the number of CPU_ON.
    ///   - affinity: the core's.
    ///   - entry: the physical address at which it starts.
    /// - Returns: 0, or the firmware's error (Arm DEN 0022, 5.2.2).
    public func startCore(
        _ function: UInt32, affinity: UInt64, entry: UInt64, _ firmware: some FirmwareCalls
    ) -> Int64 {
        let result = call(UInt64(function), affinity, entry, firmware)
        // A function of 32 bits leaves the upper half undefined.
        return function & 1 << 30 == 0 ? Int64(Int32(truncatingIfNeeded: result)) : result
    }

    /// Returns -1, "not supported", where there is no firmware.
    private func call(
        _ function: UInt64, _ first: UInt64, _ second: UInt64, _ firmware: some FirmwareCalls
    ) -> Int64 {
        switch self {
        case .none: return -1
        case .hvc: return firmware.hypervisorCall(function, first, second)
        case .smc: return firmware.secureMonitorCall(function, first, second)
        }
    }
}

/// The real firmware.
public struct CoreFirmware: FirmwareCalls {
    public init() {}
    public func hypervisorCall(_ function: UInt64, _ first: UInt64, _ second: UInt64) -> Int64 {
        Int64(bitPattern: swiftlet_firmware_call(function, first, second, 0))
    }
    public func secureMonitorCall(_ function: UInt64, _ first: UInt64, _ second: UInt64) -> Int64 {
        Int64(bitPattern: swiftlet_firmware_call(function, first, second, 1))
    }
}
