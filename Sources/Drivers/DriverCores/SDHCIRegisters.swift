// The registers of the standard host controller (SD Host Controller Simplified Specification 3.00,
// chapter 2), as 32-bit words: Broadcom's variants take no narrower store.

/// Registers, by byte offset of their word.
enum SDHCIRegister {
    /// Block size (bits 11–0) and count (31–16) (2.2.2, 2.2.3).
    static var block: Int { 0x04 }
    static var argument: Int { 0x08 }
    /// Transfer mode (15–0) and command (31–16) (2.2.5, 2.2.6).
    static var command: Int { 0x0c }
    /// Four words (2.2.7).
    static var response: Int { 0x10 }
    static var data: Int { 0x20 }
    static var presentState: Int { 0x24 }
    /// Host control 1 (7–0) and power control (15–8) (2.2.10, 2.2.11).
    static var hostControl: Int { 0x28 }
    /// Clock (15–0), time-out (23–16), software reset (31–24) (2.2.14 to 2.2.16).
    static var clockControl: Int { 0x2c }
    /// Normal (15–0) and error (31–16) interrupts: status, which of them are recorded, which of
    /// those interrupt (2.2.17 to 2.2.22).
    static var status: Int { 0x30 }
    static var statusEnable: Int { 0x34 }
    static var signalEnable: Int { 0x38 }
    /// Slot interrupts (15–0) and version (31–16) (2.2.28, 2.2.29).
    static var version: Int { 0xfc }
}

/// Bits of the command's word.
enum SDHCICommand {
    static var countsBlocks: UInt32 { 1 << 1 }
    static var read: UInt32 { 1 << 4 }
    static var manyBlocks: UInt32 { 1 << 5 }
    static var longResponse: UInt32 { 1 << 16 }
    static var shortResponse: UInt32 { 2 << 16 }
    static var shortWithBusy: UInt32 { 3 << 16 }
    static var checkChecksum: UInt32 { 1 << 19 }
    static var checkIndex: UInt32 { 1 << 20 }
    static var hasData: UInt32 { 1 << 21 }
    static var abort: UInt32 { 3 << 22 }
    static func index(_ index: UInt8) -> UInt32 { UInt32(index & 63) << 24 }
}

enum SDHCIPresentState {
    /// The command line, or command and data lines, are in use (2.2.9).
    static var commandInhibit: UInt32 { 1 }
    static var dataInhibit: UInt32 { 2 }
}

enum SDHCIHostControl {
    static var fourLines: UInt32 { 1 << 1 }
    /// 3.3 V, on.
    static var power: UInt32 { 15 << 8 }
}

enum SDHCIClock {
    static var internalEnable: UInt32 { 1 }
    static var isStable: UInt32 { 2 }
    static var cardEnable: UInt32 { 4 }
    /// The longest time-out: 2^27 cycles of its clock.
    static var timeOut: UInt32 { 14 << 16 }
    static var resetAll: UInt32 { 1 << 24 }
    static var resetCommand: UInt32 { 1 << 25 }
    static var resetData: UInt32 { 1 << 26 }
    /// The divider's ten bits: the clock is the base clock over twice the divider; 0: undivided.
    static func divider(_ value: UInt32) -> UInt32 { (value & 0xff) << 8 | (value >> 8 & 3) << 6 }
}

/// Bits of the interrupt words.
enum SDHCIStatus {
    static var commandComplete: UInt32 { 1 }
    static var transferComplete: UInt32 { 1 << 1 }
    static var bufferWrite: UInt32 { 1 << 4 }
    static var bufferRead: UInt32 { 1 << 5 }
    static var dataTimeOut: UInt32 { 1 << 20 }
    /// Of commands and of data.
    static var timeOuts: UInt32 { 1 << 16 | dataTimeOut }
    /// Checksum, end bit and index of commands and data.
    static var checksums: UInt32 { 7 << 17 | 3 << 21 }
    static var errors: UInt32 { 0xffff_0000 }
    static var used: UInt32 {
        commandComplete | transferComplete | bufferWrite | bufferRead | timeOuts | checksums
    }
}
