// GICv2 and GIC-400 (Arm IHI 0048): distributor and memory-mapped CPU interface.
//
// EOImode 1 splits the end of an interrupt in two. The write to EOIR drops the running priority.
// A second write deactivates the line, when the driver has acknowledged: to ICACTIVER or, for a
// private line, to DIR. In between the line is active and cannot signal, at no cost.
//
// All lines go to group 0. A read of IAR takes it wherever the processor sees both groups: in
// secure state, or with a controller without security. There a line of group 1 would read as
// spurious and never go away. In the non-secure view the group registers ignore writes. The
// firmware has put the lines into group 1, the only group that is visible there.

import HardwareInterface
import KernelABI
import MMIO

/// A GICv2 as one core uses it. Lines are INTIDs; all go to the core that starts it, until `route`.
public struct GICv2<Registers: RegisterAccess>: InterruptController {
    let distributor: Registers
    let interface: Registers
    public let lineCount: Int
    /// This core's bit among the distributor's targets.
    public private(set) var target = CoreTarget(0)

    /// Masks every line and opens the CPU interface.
    public init(distributor: Registers, interface: Registers) {
        self.distributor = distributor
        self.interface = interface
        lineCount = Distributor.lineCount(type: distributor.read32(Distributor.type))
        distributor.write32(Distributor.control, 0)
        initializeLines(from: 32, to: lineCount)
        initializeLines(from: 0, to: 32)
        target = initializeTarget()
        let here = UInt32(truncatingIfNeeded: target.raw) * 0x0101_0101
        for word in 8..<Distributor.count(lineCount, each: 4) {
            distributor.write32(Distributor.target + 4 * word, here)
        }
        distributor.write32(Distributor.control, Distributor.bothGroups)
        initializeInterface()
    }

    /// Makes this value another core's, which calls it: masks its private lines and opens its CPU
    /// interface.
    public mutating func initializeCore() {
        initializeLines(from: 0, to: 32)
        target = initializeTarget()
        initializeInterface()
    }

    /// - Parameters:
    ///   - start: a multiple of 32.
    ///   - end: the line after the last.
    private func initializeLines(from start: Int, to end: Int) {
        for word in start / 32..<Distributor.count(end, each: 32) {
            distributor.write32(Distributor.clearEnable + 4 * word, 0xffff_ffff)
            distributor.write32(Distributor.clearPending + 4 * word, 0xffff_ffff)
            distributor.write32(Distributor.clearActive + 4 * word, 0xffff_ffff)
            distributor.write32(Distributor.group + 4 * word, 0)
        }
        for word in start / 4..<Distributor.count(end, each: 4) {
            distributor.write32(
                Distributor.priority + 4 * word, word < 8 ? 0 : LinePriority.ofFourLines)
        }
    }

    private func initializeInterface() {
        interface.write32(Interface.priorityMask, LinePriority.mask)
        interface.write32(Interface.control, Interface.splitEnd)
    }

    /// Returns this core's bit. A controller for one core reads as zero and needs none.
    private func initializeTarget() -> CoreTarget {
        for word in 0..<8 {
            let target = distributor.read32(Distributor.target + 4 * word)
            let core = (target | target >> 8 | target >> 16 | target >> 24) & 0xff
            if core != 0 { return CoreTarget(UInt64(core)) }
        }
        return CoreTarget(1)
    }

    /// Takes a pending interrupt. A software interrupt's number has the sending core from bit 10
    /// on, as EOIR wants it back; no line has such a number.
    @inline(__always) public func acknowledge() -> Int? {
        let taken = interface.read32(Interface.acknowledge) & 0x1fff
        return _slowPath(taken & 0x3ff >= 1020) ? nil : Int(taken)
    }
    public func peek() -> Int? {
        let line = Int(interface.read32(Interface.pending) & 0x3ff)
        return line < 1020 ? line : nil
    }
    @inline(__always) public func end(line: Int) {
        interface.write32(Interface.end, UInt32(truncatingIfNeeded: line))
    }
    /// Deactivates the line, whichever core took it: a shared line at the distributor. DIR is
    /// each core's own, and QEMU's leaves a line active that another core took.
    @inline(__always) public func open(line: Int) {
        if _slowPath(line & 0x3ff < 32) {
            return interface.write32(Interface.deactivate, UInt32(truncatingIfNeeded: line))
        }
        distributor.write32(
            Distributor.clearActive &+ line &>> 3 & ~3,
            1 &<< UInt32(truncatingIfNeeded: line))
    }
    public func enable(line: Int, trigger: Trigger) {
        distributor.enableLine(line, trigger)
    }
    public func disable(line: Int) { distributor.disableLine(line) }

    /// Raises a software interrupt, 0 to 15, on a core.
    public func send(softwareInterrupt number: Int, to core: CoreTarget) {
        let targets = UInt32(truncatingIfNeeded: core.raw) << 16
        distributor.write32(
            Distributor.softwareInterrupt, targets | UInt32(truncatingIfNeeded: number))
    }
    /// Sends a line to a core from now on. A private line stays its core's.
    public func route(line: Int, to core: CoreTarget) {
        if line < 32 { return }
        distributor.write8(Distributor.target &+ line, UInt8(truncatingIfNeeded: core.raw))
    }
    public func setUrgency(_ priority: UInt8, ofLine line: Int) {
        distributor.write8(Distributor.priority &+ line, LinePriority.value(priority))
    }
}

/// The common part of distributors and redistributors: 32 lines to an enable register, 16 to a
/// configuration register.
extension RegisterAccess {
    /// Configures the line, then unmasks it. Lines 0 to 15 have a fixed configuration.
    ///
    /// - Precondition: the line is masked.
    /// - Parameter page: the offset of the registers.
    func enableLine(_ line: Int, _ trigger: Trigger, page: Int = 0) {
        if line >= 16 {
            let edge: UInt32 = 2 << UInt32(2 * (line % 16))
            let offset = page + Distributor.configuration + 4 * (line / 16)
            let others = read32(offset) & ~edge
            write32(offset, trigger == .edge ? others | edge : others)
        }
        write32(page + Distributor.setEnable + 4 * (line / 32), 1 << UInt32(line % 32))
    }
    func disableLine(_ line: Int, page: Int = 0) {
        write32(page + Distributor.clearEnable + 4 * (line / 32), 1 << UInt32(line % 32))
    }
}
