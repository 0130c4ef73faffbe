// Faults: every kind reaches the handler with what it needs to know.

import CTargetTests
import KernelABI
import UserRuntime

extension Checks {
    /// Run `entry` with a fault handler and return the fault; the thread stays stopped.
    mutating func fault(
        _ entry: @convention(c) (UInt64) -> Void, withBuffer: Bool = true, line: UInt = #line
    ) throws(Failure) -> Received {
        clearNotes()
        let endpoint = try endpoint(line: line)
        let reply = try reply(line: line)
        let badged = slot()
        try succeed(line: line) { () throws(KernelError) in
            try CapabilityTable.own.mint(endpoint.slot, to: badged, badge: 0x5eed)
        }
        _ = try spawn(priority: 100, entry, fault: badged, withBuffer: withBuffer, line: line)
        let received = try succeed(line: line) { () throws(KernelError) in
            try endpoint.receive(reply: reply, deadline: Checks.patience)
        }
        try equal(
            UInt64(received.delivery.rawValue), UInt64(Delivery.fault.rawValue), "delivery",
            line: line)
        try equal(received.badge, 0x5eed, "badge", line: line)
        return received
    }
    func kind(_ received: Received, _ kind: FaultKind, line: UInt = #line) throws(Failure) {
        try equal(received[Fault.kind], UInt64(kind.rawValue), "fault kind", line: line)
    }
}

func faultTests(_ runner: inout Runner) {
    runner.test("fault.null-page") { c throws(Failure) in
        let received = try c.fault({ _ in
            setNote(0, peek(8))
            endThread()
        })
        try c.kind(received, .pageRead)
        try c.equal(received[Fault.address], 8)
        try c.equal(note(0), 0)
    }
    runner.test("fault.write-unmapped") { c throws(Failure) in
        let received = try c.fault({ _ in
            poke(0xb000_0000, 1)
            endThread()
        })
        try c.kind(received, .pageWrite)
        try c.equal(received[Fault.address], 0xb000_0000)
    }
    runner.test("fault.kernel-memory") { c throws(Failure) in
        let received = try c.fault({ _ in
            setNote(0, peek(0xffff_ffff_c000_0000))
            endThread()
        })
        try c.kind(received, .pageRead)
        try c.equal(received[Fault.address], 0xffff_ffff_c000_0000)
        try c.equal(note(0), 0)
    }
    runner.test("fault.execute-data") { c throws(Failure) in
        let received = try c.fault({ _ in
            let address = unsafe withUnsafePointer(to: &stacks) { UInt(bitPattern: $0) }
            unsafe unsafeBitCast(address, to: (@convention(c) () -> Void).self)()
        })
        try c.kind(received, .pageExecute)
    }
    runner.test("fault.write-own-code") { c throws(Failure) in
        let received = try c.fault({ _ in
            poke(0x400000, 1)
            endThread()
        })
        try c.kind(received, .pageWrite)
    }
    runner.test("fault.breakpoint-and-resume") { c throws(Failure) in
        let (endpoint, reply) = try c.door()
        let thread = try c.spawn(
            priority: 100,
            { _ in
                breakpoint()
                setNote(0, 5)
                endThread()
            }, fault: endpoint.slot)
        let received = try c.succeed { () throws(KernelError) in
            try endpoint.receive(reply: reply)
        }
        try c.kind(received, .breakpoint)
        try c.equal(
            UInt64(try c.information(thread).state.rawValue), UInt64(ThreadState.faulted.rawValue))
        try c.succeed { () throws(KernelError) in
            try reply.reply(
                RegisterMessage(FaultReply.resumeAt.rawValue, received[Fault.programCounter] + 4))
        }
        try c.settle()
        try c.equal(note(0), 5)
    }
    runner.test("fault.retry-after-mapping") { c throws(Failure) in
        let (endpoint, reply) = try c.door()
        _ = try c.spawn(
            priority: 100,
            { _ in
                poke(0xa000_0000, 77)
                setNote(0, peek(0xa000_0000))
                endThread()
            }, fault: endpoint.slot)
        let received = try c.succeed { () throws(KernelError) in
            try endpoint.receive(reply: reply)
        }
        try c.kind(received, .pageWrite)
        _ = try c.map(at: 0xa000_0000)
        try c.succeed { () throws(KernelError) in
            try reply.reply(RegisterMessage(FaultReply.retry.rawValue))
        }
        try c.settle()
        try c.equal(note(0), 77)
    }
    runner.test("fault.reply-stop") { c throws(Failure) in
        let received = try c.fault({ _ in
            breakpoint()
            setNote(0, 5)
            endThread()
        })
        _ = received
        try c.settle()
        try c.equal(note(0), 0)
    }
    runner.test("fault.unknown-system-call") { c throws(Failure) in
        let received = try c.fault({ _ in
            var words = RegisterMessage().words
            _ = rawSystemCall(100 << 40, 0, 0, &words)
            endThread()
        })
        try c.kind(received, .unknownSystemCall)
        try c.equal(received[Fault.address], 100 << 40)
    }
    runner.test("fault.illegal-instruction") { c throws(Failure) in
        let received = try c.fault({ _ in
            illegalInstruction()
            endThread()
        })
        try c.kind(received, .illegalInstruction)
    }
    runner.test("fault.alignment") { c throws(Failure) in
        let received = try c.fault({ _ in
            misalignedExclusiveLoad(0x400001)
            endThread()
        })
        try c.kind(received, .alignment)
    }
    runner.test("fault.no-floating-point-without-buffer") { c throws(Failure) in
        let received = try c.fault(
            { _ in
                setFloatingPoint(3)
                endThread()
            }, withBuffer: false)
        try c.kind(received, .noFloatingPoint)
    }
    runner.test("fault.without-handler-stops") { c throws(Failure) in
        clearNotes()
        let thread = try c.spawn(
            priority: 255,
            { _ in
                breakpoint()
                setNote(0, 1)
                endThread()
            })
        try c.equal(
            UInt64(try c.information(thread).state.rawValue), UInt64(ThreadState.faulted.rawValue))
        try c.equal(note(0), 0)
    }
    runner.test("fault.handler-inherits") { c throws(Failure) in
        let (endpoint, _) = try c.door()
        let release = try c.notification()
        setNote(22, UInt64(release.slot.index))
        let handler = try c.spawn(
            priority: 10,
            { _ in
                _ = try? doorEndpoint.receive(reply: doorReply)
                _ = try? doorRelease.wait()
                try? doorReply.reply(RegisterMessage(FaultReply.stop.rawValue))
                endThread()
            })
        try c.settle()
        _ = try c.spawn(
            priority: 120,
            { _ in
                breakpoint()
                endThread()
            }, fault: endpoint.slot)
        try c.settle()
        try c.equal(UInt64(try c.information(handler).effective), 120)
        try c.succeed { () throws(KernelError) in try release.signal(1) }
        try c.settle()
        try c.equal(UInt64(try c.information(handler).effective), 10)
    }
}
