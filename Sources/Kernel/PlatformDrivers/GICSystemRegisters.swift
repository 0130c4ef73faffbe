// The CPU interface of a GICv3, which is made of system registers. A protocol stands for them, so
// that the driver runs on the host as well.

import CAArch64

/// The registers that the driver writes (Arm IHI 0069H, 12.2).
public enum GICSystemRegister: Sendable {
    /// ICC_EOIR1_EL1
    case end
    /// ICC_DIR_EL1
    case deactivate
    /// ICC_CTLR_EL1
    case control
    /// ICC_PMR_EL1
    case priorityMask
    /// ICC_IGRPEN1_EL1
    case groupEnable
    /// ICC_SRE_EL1
    case systemAccess
    /// ICC_SGI1R_EL1
    case softwareInterrupt
}

/// The CPU interface of this core.
public protocol GICSystemRegisters {
    /// Takes the interrupt (ICC_IAR1_EL1).
    func readAcknowledge() -> UInt64
    /// The interrupt that is pending (ICC_HPPIR1_EL1).
    func readPending() -> UInt64
    func write(_ register: GICSystemRegister, _ value: UInt64)
    /// Makes earlier writes take effect before later instructions.
    func synchronize()
}

/// This core's real registers.
public struct CoreGICRegisters: GICSystemRegisters, Sendable {
    public init() {}
    @inline(__always) public func readAcknowledge() -> UInt64 { swiftlet_read_gic_acknowledge() }
    @inline(__always) public func readPending() -> UInt64 { swiftlet_read_gic_pending() }
    /// The driver passes a constant `register`, so one instruction remains.
    @inline(__always) public func write(_ register: GICSystemRegister, _ value: UInt64) {
        switch register {
        case .end: swiftlet_write_gic_end(value)
        case .deactivate: swiftlet_write_gic_deactivate(value)
        case .control: swiftlet_write_gic_control(value)
        case .priorityMask: swiftlet_write_gic_priority_mask(value)
        case .groupEnable: swiftlet_write_gic_group_enable(value)
        case .systemAccess: swiftlet_write_gic_system_access(value)
        case .softwareInterrupt: swiftlet_write_gic_software_interrupt(value)
        }
    }
    @inline(__always) public func synchronize() { swiftlet_isb() }
}
