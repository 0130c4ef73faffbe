// The memory probe: tests by a load whether anything answers at an address. An abort, at once or
// later, means no.

import CAArch64

public enum MemoryProbe {
    /// Returns whether a 32-bit load from a mapped address ends without an abort.
    ///
    /// - Context: boot, with all exceptions masked: a late abort stays pending, and is seen in
    ///   ISR_EL1.
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
