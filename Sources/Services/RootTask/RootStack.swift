// How much of this task's own stack was in use. The kernel hands the stack over full of zeros.

import Interfaces
import KernelABI

struct RootStack {
    private let bottom: UInt
    /// The lowest page that is known to have been in use.
    private var lowest: UInt
    private static var pageBytes: UInt { 4096 }
    /// A frame may leave this many pages without a word that is not zero.
    private static var gap: UInt { 2 }

    /// The stack that the caller runs on, which ends at a multiple of its bytes.
    init() {
        let place = RootStack.pointer
        self.init(bottom: place & ~(UInt(BootInformation.stackBytes) - 1), used: place)
    }

    /// The stack from `bottom` on, which is in use from `place` on.
    init(bottom: UInt, used place: UInt) {
        self.bottom = bottom
        lowest = place & ~(RootStack.pageBytes - 1)
    }

    /// Returns the most bytes that were in use.
    ///
    /// - Complexity: the words of four pages, and of those that came into use since the last call.
    mutating func usedBytes() -> UInt32 {
        var page = lowest
        while page > bottom, lowest - page < RootStack.gap * RootStack.pageBytes {
            page -= RootStack.pageBytes
            if untouchedBytes(of: page) < RootStack.pageBytes { lowest = page }
        }
        let untouched = lowest - bottom + untouchedBytes(of: lowest)
        return UInt32(UInt(BootInformation.stackBytes) - untouched)
    }

    /// Bytes below the caller's frame.
    var remainingBytes: UInt { RootStack.pointer &- bottom }

    /// An address in the frame of a caller, or below it.
    private static var pointer: UInt {
        var local = 0
        return unsafe withUnsafeMutablePointer(to: &local) { UInt(bitPattern: $0) }
    }

    private func untouchedBytes(of page: UInt) -> UInt {
        // Safety: the page is one of this task's stack, which stays mapped. What lies below the
        // stack pointer changes while it is looked at, which is why each word is read once.
        let words = unsafe UnsafePointer<UInt64>(bitPattern: page).unsafelyUnwrapped
        var index = 0
        while index < 512, unsafe words[index] == 0 { index += 1 }
        return UInt(index) * 8
    }
}
