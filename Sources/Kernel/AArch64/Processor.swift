// The processor: its identification, its features and its one-time set-up.

import CAArch64

/// The features of this processor that the kernel uses, from its identification registers.
public struct Processor: Sendable {
    /// MIDR_EL1: implementer, part, revision.
    public let identification = swiftlet_read_midr()
    /// MPIDR_EL1: this core's place.
    public let affinity = swiftlet_read_mpidr()

    public init() {}

    /// Whether it has the architected performance counters. (ID_AA64DFR0_EL1.PMUVer: 0 none, 15
    /// others.)
    public var hasCycleCounter: Bool {
        let version = (swiftlet_read_debug_features() >> 8) & 15
        return version != 0 && version != 15
    }
    /// The width of an ASID in bits (ID_AA64MMFR0_EL1.ASIDBits). Boot.S sets TCR_EL1.AS by the same
    /// field.
    public var asidBits: Int { (swiftlet_read_memory_features() >> 4) & 15 == 2 ? 16 : 8 }
    public var counterFrequency: UInt64 { swiftlet_read_counter_frequency() }

    /// Lets user code read the virtual counter, and the cycle counter if there is one. Other
    /// counters, timers and debug registers trap.
    public func openUserRegisters() {
        swiftlet_write_timer_user_control(1 << 1)  // CNTKCTL_EL1.EL0VCTEN
        swiftlet_write_debug_control(1 << 12)  // MDSCR_EL1.TDCC
        if hasCycleCounter {
            swiftlet_write_cycle_interrupt_off(~0 & 0xffff_ffff)
            swiftlet_write_cycle_filter(0)
            swiftlet_write_cycle_enable(1 << 31)
            swiftlet_write_cycle_control(1 | 1 << 2 | 1 << 6)  // E, C (reset), LC (64 bits)
            swiftlet_write_cycle_user(1 << 2)  // PMUSERENR_EL0.CR
        }
        swiftlet_isb()
    }

    /// Ends boot's use of floating point: from now on the first use by user code traps.
    public func closeFloatingPoint() { FloatingPoint.set(enabled: false) }
}

/// The floating-point unit.
public enum FloatingPoint {
    /// Lets EL0 use floating point, or makes its use trap (CPACR_EL1.FPEN). The kernel can save and
    /// restore the registers in both cases.
    @inline(__always) public static func set(enabled: Bool) {
        swiftlet_write_coprocessor_access(enabled ? 3 << 20 : 1 << 20)
    }
}

/// The generic timer (Arm ARM D11): the virtual counter and its compare register.
public enum GenericTimer {
    @inline(__always) public static var now: UInt64 { swiftlet_read_counter() }
    /// Sets the timer to interrupt when the counter reaches `ticks`.
    @inline(__always) public static func set(_ ticks: UInt64) {
        swiftlet_write_timer_compare(ticks)
        swiftlet_write_timer_control(1)
    }
    /// Keeps a timer that has expired from interrupting.
    @inline(__always) public static func mask() { swiftlet_write_timer_control(3) }
    /// Lets it interrupt again.
    ///
    /// - Returns: whether it was kept from that. The interrupt may come some instructions later.
    @inline(__always) public static func unmask() -> Bool {
        if swiftlet_read_timer_control() & 2 == 0 { return false }
        swiftlet_write_timer_control(1)
        return true
    }
    @inline(__always) public static func off() { swiftlet_write_timer_control(0) }
}
