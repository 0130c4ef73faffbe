// Faults of started threads: who learns of them, and that a stack's overflow reaches no neighbour.

import CTargetTests
import KernelABI
import UserRuntime

func startedThreadFaultTests(_ runner: inout Runner) {
    runner.test("start.a-fault-is-told") { c throws(Failure) in
        let (handler, reply) = (try c.endpoint(), try c.reply())
        c.takeThreads(faultHandler: handler.slot)
        let thread = try c.start(priority: 100) { _ in peek(8) }
        let fault = try c.succeed { () throws(KernelError) in
            try handler.receive(reply: reply, deadline: Checks.patience)
        }
        try c.kind(fault, .pageRead)
        try c.equal(fault[Fault.address], 8)
        // It waits for its handler's answer, so its handler cannot wait for it.
        try c.refuse(.deadlock) { () throws(KernelError) in try thread.join() }
        try c.stop(reply)
        try c.refuse(.timedOut) { () throws(KernelError) in
            try thread.join(deadline: .after(milliseconds: 1))
        }
    }
    runner.test("start.a-stack-that-is-too-small") { c throws(Failure) in
        let (handler, reply) = (try c.endpoint(), try c.reply())
        c.takeThreads(faultHandler: handler.slot)
        // The place above is in use, and stays as it is.
        let neighbour = try c.start(priority: 10, stackSize: 8192) { _ in
            var words = InlineArray<300, UInt64>(repeating: 4)
            while note(0) == 0 { yield() }
            words[1] += note(0)
            return words[1] + words[299]
        }
        clearNotes()
        for size in [4096, 8192, Thread.maximumStack] {
            _ = try c.start(stackSize: size, context: 1) { endlessly($0) }
            let fault = try c.succeed { () throws(KernelError) in
                try handler.receive(reply: reply, deadline: Checks.patience)
            }
            try c.stop(reply)
            try c.kind(fault, .pageWrite)
            // It is in the page below the stack, which ends below the IPC buffer of its place.
            let end = (fault[Fault.address] / Thread.stride + 1) * Thread.stride - 4096
            let start = end - UInt64(size)
            try c.expect(
                fault[Fault.address] < start && fault[Fault.address] >= start - 4096,
                "not in the page below the stack", fault[Fault.address])
        }
        setNote(0, 1)
        try c.equal(try c.join(neighbour), 9)
    }
}

@inline(never) private func endlessly(_ depth: UInt64) -> UInt64 {
    var words = InlineArray<32, UInt64>(repeating: depth)
    if depth == .max { return 0 }
    words[Int(depth % 32)] = endlessly(depth + 1)
    return words[Int(depth % 31)] + words[3]
}
