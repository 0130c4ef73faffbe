// The interrupt controllers of a Raspberry Pi 3: the BCM2836's, one for each core, and the
// BCM2835's for all peripherals, whose output is a line of the first.
//
// Neither has priorities, nor a state between pending and handled, so a line is masked from its
// delivery to `open`. The virtual timer's is not: the kernel moves the deadline, which quiets the
// line, before it takes interrupts again.

import HardwareInterface
import KernelABI
import MMIO

/// Both controllers as one core uses them. Lines 16 to 25 are the core's lines 0 to 9, 32 to 63 the
/// peripherals' bank 1, 64 to 95 bank 2, and 96 to 103 bank 0. All are level-triggered; the
/// peripherals' go to core 0, on which boot runs. Software interrupts 0 and 1 are lines of these
/// numbers: bit 0 of the core's mailboxes 0 and 1.
public struct BCM2836<Registers: RegisterAccess>: InterruptController {
    let local: Registers
    /// The local controller from this core's words on.
    private(set) var own: Registers
    let peripherals: Registers
    private var core = 0

    public var lineCount: Int { 104 }
    private static var firstLocal: Int { 16 }
    private static var firstPeripheral: Int { 32 }
    private static var virtualTimer: Int { firstLocal + LocalController.virtualTimer }

    /// Masks every line.
    public init(local: Registers, peripherals: Registers) {
        self.local = local
        own = local
        self.peripherals = peripherals
        peripherals.write32(PeripheralController.fastInterrupt, 0)
        for bank in 0..<3 { peripherals.write32(PeripheralController.mask + 4 * bank, 0xffff_ffff) }
        local.write32(LocalController.route, 0)
        local.write32(LocalController.maskCounters, LocalController.ownCounters)
        local.write32(LocalController.outstandingWrites, 0)
        local.write32(LocalController.localTimer, 0)
        local.write32(LocalController.timers, 0)
        local.write32(LocalController.mailboxes, 0)
    }

    /// Makes this value another core's, which calls it, and masks its lines.
    ///
    /// - Parameters:
    ///   - number: the core's lowest affinity level.
    ///   - own: `local` from 4 bytes a core on.
    /// - Returns: false if the controller has no such core.
    public mutating func initializeCore(_ number: Int, own: Registers) -> Bool {
        if number >= 4 { return false }
        core = number
        self.own = own
        local.write32(LocalController.maskCounters, LocalController.ownCounters << UInt32(number))
        own.write32(LocalController.timers, 0)
        own.write32(LocalController.mailboxes, 0)
        for mailbox in 0..<4 { local.write32(mailboxes + 4 * mailbox, 0xffff_ffff) }
        return true
    }

    /// This core's mailboxes, where bits are cleared.
    private var mailboxes: Int {
        LocalController.clearMailbox &+ LocalController.mailboxStride &* core
    }
    public var target: CoreTarget { CoreTarget(UInt64(core)) }

    /// Takes a pending line: the virtual timer's first, then the peripherals' lowest, then the
    /// core's lowest.
    ///
    /// - Complexity: at most three loads and a store, however many lines are pending.
    @inline(__always) public func acknowledge() -> Int? {
        let pending = own.read32(LocalController.pending)
        if pending & 1 << LocalController.virtualTimer != 0 { return Self.virtualTimer }
        if pending & 1 << LocalController.peripherals != 0 { return acknowledgePeripheral() }
        if pending == 0 { return nil }
        let line = Self.firstLocal &+ pending.trailingZeroBitCount
        let mailbox = line &- Self.firstLocal &- LocalController.firstMailbox
        if mailbox >= 0 && mailbox < 2 {
            local.write32(mailboxes &+ 4 &* mailbox, 0xffff_ffff)
            return mailbox
        }
        setLocal(line, isOpen: false)
        return line
    }
    @inline(__always) private func acknowledgePeripheral() -> Int? {
        let (bank, lines) = pendingPeripherals()
        if lines == 0 { return nil }
        peripherals.write32(PeripheralController.mask &+ 4 &* bank, lines & (0 &- lines))
        return Self.firstPeripheral &+ 32 &* bank &+ lines.trailingZeroBitCount
    }
    /// The first bank with a pending line, and its pending lines.
    @inline(__always) private func pendingPeripherals() -> (bank: Int, lines: UInt32) {
        let lines = peripherals.read32(PeripheralController.pending)
        if lines & (PeripheralController.inFirstBank | PeripheralController.inSecondBank) == 0 {
            return (2, lines & PeripheralController.inBasicBank)
        }
        let bank = lines & PeripheralController.inFirstBank != 0 ? 0 : 1
        return (bank, peripherals.read32(PeripheralController.pendingInBank &+ 4 &* bank))
    }

