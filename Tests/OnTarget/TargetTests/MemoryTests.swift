// Memory by the block, as compiled code asks for it: Sources/Shared/CMemory.

import CTargetTests
import KernelABI
import UserRuntime

func memoryTests(_ runner: inout Runner) {
    runner.test("memory.every-size-and-alignment") { c throws(Failure) in
        try c.equal(unsafe failedMemoryCase(try area(&c)), 0, "size, alignment, function")
    }
    // With QEMU's counted instructions one takes a nanosecond.
    runner.test("memory.instructions-of-a-page", clock: .instructions) { c throws(Failure) in
        let memory = unsafe try area(&c)
        for (function, most) in [(0, 700), (1, 700), (2, 450), (3, 1500)] as [(UInt32, UInt64)] {
            unsafe repeatMemory(2, memory, 2)
            let start = Instant.now
            unsafe repeatMemory(function, memory, 64)
            let each = (Instant.now - start).nanoseconds / 64
            try c.expect(each <= most, "instructions for 4 KiB", each)
        }
    }
}

/// Maps three pages.
private func area(_ c: inout Checks) throws(Failure) -> UnsafeMutablePointer<UInt8> {
    for page in 0..<3 as Range<UInt64> { _ = try c.map(at: 0xa000_0000 + 4096 * page) }
    // Safety: the pages are mapped there.
    return unsafe UnsafeMutablePointer<UInt8>(bitPattern: 0xa000_0000).unsafelyUnwrapped
}
