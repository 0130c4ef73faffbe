// Device registers: an access of each width reaches exactly its bytes.

import MMIO

func deviceRegisterTests(_ runner: inout Runner) {
    runner.test("device-registers.widths") { (checks) throws(Failure) in
        // Memory in place of a device; its three words are the bytes before, of and behind
        // an access.
        var memory = InlineArray<3, UInt64>(repeating: ~0)
        try unsafe withUnsafeMutablePointer(to: &memory) { (place) throws(Failure) in
            let registers = MMIORegisters(address: UInt64(UInt(bitPattern: place)))
            registers.write8(9, 0)
            try checks.equal(registers.read64(8), 0xffff_ffff_ffff_00ff, "8 bits stored")
            registers.write16(10, 0x1234)
            try checks.equal(registers.read64(8), 0xffff_ffff_1234_00ff, "16 bits stored")
            registers.write32(12, 0x5678_9abc)
            try checks.equal(registers.read64(8), 0x5678_9abc_1234_00ff, "32 bits stored")
            try checks.equal(UInt64(registers.read8(11)), 0x12, "8 bits loaded")
            try checks.equal(UInt64(registers.read16(14)), 0x5678, "16 bits loaded")
            try checks.equal(UInt64(registers.read32(8)), 0x1234_00ff, "32 bits loaded")
            registers.write64(8, 0)
            try checks.equal(registers.read64(0) & registers.read64(16), ~0, "bytes beside it")
        }
    }
}
