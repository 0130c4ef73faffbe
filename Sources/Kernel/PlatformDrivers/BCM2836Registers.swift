// Register maps of the interrupt controllers of a Raspberry Pi 3, byte offsets and bits: the cores'
// own (BCM2836: "QA7", chapter 4), and the peripherals' (BCM2835 ARM Peripherals, 7.5), whose
// output is line 8 of the first.

/// The local controller. Where each core has a register, this is core 0's: the next core's is 4
/// bytes on, and for its mailboxes 16.
enum LocalController {
    /// The core that takes the peripherals' IRQ (bits 0 and 1) and FIQ (bits 2 and 3).
    static let route = 0x0c
    /// The performance counters: bits 0 to 3 of each core as IRQ, bits 4 to 7 as FIQ.
    static let openCounters = 0x10
    static let maskCounters = 0x14
    static let ownCounters: UInt32 = 0x11
    /// The interrupts of outstanding writes and of the local timer, each with its enable bit.
    static let outstandingWrites = 0x30
    static let localTimer = 0x34
    /// Bits 0 to 3: the generic timers as IRQ; bits 4 to 7 as FIQ.
    static let timers = 0x40
    /// Bits 0 to 3: the core's mailboxes as IRQ.
    static let mailboxes = 0x50
    /// The core's four mailboxes, to set bits and to clear them.
    static let setMailbox = 0x80
    static let clearMailbox = 0xc0
    static let mailboxStride = 16
    /// The mailbox at which a core waits for its entry (Linux bindings, arm/cpus.yaml).
    static let startMailbox = 3
    /// The lines that are pending as IRQ, a bit each.
    static let pending = 0x60

    /// Lines: the virtual timer, the first mailbox, the peripherals, the performance counters.
    static let virtualTimer = 3
    static let firstMailbox = 4
    static let peripherals = 8
    static let counters = 9
}

/// The peripherals' controller, from the first register of its node on.
enum PeripheralController {
    /// Bits 0 to 7: bank 0. Bit 8 refers to bank 1 and bit 9 to bank 2, except for lines that have
    /// a bit here: 10 to 14 (bank 1) and 15 to 20 (bank 2).
    static let pending = 0x00
    /// Two words: banks 1 and 2.
    static let pendingInBank = 0x04
    static let inBasicBank: UInt32 = 0xff
    static let inFirstBank: UInt32 = 0x7d00
    static let inSecondBank: UInt32 = 0x1f_8200
    /// The line that comes as FIQ.
    static let fastInterrupt = 0x0c
    /// Three words each: banks 1, 2 and 0. Ones act, zeros do nothing.
    static let open = 0x10
    static let mask = 0x1c
}
