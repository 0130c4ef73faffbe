// Whether a task that waits could have run: a thread of that task's priority tries it in its place.
//
// The kernel serves a time-out no earlier than it would run the thread that waits. If a thread of a
// silent task's priority ran, the task's own time-out was served. If it did not, something as
// urgent kept both: another task, or a thread that only its task knows.

import KernelABI
import ServiceCores
import UserRuntime

@safe struct Probe {
    private static var notification: Slot { Slot(StartSlot.firstFree.index + 3) }

    /// The number of the task in whose place it tries; nil: it rests.
    private var subject: UInt64?
    /// When the thread ran, in ticks; 0: it did not yet.
    private let ran: UnsafeMutablePointer<UInt64>
    private let thread: Thread

    /// Makes the thread, and lets it wait.
    init() throws(KernelError) {
        // Safety: nobody frees the word.
        unsafe ran = UnsafeMutablePointer.allocate(capacity: 1)
        unsafe ran.pointee = 0
        try Untyped(StartSlot.untyped).retype(.notification, index: Probe.notification)
        let word = unsafe UInt64(UInt(bitPattern: ran))
        thread = try Thread.start("probe", context: word, Probe.run).thread
    }

    /// The thread. It ends with its notification.
    private static let run: @convention(c) (UInt64) -> UInt64 = { word in
        while (try? Notification(Probe.notification).wait()) != nil {
            // Safety: `init` allocated the word, and nobody frees it.
            unsafe UnsafeMutablePointer<UInt64>(bitPattern: UInt(word))?.pointee = Instant.now.ticks
        }
        return 0
    }

    /// Tries it in the place of task `number`, unless it tries for another one.
    mutating func begin(for number: UInt64, at priority: UInt8) {
        if subject != nil { return }
        do throws(KernelError) {
            try thread.setPriority(priority, maximum: 255)
            unsafe ran.pointee = 0
            try Notification(Probe.notification).signal(1)
            subject = number
        } catch {
            // It stays at rest, and no task that waits is blamed.
        }
    }

    /// Rests again, if it tried for task `number`.
    mutating func end(for number: UInt64) { if subject == number { subject = nil } }

    /// Whether task `number` could have run; nil: not known yet, or the thread tries
    /// for another task.
    ///
    /// It is known ten milliseconds after the thread ran: the task had time for its sign then.
    func couldRun(_ number: UInt64) -> Bool? {
        if subject != number { return nil }
        // Safety: `init` allocated the word, and nobody frees it.
        let ticks = unsafe ran.pointee
        if ticks == 0 { return false }
        return Instant.now.ticks < ticks + Duration.milliseconds(Watch.patience).ticks ? nil : true
    }
}
