// The registers of Broadcom's SD host controller of the BCM2835 to BCM2837 (`brcm,bcm2835-sdhost`).
// The peripherals' manual does not describe it: names and bits are those of the Linux driver for
// that binding.

/// Registers, by byte offset.
enum SDHostRegister {
    static var command: Int { 0x00 }
    static var argument: Int { 0x04 }
    static var timeOut: Int { 0x08 }
    static var clockDivider: Int { 0x0c }
    /// Four words.
    static var response: Int { 0x10 }
    static var status: Int { 0x20 }
    static var power: Int { 0x30 }
    static var debug: Int { 0x34 }
    static var configuration: Int { 0x38 }
    static var blockBytes: Int { 0x3c }
    static var data: Int { 0x40 }
    static var blockCount: Int { 0x50 }
}

/// Bits of the command register.
enum SDHostCommand {
    /// Set to start; the controller clears it at the end.
    static var new: UInt32 { 1 << 15 }
    static var failed: UInt32 { 1 << 14 }
    /// The response is followed by a busy signal; its end interrupts.
    static var waitForBusy: UInt32 { 1 << 11 }
    static var noResponse: UInt32 { 1 << 10 }
    static var longResponse: UInt32 { 1 << 9 }
    static var write: UInt32 { 1 << 7 }
    static var read: UInt32 { 1 << 6 }
}

/// Bits of the status register; those with a meaning are cleared by writing ones.
enum SDHostStatus {
    static var busyInterrupt: UInt32 { 1 << 10 }
    static var blockInterrupt: UInt32 { 1 << 9 }
    static var dataInterrupt: UInt32 { 1 << 8 }
    static var transferTimeOut: UInt32 { 1 << 7 }
    static var commandTimeOut: UInt32 { 1 << 6 }
    static var dataChecksum: UInt32 { 1 << 5 }
    static var commandChecksum: UInt32 { 1 << 4 }
    static var fifoError: UInt32 { 1 << 3 }
    static var data: UInt32 { 1 }
    static var errors: UInt32 { 0xf8 }
    static var events: UInt32 { busyInterrupt | blockInterrupt | dataInterrupt | data }
    static var all: UInt32 { errors | events }
}

/// Bits of the configuration register.
enum SDHostConfiguration {
    static var busyInterrupt: UInt32 { 1 << 10 }
    static var dataInterrupt: UInt32 { 1 << 4 }
    /// The clock divider counts at all times, not only in identification.
    static var slowCard: UInt32 { 1 << 3 }
    static var fourLines: UInt32 { 1 << 2 }
    static var wideInternalBus: UInt32 { 1 << 1 }
}

/// Fields of the debug register.
enum SDHostDebug {
    static var forceDataMode: UInt32 { 1 << 19 }
    /// Words in the FIFO.
    static func fifoWords(_ value: UInt32) -> Int { Int(value >> 4 & 31) }
    static func state(_ value: UInt32) -> UInt32 { value & 15 }
    static var identification: UInt32 { 0 }
    static var dataMode: UInt32 { 1 }
    static var readWait: UInt32 { 4 }
    static var writeStart: UInt32 { 10 }
    static var fifoDepth: Int { 16 }
    /// Thresholds of 4 words for reading (bits 18–14) and writing (13–9): larger ones lose data on
    /// the chip.
    static func withThresholds(_ value: UInt32) -> UInt32 {
        value & ~(31 << 14 | 31 << 9) | 4 << 14 | 4 << 9
    }
}
