// What every look of a long operation must find: nothing that the operation's own steps woke goes
// before its thread, or the operation ends there. Host tests and explorer run under this watch.

import KernelABI

@testable import KernelCore

/// Watches the looks of one core during one system call.
public struct LookWatch {
    private var thread: Ref<KernelThread>?
    private var control: UInt64 = 0
    /// How many looks in a row found something more urgent.
    private var urgentLooks = 0

    public init() {}

    /// A call of `thread` enters the kernel.
    public mutating func begin(
        _ thread: Ref<KernelThread>, _ core: Ref<Core>, _ shared: Ref<SharedState>
    ) {
        control = thread.registers[0]
        urgentLooks = 0
        // The steps before the end of a `yield` are the scheduling loop's. What goes first by now
        // is another core's doing, whose interrupt is on its way.
        let isYield = ControlWord(raw: control).systemCall == .yield
        self.thread = isYield || isSurpassed(thread, core, shared) ? nil : thread
    }

    /// The kernel looks for interrupts.
    public mutating func look(_ core: Ref<Core>, _ shared: Ref<SharedState>) {
        guard let thread, isInProgress(thread), isSurpassed(thread, core, shared) else {
            if urgentLooks < LookWatch.tooMany { urgentLooks = 0 }
            return
        }
        urgentLooks += 1
    }

    /// Three looks may find the same: two within the step that stops a thread, and one after it.
    private static var tooMany: Int { 4 }
    /// What is wrong; nil: nothing.
    public var violation: String? {
        urgentLooks < LookWatch.tooMany
            ? nil : "a long operation goes on while something more urgent waits"
    }

    /// Whether the thread's call has neither ended nor blocked, and is not to restart.
    private func isInProgress(_ thread: Ref<KernelThread>) -> Bool {
        thread.state == .running && thread.programCounter == ModelCode.callPlace + 4
            && thread.registers[0] == control
    }

    /// Whether a ready thread of the core or an update goes before the thread.
    private func isSurpassed(
        _ thread: Ref<KernelThread>, _ core: Ref<Core>, _ shared: Ref<SharedState>
    ) -> Bool {
        let effective = Int(thread.effective)
        if let first = core.pointee.ready.first, Int(first.effective) > effective { return true }
        let updates = shared.pointee.updates.top
        return updates > effective
            || (updates == effective && thread.pointee.base < thread.effective)
    }
}
