// GICv3 (Arm IHI 0069): distributor, one redistributor per core, CPU interface in system registers.
//
// As on the GICv2, EOImode 1 splits priority drop (EOIR) from deactivation (DIR).

import DeviceTree
import HardwareInterface
import KernelABI
import MMIO

/// A GICv3 with affinity routing, as one core uses it. Lines are INTIDs, in group 1; all go to the
/// core that starts it, until `route`.
public struct GICv3<Registers: RegisterAccess, Core: GICSystemRegisters>: InterruptController {
    let distributor: Registers
    let redistributors: Registers
    /// The offset of this core's private lines in `redistributors`.
    private(set) var privatePage = 0
    /// This core's affinity.
    public private(set) var target = CoreTarget(0)
    let core: Core
    public let lineCount: Int

    /// Masks every line and opens the CPU interface.
    ///
    /// - Parameters:
    ///   - redistributors: the region that holds every core's, of `size` bytes.
    ///   - affinity: MPIDR_EL1 of this core.
    /// - Returns: nil if this core has no redistributor.
    public init?(
        distributor: Registers, redistributors: Registers, size: UInt64, affinity: UInt64,
        core: Core
    ) {
        self.distributor = distributor
        self.redistributors = redistributors
        self.core = core
        lineCount = Distributor.lineCount(type: distributor.read32(Distributor.type))
        guard let own = initializePlace(affinity, size) else { return nil }
        initializeDistributor(affinity: affinity)
        initializeCore(affinity, at: own)
    }

    /// Makes this value another core's, which calls it: masks its private lines and opens its CPU
    /// interface.
    ///
    /// - Parameters:
    ///   - affinity: MPIDR_EL1 of that core.
    ///   - size: bytes of the region that holds every core's redistributor.
    /// - Returns: false if that core has no redistributor.
    public mutating func initializeCore(affinity: UInt64, size: UInt64) -> Bool {
        guard let own = initializePlace(affinity, size) else { return false }
        initializeCore(affinity, at: own)
        return true
    }
    private mutating func initializeCore(_ affinity: UInt64, at own: Int) {
        privatePage = own + Redistributor.privatePage
        target = CoreTarget(affinity & CoreDescription.affinityMask)
        initializeRedistributor(at: own)
        initializeInterface()
    }

    /// Returns the offset of a core's redistributor in the region; nil if it has none.
    private func initializePlace(_ affinity: UInt64, _ size: UInt64) -> Int? {
        let packed = (affinity & 0xff_ffff) | (affinity >> 32 & 0xff) << 24
        var own = 0
        while true {  // one redistributor a round, within the region
            if own + Redistributor.stride > Int(clamping: size) { return nil }
            let type = redistributors.read64(own + Redistributor.type)
            if type >> 32 == packed { return own }
            if type & 16 != 0 { return nil }
            own += Redistributor.stride(type: type)
        }
    }

    private func initializeDistributor(affinity: UInt64) {
        distributor.write32(Distributor.control, 0)
        initializeWait()
        for word in 1..<Distributor.count(lineCount, each: 32) {
            distributor.write32(Distributor.clearEnable + 4 * word, 0xffff_ffff)
            distributor.write32(Distributor.clearPending + 4 * word, 0xffff_ffff)
            distributor.write32(Distributor.clearActive + 4 * word, 0xffff_ffff)
            distributor.write32(Distributor.group + 4 * word, 0xffff_ffff)
        }
        for word in 8..<Distributor.count(lineCount, each: 4) {
            distributor.write32(Distributor.priority + 4 * word, LinePriority.ofFourLines)
        }
        distributor.write32(Distributor.control, Distributor.routedGroup)
        initializeWait()
        for line in 32..<lineCount {
            distributor.write64(
                Distributor.route + 8 * line, affinity & CoreDescription.affinityMask)
        }
    }

    /// Wakes this core's redistributor and masks its private lines.
    ///
    /// - Parameter own: the redistributor's offset in the region.
    private func initializeRedistributor(at own: Int) {
        let waker = own + Redistributor.waker
        redistributors.write32(waker, redistributors.read32(waker) & ~Redistributor.sleep)
        var rounds = 0
        while redistributors.read32(waker) & Redistributor.asleep != 0, rounds < gicPatience {
            rounds += 1
        }
        redistributors.write32(privatePage + Distributor.clearEnable, 0xffff_ffff)
        redistributors.write32(privatePage + Distributor.clearPending, 0xffff_ffff)
        redistributors.write32(privatePage + Distributor.clearActive, 0xffff_ffff)
        redistributors.write32(privatePage + Distributor.group, 0xffff_ffff)
        for word in 0..<8 {
            redistributors.write32(privatePage + Distributor.priority + 4 * word, 0)
        }
    }

    private func initializeInterface() {
        core.write(.systemAccess, 7)
        core.synchronize()
        core.write(.priorityMask, UInt64(LinePriority.mask))
        core.write(.control, 2)  // EOImode
        core.write(.groupEnable, 1)
        core.synchronize()
    }

