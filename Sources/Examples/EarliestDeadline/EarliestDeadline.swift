// Scheduling policy in user space: the threads of this task run by earliest deadline first, over
// the kernel's fixed priorities.
//
// A thread waits for its period at the highest priority of the band, so it runs as soon as the
// period begins. It then enters the list of jobs, which orders the threads' priorities by their
// deadlines, and works at its own. When its job is done, it goes back to the highest priority and
// waits. So each job costs two updates of the list, and a thread is moved only if its rank changes.

import KernelABI
import UserRuntime

/// The jobs of a task's threads, in the order of their deadlines.
///
/// The threads share one core. Invariant: the job with the latest deadline has the priority
/// `lowest`, and each earlier one has the next priority above.
struct EarliestDeadline {
    private struct Job {
        let thread: Thread
        let deadline: Instant
        var priority: UInt8
    }
    /// The priority of the latest deadline.
    let lowest: UInt8
    /// Where the threads wait for their periods: above `lowest` by the number of threads, or more.
    let highest: UInt8
    /// The latest deadline first.
    private var jobs: [Job] = []
    /// Priorities that were set so far.
    private(set) var changes: UInt64 = 0

    init(lowest: UInt8, highest: UInt8) {
        self.lowest = lowest
        self.highest = highest
    }

    /// The calling thread has a job until `deadline`. Equal deadlines keep the order of their jobs.
    ///
    /// - Postcondition: the caller has the priority of its rank.
    /// - Complexity: O(threads), and a kernel call for each whose rank changes.
    mutating func begin(deadline: Instant) {
        var place = jobs.count
        while place > 0 && jobs[place - 1].deadline.ticks <= deadline.ticks { place -= 1 }
        jobs.insert(Job(thread: .current, deadline: deadline, priority: highest), at: place)
        order()
    }

    /// The calling thread's job is done.
    ///
    /// - Postcondition: the caller has the highest priority, and waits there.
    mutating func end() {
        let own = Thread.current.slot
        jobs.removeAll { $0.thread.slot == own }
        set(.current, highest)
        order()
    }

    /// The earliest deadline is raised first. The caller's own comes when it comes: it holds the
    /// mutex of the list, so it inherits from a thread that waits for that.
    private mutating func order() {
        for rank in stride(from: jobs.count - 1, through: 0, by: -1) {
            let priority = lowest + UInt8(rank)
            if jobs[rank].priority == priority { continue }
            jobs[rank].priority = priority
            set(jobs[rank].thread, priority)
        }
    }

    private mutating func set(_ thread: Thread, _ priority: UInt8) {
        changes += 1
        orEnd(
            "a thread's priority cannot be set",
            try thread.setPriority(priority, maximum: highest))
    }
}
