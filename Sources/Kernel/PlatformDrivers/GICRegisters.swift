// Register maps of the GICv2 (Arm IHI 0048B, chapter 4) and the GICv3 (Arm IHI 0069H, chapter 12):
// byte offsets and bits.

/// The distributor. A GICv3's redistributor has the same registers for private lines, in its second
/// page.
enum Distributor {
    static let control = 0x0000
    static let type = 0x0004
    static let group = 0x0080
    static let setEnable = 0x0100
    static let clearEnable = 0x0180
    static let clearPending = 0x0280
    static let clearActive = 0x0380
    /// A byte a line, which may be written by itself.
    static let priority = 0x0400
    /// GICv2: the cores that a line goes to, a byte a line; those of lines 0 to 31 name the core
    /// that reads. Those lines' other registers are each core's own as well.
    static let target = 0x0800
    static let configuration = 0x0c00
    /// GICv2, write-only: a software interrupt's number, and its cores from bit 16 on.
    static let softwareInterrupt = 0x0f00
    /// GICv3: the one core that a line goes to, 64 bits a line.
    static let route = 0x6000

    /// GICv2, CTLR: forward groups 0 and 1; in the non-secure view bit 0 is group 1.
    static let bothGroups: UInt32 = 3
    /// GICv3, CTLR: forward group 1 (non-secure view and single security state), affinity routing.
    static let routedGroup: UInt32 = 0x12
    /// GICv3, CTLR: an earlier write has not taken effect everywhere.
    static let writePending: UInt32 = 1 << 31

    /// Returns the number of lines by TYPER.ITLinesNumber. INTIDs 1020 to 1023 are special.
    static func lineCount(type: UInt32) -> Int { min(32 * (Int(type & 31) + 1), 1020) }
    /// Returns the number of registers for `lines` lines, `each` to a register. The last may be
    /// used in part.
    static func count(_ lines: Int, each: Int) -> Int { (lines + each - 1) / each }
}

/// A redistributor of a GICv3: the first page.
enum Redistributor {
    static let control = 0x0000
    /// 64 bits; bit 0: it has LPIs, bit 1: two pages more (GICv4), bit 4: the last of its region,
    /// bits 32 to 63: the core's affinity.
    static let type = 0x0008
    /// 64 bits: the tables of the LPIs' configuration and of the pending LPIs.
    static let configurationTable = 0x0070
    static let pendingTable = 0x0078
    static let waker = 0x0014
    static let stride = 0x20000
    /// The number that fits the kernel's window for its devices (SWIFTLET_DEVICE_BYTES).
    static let maximum = 8192
    /// The second page: private lines.
    static let privatePage = 0x10000

    /// CTLR.EnableLPIs; RWP: an earlier write has not taken effect everywhere.
    static let messages: UInt32 = 1
    static let writePending: UInt32 = 1 << 3
    static func stride(type: UInt64) -> Int { stride << (type & 2 != 0 ? 1 : 0) }
    /// WAKER.ProcessorSleep, ChildrenAsleep.
    static let sleep: UInt32 = 2
    static let asleep: UInt32 = 4
}

/// The CPU interface of a GICv2.
enum Interface {
    static let control = 0x0000
    static let priorityMask = 0x0004
    static let acknowledge = 0x000c
    static let end = 0x0010
    static let pending = 0x0018
    static let deactivate = 0x1000

    /// CTLR: both groups as IRQ, EOImode for each view of the register (bits 9 and 10).
    static let splitEnd: UInt32 = 0x603
}

/// The priorities of lines; a smaller number is more urgent. The private lines have 0 until a task
/// binds one, so the timer and software interrupts come first. A line that nobody has bound stands
/// in the middle. The mask lets all pass.
///
/// A controller implements the upper bits only, at least four of them in the non-secure view, and
/// ignores the lower ones. So no more than neighbours become equals, whatever it implements, and
/// nothing needs to be read back.
enum LinePriority {
    static let ofFourLines: UInt32 = 0x8080_8080
    static let mask: UInt32 = 0xf0

    /// Returns the priority of a line that serves a thread of this priority: in the real-time band
    /// 0x10 to 0x8f, a number for each; below it 0x90 to 0xef, three numbers for four.
    @inline(__always) static func value(_ priority: UInt8) -> UInt8 {
        let rest = UInt32(255 &- priority)
        let value = rest < 128 ? 0x10 &+ rest : 0x90 &+ ((rest &- 128) &* 3) &>> 2
        return UInt8(truncatingIfNeeded: value)
    }
}
