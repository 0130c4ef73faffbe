// Loans: memory that is lent with a call, what the server may do with it, and what must be refused.

import CTargetTests
import KernelABI
import UserRuntime

func loanTests(_ runner: inout Runner) {
    runner.test("loan.read-and-write") { c throws(Failure) in
        let (endpoint, reply) = try c.door()
        _ = try c.map(at: 0xa000_0000)
        _ = try c.map(at: 0xa000_1000)
        _ = try c.map(at: 0xa000_4000)
        _ = try c.map(at: 0xa000_5000)
        let lent = 0xa000_0000 as UInt64
        let mine = 0xa000_4000 as UInt64
        for index in 0..<1024 { poke(lent + 8 * UInt64(index), UInt64(index)) }
        _ = try c.spawn(
            priority: 30,
            { _ in
                let attachment = Attachment(lending: 0xa000_0000, length: 8192, .read | .write)
                if (try? doorEndpoint.call(RegisterMessage(1), attachment)) != nil { setNote(0, 1) }
                endThread()
            })
        let received = try c.succeed { () throws(KernelError) in
            try endpoint.receive(reply: reply)
        }
        try c.equal(received.loanLength, 8192)
        try c.succeed { () throws(KernelError) in
            try reply.loanRead(offset: 8, to: 0xa000_4000, length: 8000)
        }
        for index in 0..<1000 { try c.equal(peek(mine + 8 * UInt64(index)), UInt64(index + 1)) }
        poke(mine + 8 * UInt64(0), 0x7777)
        try c.succeed { () throws(KernelError) in
            try reply.loanWrite(offset: 4092 * 2, from: 0xa000_4000, length: 8)
        }
        try c.equal(peek(lent + 8 * UInt64(1023)), 0x7777)
        try c.refuse(.invalidArgument) { () throws(KernelError) in
            try reply.loanRead(offset: 8000, to: 0xa000_4000, length: 193)
        }
        try c.refuse(.memoryFault) { () throws(KernelError) in
            try reply.loanRead(offset: 0, to: 0xa100_0000, length: 8)
        }
        try c.refuse(.memoryFault) { () throws(KernelError) in
            try reply.loanRead(offset: 0, to: 0xffff_ffff_c000_0000, length: 8)
        }
        try c.succeed { () throws(KernelError) in try reply.reply(RegisterMessage(2)) }
        try c.settle()
        try c.equal(note(0), 1)
        try c.refuse(.noCaller) { () throws(KernelError) in
            try reply.loanRead(offset: 0, to: 0xa000_4000, length: 8)
        }
    }
    runner.test("loan.overlapping") { c throws(Failure) in
        let (endpoint, reply) = try c.door()
        _ = try c.map(at: 0xa000_0000)
        _ = try c.spawn(
            priority: 30,
            { _ in
                let attachment = Attachment(lending: 0xa000_0000, length: 1024, .read)
                _ = try? doorEndpoint.call(RegisterMessage(1), attachment)
                endThread()
            })
        _ = try c.succeed { () throws(KernelError) in try endpoint.receive(reply: reply) }
        let page = 0xa000_0000 as UInt64
        let cases: [(UInt64, UInt64)] = [
            (1, 1024), (8, 1024), (13, 200), (64, 64), (72, 63), (3, 15),
        ]
        for (shift, length) in cases {
            for word in 0..<256 as Range<UInt64> {
                poke(page + 8 * word, (word + 1) &* 0x9e37_79b9_7f4a_7c15)
            }
            try c.succeed { () throws(KernelError) in
                try reply.loanRead(offset: 0, to: page + shift, length: length)
            }
            for at in 0..<2048 as Range<UInt64> {
                // Byte n of the pattern, or what was copied there.
                let origin = at >= shift && at < shift + length ? at - shift : at
                let expected =
                    ((origin / 8 + 1) &* 0x9e37_79b9_7f4a_7c15) >> (8 * (origin % 8)) & 0xff
                try c.equal(peek(page + at / 8 * 8) >> (8 * (at % 8)) & 0xff, expected)
            }
        }
    }
    runner.test("loan.rights") { c throws(Failure) in
        let (endpoint, reply) = try c.door()
        _ = try c.map(at: 0xa000_0000)
        _ = try c.spawn(
            priority: 30,
            { _ in
                let attachment = Attachment(lending: 0xa000_0000, length: 64, .read)
                _ = try? doorEndpoint.call(RegisterMessage(1), attachment)
                endThread()
            })
        _ = try c.succeed { () throws(KernelError) in try endpoint.receive(reply: reply) }
        try c.refuse(.missingRights) { () throws(KernelError) in
            try reply.loanWrite(offset: 0, from: 0xa000_0000, length: 8)
        }
    }
    // Wherever the boot loader put them, and whatever the tree reserves.
    runner.test("loan.what-boot-mapped") { c throws(Failure) in
        let own = 0xa000_0000 as UInt64
        _ = try c.map(at: own)
        try c.lendAndRead(c.boot.bundleAddress, c.boot.bundleSize, to: own)
        try c.lendAndRead(c.boot.deviceTreeAddress, c.boot.deviceTreeSize, to: own)
        try c.lendAndRead(c.boot.ipcBufferAddress, 4096, to: own)
        let stack = unsafe withUnsafeMutablePointer(to: &c) { UInt64(UInt(bitPattern: $0)) }
        try c.lendAndRead(stack & ~4095, 4096, to: own)
        try c.lendAndRead(0xa000_0000, 4096, to: own)
    }
    runner.test("loan.kernel-addresses-are-refused") { c throws(Failure) in
        let endpoint = try c.echo(priority: 255)
        try c.refuse(.invalidArgument) { () throws(KernelError) in
            try endpoint.call(
                RegisterMessage(), Attachment(lending: 0xffff_ffff_c000_0000, length: 64, .read))
        }
        try c.refuse(.invalidArgument) { () throws(KernelError) in
            try endpoint.call(
                RegisterMessage(), Attachment(lending: Limits.userEnd - 8, length: 64, .read))
        }
    }
    runner.test("loan.unmapped-memory-of-the-caller") { c throws(Failure) in
        let (endpoint, reply) = try c.door()
        _ = try c.map(at: 0xa000_0000)
        _ = try c.spawn(
            priority: 30,
            { _ in
                _ = try? doorEndpoint.call(
                    RegisterMessage(1), Attachment(lending: 0xb000_0000, length: 64, .read | .write)
                )
                endThread()
            })
        _ = try c.succeed { () throws(KernelError) in try endpoint.receive(reply: reply) }
        try c.refuse(.memoryFault) { () throws(KernelError) in
            try reply.loanRead(offset: 0, to: 0xa000_0000, length: 8)
        }
    }
}

extension Checks {
    /// Lend a range, and copy its first and last words through the loan to `own`, as the
    /// server does.
    fileprivate mutating func lendAndRead(
        _ start: UInt64, _ length: UInt64, to own: UInt64
    ) throws(Failure) {
        let (endpoint, reply) = try door()
        setNote(1, start)
        setNote(2, length)
        _ = try spawn(
            priority: 30,
            { _ in
                let attachment = Attachment(lending: note(1), length: note(2), .read)
                if (try? doorEndpoint.call(RegisterMessage(1), attachment)) != nil { setNote(0, 1) }
                endThread()
            })
        let received = try succeed { () throws(KernelError) in try endpoint.receive(reply: reply) }
        try equal(received.loanLength, length)
        for part in 0..<2 as Range<UInt64> {
            let offset = part * ((length - 8) & ~7)
            poke(own, ~0)
            let before = peek(start + offset)
            try succeed { () throws(KernelError) in
                try reply.loanRead(offset: offset, to: own, length: 8)
            }
            try expect(peek(own) == before || own == start, "another word", peek(own))
        }
        try succeed { () throws(KernelError) in try reply.reply(RegisterMessage(2)) }
        try settle()
        try equal(note(0), 1)
    }
}
