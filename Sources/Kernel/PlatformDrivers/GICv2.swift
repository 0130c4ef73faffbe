// GICv2 and GIC-400 (Arm IHI 0048): distributor and memory-mapped CPU interface.
//
// EOImode 1 splits the end of an interrupt in two: the write to EOIR drops the running priority, the write to DIR, when the
// driver has acknowledged, deactivates the line. In between it is active and cannot signal, at no cost.

import HardwareInterface
import KernelABI
import MMIO

/// A GICv2. Lines are INTIDs; all go to the first core, in group 0 or 1 as the firmware left them.
public struct GICv2: InterruptController {
    let distributor: MMIORegisters
    let interface: MMIORegisters
    public let lineCount: Int
    /// IAR as it was read: EOIR wants a software interrupt's source core back.
    var taken: UInt32 = 0

    enum Distributor {
        static let control = 0x000
        static let type = 0x004
        static let group = 0x080
        static let setEnable = 0x100
        static let clearEnable = 0x180
        static let clearPending = 0x280
        static let clearActive = 0x380
        static let priority = 0x400
        static let target = 0x800
        static let configuration = 0xc00
    }
    enum Interface {
        static let control = 0x0000
        static let priorityMask = 0x0004
        static let acknowledge = 0x000c
        static let end = 0x0010
        static let deactivate = 0x1000
    }

    /// Mask every line and open the CPU interface.
    public init(distributor: MMIORegisters, interface: MMIORegisters) {
        self.distributor = distributor
        self.interface = interface
        lineCount = min(32 * (Int(distributor.read32(Distributor.type) & 31) + 1), 1020)
        distributor.write32(Distributor.control, 0)
        for word in 0..<(lineCount / 32) {
            distributor.write32(Distributor.clearEnable + 4 * word, 0xffff_ffff)
            distributor.write32(Distributor.clearPending + 4 * word, 0xffff_ffff)
            distributor.write32(Distributor.clearActive + 4 * word, 0xffff_ffff)
        }
        for word in 0..<(lineCount / 4) { distributor.write32(Distributor.priority + 4 * word, 0x8080_8080) }
        for word in 8..<(lineCount / 4) { distributor.write32(Distributor.target + 4 * word, 0x0101_0101) }
        distributor.write32(Distributor.control, 3)
        interface.write32(Interface.priorityMask, 0xf0)
        // Both groups enabled, EOImode for each view of the register (bits 9 and 10).
        interface.write32(Interface.control, 0x603)
    }

    @inline(__always) public mutating func acknowledge() -> Int? {
        taken = interface.read32(Interface.acknowledge)
        let line = Int(taken & 0x3ff)
        return line >= 1020 ? nil : line
    }
    @inline(__always) public mutating func end(line: Int) { interface.write32(Interface.end, taken) }
    @inline(__always) public mutating func open(line: Int) {
        interface.write32(Interface.deactivate, UInt32(truncatingIfNeeded: line))
    }
    public mutating func enable(line: Int, trigger: Trigger) {
        let shift = UInt32(truncatingIfNeeded: 2 * (line % 16) + 1)
        let offset = Distributor.configuration + 4 * (line / 16)
        let configuration = distributor.read32(offset) & ~(1 << shift)
        if line >= 16 { distributor.write32(offset, configuration | (trigger == .edge ? 1 << shift : 0)) }
        distributor.write32(Distributor.setEnable + 4 * (line / 32), 1 << UInt32(line % 32))
    }
    public mutating func disable(line: Int) {
        distributor.write32(Distributor.clearEnable + 4 * (line / 32), 1 << UInt32(line % 32))
    }
}
