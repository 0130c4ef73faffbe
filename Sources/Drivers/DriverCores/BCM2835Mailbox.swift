// The logic of the mailbox between the Arm cores and the VideoCore, whose firmware answers
// questions about the board (Linux bindings, mailbox/brcm,bcm2835-mbox.yaml; the firmware's wiki,
// "Accessing mailboxes"). Mailbox 0 is read, mailbox 1 written; a word is an address of 16 bytes'
// alignment with a channel in its low four bits.

import MMIO

/// Registers, by byte offset.
enum BCM2835MailboxRegister {
    static var read: Int { 0x00 }
    static var readStatus: Int { 0x18 }
    static var readConfiguration: Int { 0x1c }
    static var write: Int { 0x20 }
    static var writeStatus: Int { 0x38 }
}

public struct BCM2835Mailbox<Registers: WordRegisterAccess> {
    private let registers: Registers

    /// Status: nothing to read, no room to write.
    private static var empty: UInt32 { 1 << 30 }
    private static var full: UInt32 { 1 << 31 }
    /// The channel of property calls from the Arm cores.
    static var properties: UInt32 { 8 }
    /// Words that the mailbox holds.
    private static var depth: Int { 8 }

    /// Empties mailbox 0 of what nobody waits for any more, and asks for its interrupt.
    public init(registers: Registers) {
        self.registers = registers
        for _ in 0..<BCM2835Mailbox.depth { _ = take() }
        registers.write32(BCM2835MailboxRegister.readConfiguration, 1)
    }

    /// Hands over a property message at a bus address; false: the mailbox is full.
    /// - Precondition: 16 bytes' alignment.
    public func post(_ address: UInt32) -> Bool {
        if registers.read32(BCM2835MailboxRegister.writeStatus) & BCM2835Mailbox.full != 0 {
            return false
        }
        registers.write32(BCM2835MailboxRegister.write, address & ~15 | BCM2835Mailbox.properties)
        return true
    }

    /// Reads what has come, which ends the interrupt; whether the answer at `address` is among it.
    public func collect(_ address: UInt32) -> Bool {
        var isThere = false
        for _ in 0..<BCM2835Mailbox.depth {
            guard let word = take() else { break }
            if word == address & ~15 | BCM2835Mailbox.properties { isThere = true }
        }
        return isThere
    }

    private func take() -> UInt32? {
        if registers.read32(BCM2835MailboxRegister.readStatus) & BCM2835Mailbox.empty != 0 {
            return nil
        }
        return registers.read32(BCM2835MailboxRegister.read)
    }
}
