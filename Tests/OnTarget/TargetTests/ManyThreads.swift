// What tests with many threads share: stacks for up to 192 of them, and a place for each to say how
// its call ended.

import KernelABI
import UserRuntime

/// How the call of each thread of the running test ended.
struct Outcomes {
    var words = InlineArray<192, UInt8>(repeating: 0)

    static var pending: UInt8 { 0 }
    static var success: UInt8 { 0xff }
}
nonisolated(unsafe) private var outcomes = Outcomes()

/// Returns how a thread's call ended: `Outcomes.pending`, `Outcomes.success` or the error.
@inline(never) func outcome(_ number: Int) -> UInt8 { unsafe outcomes.words[number] }
@inline(never) func setOutcome(_ number: Int, _ value: UInt8) {
    unsafe outcomes.words[number] = value
}

/// Performs a thread's call and notes how it ended.
@inline(__always) func noteOutcome(_ number: Int, _ body: () throws(KernelError) -> Void) {
    do throws(KernelError) {
        try body()
        setOutcome(number, Outcomes.success)
    } catch { setOutcome(number, error.rawValue) }
}

/// Stacks 8 to 31 of the test's threads, cut into eight pieces each.
private func smallStackTop(_ number: Int) -> UInt64 {
    stackTop(8 + number % 24) - UInt64(number / 24) * 512
}

extension Checks {
    /// Makes a thread from `memory`, without an IPC buffer. `restart` lets it run.
    func makeThread(
        _ thread: Thread, priority: UInt8, from memory: Untyped, line: UInt = #line
    ) throws(Failure) {
        try succeed(line: line) { () throws(KernelError) in
            try memory.retype(.thread, index: thread.slot)
            try thread.configure(table: RootSlot.table, addressSpace: RootSlot.addressSpace)
            try thread.setPriority(priority, maximum: 254)
        }
    }

    /// Starts a stopped thread anew, with its number as the argument; its outcome is pending.
    func restart(
        _ thread: Thread, _ entry: @convention(c) (UInt64) -> Void, number: Int, line: UInt = #line
    ) throws(Failure) {
        setOutcome(number, Outcomes.pending)
        let start = unsafe UInt64(UInt(bitPattern: unsafeBitCast(entry, to: UnsafeRawPointer.self)))
        try succeed(line: line) { () throws(KernelError) in
            try thread.setEntry(
                programCounter: start, stackPointer: smallStackTop(number),
                argument: UInt64(number), threadPointer: 0)
            try thread.resume()
        }
    }
}
