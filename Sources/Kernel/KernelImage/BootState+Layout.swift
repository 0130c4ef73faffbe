// Boot: checks that Swift and the assembly agree on the layout of a thread's registers.

import AArch64
import CAArch64
import HardwareInterface

extension BootState {
    /// Writes fields through Swift's type, and looks for them at the offsets of CAArch64Layout.h.
    static func checkLayout() throws(BootFailure) {
        var context = UserContext()
        context.x.0 = 1
        context.x.10 = 2
        context.x.19 = 3
        context.x.30 = 4
        context.stackPointer = 5
        context.programCounter = 6
        context.flags = 7
        context.threadPointer = 8
        let isSound = unsafe withUnsafeBytes(of: &context) { bytes in
            // Safety: all offsets are below the size, which is compared first.
            unsafe bytes.count == Int(SWIFTLET_CONTEXT_BYTES) && word(bytes, 0) == 1
                && word(bytes, 80) == 2
                && word(bytes, 152) == 3 && word(bytes, 240) == 4
                && word(bytes, Int(SWIFTLET_CONTEXT_SP)) == 5
                && word(bytes, Int(SWIFTLET_CONTEXT_PC)) == 6
                && word(bytes, Int(SWIFTLET_CONTEXT_FLAGS)) == 7
                && word(bytes, Int(SWIFTLET_CONTEXT_TPIDR)) == 8
                && UserContext.full == 1 << UInt64(SWIFTLET_FULL_BIT)
        }
        if !isSound {
            throw BootFailure("the layout of a thread's registers is not the assembly's")
        }
    }

    private static func word(_ bytes: UnsafeRawBufferPointer, _ offset: Int) -> UInt64 {
        unsafe bytes.load(fromByteOffset: offset, as: UInt64.self)
    }
}
