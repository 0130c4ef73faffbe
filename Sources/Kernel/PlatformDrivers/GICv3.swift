// GICv3 (Arm IHI 0069): distributor, one redistributor per core, CPU interface in system registers.
//
// As on the GICv2, EOImode 1 splits priority drop (EOIR) from deactivation (DIR).

import CAArch64
import HardwareInterface
import KernelABI
import MMIO

/// A GICv3 with affinity routing. Lines are INTIDs; all go to this core, in group 1.
public struct GICv3: InterruptController {
    let distributor: MMIORegisters
    let redistributor: MMIORegisters
    public let lineCount: Int

    enum Distributor {
        static let control = 0x0000
        static let type = 0x0004
        static let group = 0x0080
        static let setEnable = 0x0100
        static let clearEnable = 0x0180
        static let clearPending = 0x0280
        static let clearActive = 0x0380
        static let priority = 0x0400
        static let configuration = 0x0c00
        static let route = 0x6000
        /// CTLR: enable group 1 (non-secure view and single security state), affinity routing.
        static let enabled: UInt32 = 0x12
        static let writePending: UInt32 = 1 << 31
    }
    enum Redistributor {
        static let type = 0x0008
        static let waker = 0x0014
        static let stride = 0x20000
        /// The second page: private lines.
        static let privatePage = 0x10000
    }
    /// Reads until a write has taken effect, at most: the architecture sets no limit, hardware needs a few.
    static let patience = 100_000

    /// - Parameters:
    ///   - redistributors: virtual address and size of the region that holds every core's.
    ///   - affinity: MPIDR_EL1 of this core.
    /// - Returns: nil where this core has no redistributor.
    public init?(distributor: MMIORegisters, redistributors: UInt64, size: UInt64, affinity: UInt64) {
        let packed = (affinity & 0xff_ffff) | (affinity >> 32 & 0xff) << 24
        var address = redistributors
        while true {  // one redistributor a round, within the region
            if address + UInt64(Redistributor.stride) > redistributors + size { return nil }
            let type = MMIORegisters(address: address).read64(Redistributor.type)
            if type >> 32 == packed { break }
            if type & 16 != 0 { return nil }  // Last
            address += UInt64(Redistributor.stride) << (type & 2 != 0 ? 1 : 0)  // a GICv4 has two pages more
        }
        self.distributor = distributor
        redistributor = MMIORegisters(address: address)
        lineCount = min(32 * (Int(distributor.read32(Distributor.type) & 31) + 1), 1020)
        initializeDistributor(affinity: affinity)
        initializeRedistributor()
        swiftlet_write_gic_system_access(7)
        swiftlet_isb()
        swiftlet_write_gic_priority_mask(0xf0)
        swiftlet_write_gic_control(2)  // EOImode
        swiftlet_write_gic_group_enable(1)
        swiftlet_isb()
    }

    private func initializeDistributor(affinity: UInt64) {
        distributor.write32(Distributor.control, 0)
        waitForWrites()
        for word in 1..<(lineCount / 32) {
            distributor.write32(Distributor.clearEnable + 4 * word, 0xffff_ffff)
            distributor.write32(Distributor.clearPending + 4 * word, 0xffff_ffff)
            distributor.write32(Distributor.clearActive + 4 * word, 0xffff_ffff)
            distributor.write32(Distributor.group + 4 * word, 0xffff_ffff)
        }
        for word in 8..<(lineCount / 4) { distributor.write32(Distributor.priority + 4 * word, 0x8080_8080) }
        distributor.write32(Distributor.control, Distributor.enabled)
        waitForWrites()
        for line in 32..<lineCount { distributor.write64(Distributor.route + 8 * line, affinity & 0xff_00ff_ffff) }
    }

    private func initializeRedistributor() {
        redistributor.write32(Redistributor.waker, redistributor.read32(Redistributor.waker) & ~2)
        var rounds = 0
        while redistributor.read32(Redistributor.waker) & 4 != 0, rounds < GICv3.patience { rounds += 1 }
        let page = Redistributor.privatePage
        redistributor.write32(page + Distributor.clearEnable, 0xffff_ffff)
        redistributor.write32(page + Distributor.clearPending, 0xffff_ffff)
        redistributor.write32(page + Distributor.clearActive, 0xffff_ffff)
        redistributor.write32(page + Distributor.group, 0xffff_ffff)
        for word in 0..<8 { redistributor.write32(page + Distributor.priority + 4 * word, 0x8080_8080) }
    }

    private func waitForWrites() {
        var rounds = 0
        while distributor.read32(Distributor.control) & Distributor.writePending != 0, rounds < GICv3.patience {
            rounds += 1
        }
    }

    @inline(__always) public mutating func acknowledge() -> Int? {
        let line = Int(truncatingIfNeeded: swiftlet_read_gic_acknowledge() & 0xff_ffff)
        return line >= 1020 ? nil : line
    }
    @inline(__always) public mutating func end(line: Int) { swiftlet_write_gic_end(UInt64(truncatingIfNeeded: line)) }
    @inline(__always) public mutating func open(line: Int) {
        swiftlet_write_gic_deactivate(UInt64(truncatingIfNeeded: line))
    }
    public mutating func enable(line: Int, trigger: Trigger) {
        let registers = line < 32 ? redistributor : distributor
        let page = line < 32 ? Redistributor.privatePage : 0
        let shift = UInt32(truncatingIfNeeded: 2 * (line % 16) + 1)
        let offset = page + Distributor.configuration + 4 * (line / 16)
        let configuration = registers.read32(offset) & ~(1 << shift)
        if line >= 16 { registers.write32(offset, configuration | (trigger == .edge ? 1 << shift : 0)) }
        registers.write32(page + Distributor.setEnable + 4 * (line / 32), 1 << UInt32(line % 32))
    }
    public mutating func disable(line: Int) {
        let registers = line < 32 ? redistributor : distributor
        let page = line < 32 ? Redistributor.privatePage : 0
        registers.write32(page + Distributor.clearEnable + 4 * (line / 32), 1 << UInt32(line % 32))
    }
}
