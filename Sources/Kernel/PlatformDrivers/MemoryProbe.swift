// Is there anything at an address? A load that aborts, at once or later, says no.

import CAArch64

public enum MemoryProbe {
    /// Whether a 32-bit load from a mapped address ends without an abort.
    ///
    /// - Context: boot, with everything masked: an abort that comes late stays pending, and is seen there.
    public static func answers(_ address: UInt64) -> Bool {
        let pending = swiftlet_read_isr()
        swiftlet_write_syndrome(0)
        _ = swiftlet_probe(address)
        swiftlet_complete()
        return swiftlet_read_syndrome() == 0 && (swiftlet_read_isr() & ~pending) & systemError == 0
    }
    /// ISR_EL1.A
    private static var systemError: UInt64 { 1 << 8 }
}