    private func initializeWait() {
        var rounds = 0
        while distributor.read32(Distributor.control) & Distributor.writePending != 0,
            rounds < gicPatience
        {
            rounds += 1
        }
    }

    /// Turns off the message interrupts (LPIs) that the firmware left on, those of every core. The
    /// kernel uses none.
    ///
    /// A redistributor whose LPIs are on writes to a table in memory. Some never turn them off
    /// again (Arm IHI 0069H, 12.11.2, GICR_CTLR.EnableLPIs).
    ///
    /// - Parameters:
    ///   - size: bytes of the region that holds every core's redistributor.
    ///   - keep: receives base and bytes of each table that stays in use.
    public func initializeMessages(size: UInt64, keep: (UInt64, UInt64) -> Void) {
        var own = 0
        var rounds = LoopBound(Redistributor.maximum)
        while own + Redistributor.stride <= Int(clamping: size) {  // one redistributor a round
            rounds.count()
            let type = redistributors.read64(own + Redistributor.type)
            if type & 1 != 0 && !initializeWithoutMessages(at: own) {
                let configuration = redistributors.read64(own + Redistributor.configurationTable)
                let pending = redistributors.read64(own + Redistributor.pendingTable)
                // IDbits is the width of a number less one. The tables have a byte for each number
                // above 8191, and a bit for each number.
                let numbers: UInt64 = 2 << (configuration & 31)
                keep(configuration & 0x000f_ffff_ffff_f000, numbers)
                keep(pending & 0x000f_ffff_ffff_0000, numbers / 8)
            }
            if type & 16 != 0 { return }
            own += Redistributor.stride(type: type)
        }
    }

    /// Turns off the LPIs of the redistributor at `own`.
    ///
    /// - Returns: false if they stay on.
    private func initializeWithoutMessages(at own: Int) -> Bool {
        let control = redistributors.read32(own + Redistributor.control)
        if control & Redistributor.messages == 0 { return true }
        redistributors.write32(own + Redistributor.control, control & ~Redistributor.messages)
        var left = gicPatience
        var rounds = LoopBound(gicPatience)
        while redistributors.read32(own + Redistributor.control) & Redistributor.writePending != 0,
            left > 0
        {
            rounds.count()
            left -= 1
        }
        return redistributors.read32(own + Redistributor.control) & Redistributor.messages == 0
    }

    /// Takes a pending interrupt. A message interrupt is ended here: the kernel uses none, and it
    /// would keep all others away.
    @inline(__always) public func acknowledge() -> Int? {
        let line = Int(truncatingIfNeeded: core.readAcknowledge() & 0xff_ffff)
        if _fastPath(line < 1020) { return line }
        if line >= 8192 { core.write(.end, UInt64(truncatingIfNeeded: line)) }
        return nil
    }
    public func peek() -> Int? {
        let line = Int(truncatingIfNeeded: core.readPending() & 0xff_ffff)
        return line < 1020 ? line : nil
    }
    @inline(__always) public func end(line: Int) {
        core.write(.end, UInt64(truncatingIfNeeded: line))
    }
    @inline(__always) public func open(line: Int) {
        core.write(.deactivate, UInt64(truncatingIfNeeded: line))
    }
    public func enable(line: Int, trigger: Trigger) {
        if line < 32 {
            redistributors.enableLine(line, trigger, page: privatePage)
        } else {
            distributor.enableLine(line, trigger)
        }
    }
    public func disable(line: Int) {
        if line < 32 {
            redistributors.disableLine(line, page: privatePage)
        } else {
            distributor.disableLine(line)
        }
    }

    /// Raises a software interrupt, 0 to 15, on a core (ICC_SGI1R_EL1): the lowest affinity level
    /// is a bit of a list of 16, of which bits 44 to 47 choose one.
    public func send(softwareInterrupt number: Int, to target: CoreTarget) {
        let affinity = target.raw
        let list = 1 << (affinity & 15) | (affinity >> 4 & 15) << 44
        let levels = (affinity >> 8 & 0xff) << 16 | (affinity >> 16 & 0xff) << 32
        core.write(
            .softwareInterrupt,
            list | levels | (affinity >> 32 & 0xff) << 48
                | UInt64(truncatingIfNeeded: number) << 24)
        core.synchronize()
    }
    /// Sends a line to a core from now on. A private line stays its core's.
    public func route(line: Int, to core: CoreTarget) {
        if line < 32 { return }
        distributor.write64(Distributor.route &+ 8 &* line, core.raw)
    }
    public func setUrgency(_ priority: UInt8, ofLine line: Int) {
        let value = LinePriority.value(priority)
        if line < 32 {
            redistributors.write8(privatePage &+ Distributor.priority &+ line, value)
        } else {
            distributor.write8(Distributor.priority &+ line, value)
        }
    }
}

/// The most reads until a write has taken effect. The architecture sets no limit; hardware needs a
/// few.
let gicPatience = 100_000
