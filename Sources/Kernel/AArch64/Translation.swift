// Address translation while the kernel runs: the user half's root and the TLB.

import CAArch64

public enum Translation {
    /// Returns the value of TTBR0_EL1 for a root table and its ASID.
    @inline(__always) public static func base(rootTable physical: UInt64, asid: UInt16) -> UInt64 {
        physical | UInt64(asid) << 48
    }
    /// Switches the user half; takes effect at once.
    @inline(__always) public static func activate(_ base: UInt64) {
        swiftlet_write_translation_base_0(base)
        swiftlet_isb()
    }
    @inline(__always) public static func publish() { swiftlet_publish_table() }
    @inline(__always) public static func invalidate(page: UInt64, asid: UInt16) {
        swiftlet_invalidate_page((page >> 12) & 0xfff_ffff_ffff | UInt64(asid) << 48)
    }
    @inline(__always) public static func invalidate(asid: UInt16) {
        swiftlet_invalidate_asid(UInt64(asid) << 48)
    }
    public static func invalidateAll() { swiftlet_invalidate_all() }
}