    public func peek() -> Int? {
        let pending = own.read32(LocalController.pending)
        if pending & 1 << LocalController.virtualTimer != 0 { return Self.virtualTimer }
        if pending & 1 << LocalController.peripherals != 0 {
            let (bank, lines) = pendingPeripherals()
            if lines == 0 { return nil }
            return Self.firstPeripheral &+ 32 &* bank &+ lines.trailingZeroBitCount
        }
        if pending == 0 { return nil }
        let line = pending.trailingZeroBitCount
        let mailbox = line &- LocalController.firstMailbox
        return mailbox >= 0 && mailbox < 2 ? mailbox : Self.firstLocal &+ line
    }

    @inline(__always) public func end(line: Int) {}
    /// Unmasks the line, even if it was disabled meanwhile. The machine knows which lines are
    /// wanted.
    @inline(__always) public func open(line: Int) { set(line, isOpen: true) }
    @inline(__always) public func enable(line: Int, trigger: Trigger) { set(line, isOpen: true) }
    @inline(__always) public func disable(line: Int) { set(line, isOpen: false) }

    @inline(never) private func set(_ line: Int, isOpen: Bool) {
        if line < Self.firstPeripheral { return setLocal(line, isOpen: isOpen) }
        // The register of the line's bank: 32 lines to a word.
        let bank = (line &- Self.firstPeripheral) >> 3 & ~3
        let bit: UInt32 = 1 &<< UInt32(truncatingIfNeeded: line)
        peripherals.write32(
            (isOpen ? PeripheralController.open : PeripheralController.mask) &+ bank, bit)
    }
    /// Masks or unmasks a line of the core. Does nothing for a line without a mask of its own.
    @inline(__always) private func setLocal(_ line: Int, isOpen: Bool) {
        if line == Self.firstLocal + LocalController.counters {
            local.write32(
                isOpen ? LocalController.openCounters : LocalController.maskCounters,
                1 &<< UInt32(truncatingIfNeeded: core))
        } else if line < 2 {
            change(LocalController.mailboxes, line, isOpen)
        } else if line >= Self.firstLocal && line <= Self.virtualTimer {
            change(LocalController.timers, line &- Self.firstLocal, isOpen)
        }
    }
    @inline(__always) private func change(_ offset: Int, _ line: Int, _ isOpen: Bool) {
        let bit: UInt32 = 1 &<< UInt32(truncatingIfNeeded: line)
        let others = own.read32(offset) & ~bit
        own.write32(offset, isOpen ? others | bit : others)
    }

    /// Raises software interrupt 0 or 1 on a core.
    public func send(softwareInterrupt number: Int, to core: CoreTarget) {
        local.write32(mailbox(number, of: core), 1)
    }
    /// Has a core start that waits at its mailbox.
    ///
    /// - Parameter entry: a physical address below 4 GiB.
    public func startCore(_ core: CoreTarget, entry: UInt32) {
        local.write32(mailbox(LocalController.startMailbox, of: core), entry)
    }
    private func mailbox(_ number: Int, of core: CoreTarget) -> Int {
        LocalController.setMailbox + LocalController.mailboxStride
            * Int(truncatingIfNeeded: core.raw & 3) + 4 * number
    }
}
