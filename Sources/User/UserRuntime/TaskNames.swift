// The names of all tasks in a page that the root task keeps up to date: what a badge says, in
// words, without a call.

/// Four words a task, by its number; 0 is the root task. A number that no task has yet
/// reads as zeros.
public enum TaskNames {
    /// Tasks that the page has room for, the root task among them.
    public static var capacity: Int { 4096 / 32 }

    /// The name of the task with that number, zero-padded.
    /// - Precondition: the manifest gives the calling task `task_names`.
    public static func name(of task: UInt64) -> InlineArray<4, UInt64> {
        guard task < UInt64(capacity) else { return InlineArray(repeating: 0) }
        // Safety: the root task mapped the page there, and the index stays within its 512 words.
        let page = unsafe UnsafePointer<UInt64>(bitPattern: UInt(TaskAddress.taskNames))
        let words = unsafe page.unsafelyUnwrapped
        let first = Int(task) * 4
        return unsafe [words[first], words[first + 1], words[first + 2], words[first + 3]]
    }
}
