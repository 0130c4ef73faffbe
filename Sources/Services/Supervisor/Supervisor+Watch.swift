// What keeps the supervisor from running: a thread above all tasks that sees to it that the
// supervisor is not kept for long.
//
// Whenever the supervisor goes to sleep it sets this thread's timer a little behind its own. Where
// it runs in time it sets it anew, so this thread never wakes and costs nobody anything. Where it
// does not, something more urgent keeps the processor: this thread lifts the supervisor above that,
// and waits again. The supervisor goes back to its own priority when nothing keeps it any more:
// lowered earlier, it would be kept from waiting for messages too, and would miss the signs of life
// of more urgent tasks.

import KernelABI
import ServiceCores
import UserRuntime

@safe struct Watch {
    private static var notification: Slot { Slot(StartSlot.firstFree.index + 1) }
    private static var timer: Slot { Slot(StartSlot.firstFree.index + 2) }
    /// Milliseconds that the supervisor may be late.
    static let patience: UInt64 = 10

    /// The supervisor's own base priority, and the one to which it is lifted: this thread's,
    /// its maximum.
    let priority: UInt8
    private let top: UInt8
    /// 1 once the supervisor was lifted.
    private let lifted: UnsafeMutablePointer<UInt64>

    /// Makes the thread, and lets it wait.
    init() throws(KernelError) {
        let state = try Thread(StartSlot.thread).information()
        (priority, top) = (state.base, state.maximum)
        // Safety: nobody frees the word.
        unsafe lifted = UnsafeMutablePointer.allocate(capacity: 1)
        unsafe lifted.pointee = 0
        let memory = Untyped(StartSlot.untyped)
        try memory.retype(.notification, index: Watch.notification)
        try memory.retype(.timer, index: Watch.timer)
        try Timer(Watch.timer).bind(Notification(Watch.notification), bits: 1)
        let word = unsafe UInt64(UInt(bitPattern: lifted))
        _ = try Thread.start("watch", context: word, Watch.run)
    }

    /// The thread. It ends with its notification: it would keep everybody from running.
    private static let run: @convention(c) (UInt64) -> UInt64 = { word in
        while (try? Notification(Watch.notification).wait()) != nil {
            // Safety: `init` allocated the word, and nobody frees it.
            unsafe UnsafeMutablePointer<UInt64>(bitPattern: UInt(word))?.pointee = 1
            guard let state = try? Thread.current.information() else { break }
            try? Thread(StartSlot.thread).setPriority(state.maximum, maximum: state.maximum)
        }
        return 0
    }

    /// Expects the supervisor to run in so many milliseconds.
    func expect(in milliseconds: UInt64) {
        orEnd(
            "the watch's timer cannot be armed",
            try Timer(Watch.timer).arm(.after(milliseconds: milliseconds + Watch.patience)))
    }

    func rest() {
        orEnd("the watch's timer cannot be cancelled", try Timer(Watch.timer).cancel())
    }

    /// Whether the supervisor had to be lifted since the last `lower`.
    var hasLifted: Bool { unsafe lifted.pointee == 1 }

    /// Ends the lift.
    func lower() {
        unsafe lifted.pointee = 0
        orEnd(
            "the own priority cannot be lowered",
            try Thread(StartSlot.thread).setPriority(priority, maximum: top))
    }
}
