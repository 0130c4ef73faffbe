// The ready queue of a core: its ready threads, most urgent first. Every operation is
// constant-time.
//
// The threads have one circle for each priority, under a two-level bitmap. The pending updates of
// priority inheritance (Kernel+Inheritance) stand in such circles as well, which all cores share.
// `top` covers both kinds: with one core a fast path that compares a priority with `top` declines
// by itself while an update is as urgent. With several, the updates are looked at besides.
//
// **Two threads before the circles.** Up to two threads, the most urgent of all, stand in `front`
// and `behind` instead of a circle. A thread that is preempted, or woken to run at once, so comes
// and goes without a change of circles and bitmaps. There are two places because the driver that
// preempts a thread mostly ends in a signal, which preempts once more.
//
//     front ─▶ behind ─▶ circle of the largest priority ─▶ … ─▶ circle of the smallest
//
// These rows of the benchmark pay for the two places (docs/realtime.md):
// `interrupt.timer.to-driver.spinning` (goal 150), `signal.higher-waiter-runs` (140) and
// `yield.other-address-space` (110).

import KernelABI

/// The ready threads of a core.
///
/// Invariants: `listTop` is the larger of `threads.top` and `updatesTop`. `top` is the priority of
/// `front`, or `listTop` if there is no front. `behind` comes after `front` and before the circles,
/// and is nil without a front. The priorities of `front` and `behind` and `listTop` do not rise in
/// this order.
public struct ReadyQueue: ~Copyable {
    /// The first thread, before all others.
    var front: Ref<Thread>?
    /// The second thread.
    var behind: Ref<Thread>?
    /// The largest priority of a ready thread or a pending update; -1 if there is none.
    var top: Int = -1
    /// If the timer leaves deadlines out: the level below which it does, and the number of
    /// priorities. A thread that a lower level interrupts might miss one of them. Else 0.
    var watch: Int = 0
    /// The largest priority in the circles; -1 if they are empty.
    var listTop: Int = -1
    /// The largest urgency of a pending update; -1 if there is none.
    var updatesTop: Int = -1
    var threads: PriorityLists

    init(heads: Ref<PriorityHeads>) { threads = PriorityLists(heads: heads) }

    /// Returns whether the kernel may switch to a blocked thread of this priority without a look at
    /// this queue and at the deadlines.
    @inline(__always) func isSurpassed(by priority: Int) -> Bool { priority > top &+ watch }
    /// The same where deadlines below this level do not interrupt the thread.
    @inline(__always) func isSurpassed(by priority: Int, least: UInt32) -> Bool {
        priority > top && Limits.priorities &+ Int(least) >= watch
    }
    /// Records that the timer leaves deadlines below this level out.
    @inline(__always) mutating func leaveOut(below level: UInt32) {
        watch = Int(UInt32(truncatingIfNeeded: Limits.priorities) &+ level)
    }

    // Threads

    /// Inserts a thread after those of its priority, or before them if it was preempted.
    @inline(__always) mutating func insert(_ thread: Ref<Thread>, atHead: Bool = false) {
        let priority = Int(thread.effective)
        thread.state = .ready
        if atHead ? priority >= top : priority > top {
            settle()
            pushFront(thread, priority)
        } else if let behind,
            atHead ? priority >= Int(behind.effective) : priority > Int(behind.effective)
        {
            settle()
            self.behind = thread
        } else {
            append(thread, atHead: atHead)
        }
    }

    /// Inserts a thread before all others. Its state is `ready` already.
    ///
    /// - Precondition: `behind` is nil, and no thread or update is more urgent.
    @inline(__always) mutating func pushFront(_ thread: Ref<Thread>, _ priority: Int) {
        behind = front
        front = thread
        top = priority
    }

    /// Removes a thread.
    ///
    /// - Precondition: the thread is in this queue, under its present effective priority.
    mutating func remove(_ thread: Ref<Thread>) {
        if front == thread { return removeFront() }
        if behind == thread {
            behind = nil
            return
        }
        threads.remove(thread, thread.effective)
        refreshTop()
    }

    /// The thread that should run next, without regard to pending updates.
    @inline(__always) var first: Ref<Thread>? { front ?? threads.first }

    /// Removes and returns the thread that should run next.
    @inline(__always) mutating func removeFirst() -> Ref<Thread>? {
        if let first = front {
            removeFront()
            return first
        }
        guard let first = threads.first else { return nil }
        threads.remove(first, first.effective)
        refreshTop()
        return first
    }

    /// Removes the only thread.
    ///
    /// - Precondition: it is in front, and no update is pending.
    @inline(__always) mutating func removeOnly() {
        front = nil
        top = -1
    }

    /// Removes the thread in front.
    @inline(__always) mutating func removeFront() {
        front = behind
        top = behind.map { Int($0.effective) } ?? listTop
        behind = nil
    }

    /// Moves `behind` to the head of the circle of its priority, so that the place is free.
    @inline(__always) mutating func settle() {
        guard let thread = behind else { return }
        behind = nil
        append(thread, atHead: true)
    }

    /// Inserts a thread into the circle of its priority.
    @inline(never) private mutating func append(_ thread: Ref<Thread>, atHead: Bool) {
        threads.append(thread, thread.effective, atHead: atHead)
        refreshTop()
    }

    /// Updates `listTop` and `top` after a change of the circles.
    @inline(__always) private mutating func refreshTop() {
        listTop = threads.top > updatesTop ? threads.top : updatesTop
        if front == nil { top = listTop }
    }

    // Updates

    /// Records the largest urgency of a pending update, which has not risen.
    @inline(__always) mutating func lowerUpdates(to urgency: Int) {
        updatesTop = urgency
        refreshTop()
    }

    /// Records the largest urgency of a pending update. A thread in front that is less urgent moves
    /// into its circle.
    @inline(__always) mutating func raiseUpdates(to urgency: Int) {
        if urgency <= updatesTop { return }
        updatesTop = urgency
        if let behind, urgency > Int(behind.effective) { settle() }
        if let front, urgency > Int(front.effective) {
            self.front = nil
            append(front, atHead: true)
        }
        refreshTop()
    }
}

/// Circles of threads, one for each priority, linked by `nextReady` and `previousReady`.
///
/// Invariants: bit p of `map` is set ⇔ `heads[p]` is set; bit w of `summary` is set ⇔ `map[w]` ≠ 0;
/// `top` is the highest such p, or -1.
public struct PriorityLists: ~Copyable {
    /// The largest priority with a circle; -1 if there is none.
    var top: Int = -1
    private(set) var summary: UInt64 = 0
    private(set) var map: InlineArray<4, UInt64> = [0, 0, 0, 0]
    private(set) var heads: Ref<PriorityHeads>

    init(heads: Ref<PriorityHeads>) { self.heads = heads }

    /// The oldest thread of the largest priority.
    @inline(__always) var first: Ref<Thread>? { top < 0 ? nil : heads.pointee.first[top & 255] }

    /// Inserts a thread as the last of its circle, or as the first.
    @inline(__always) mutating func append(_ thread: Ref<Thread>, _ priority: UInt8, atHead: Bool) {
        if let head = heads.pointee.first[Int(priority)], let last = head.pointee.previousReady {
            thread.pointee.nextReady = head
            thread.pointee.previousReady = last
            head.pointee.previousReady = thread
            last.pointee.nextReady = thread
            if atHead { heads.pointee.first[Int(priority)] = thread }
            return
        }
        thread.pointee.nextReady = thread
        thread.pointee.previousReady = thread
        heads.pointee.first[Int(priority)] = thread
        map[Int(priority &>> 6)] |= 1 &<< UInt64(priority & 63)
        summary |= 1 &<< UInt64(priority &>> 6)
        if Int(priority) > top { top = Int(priority) }
    }

    /// Removes a thread.
    ///
    /// - Precondition: the thread is in the circle of this priority.
    mutating func remove(_ thread: Ref<Thread>, _ priority: UInt8) {
        guard let next = thread.pointee.nextReady, let previous = thread.pointee.previousReady
        else { return }
        if next == thread {
            heads.pointee.first[Int(priority)] = nil
            clear(priority)
        } else {
            previous.pointee.nextReady = next
            next.pointee.previousReady = previous
            if heads.pointee.first[Int(priority)] == thread {
                heads.pointee.first[Int(priority)] = next
            }
        }
        thread.pointee.nextReady = nil
        thread.pointee.previousReady = nil
    }

    /// Clears the bit of a priority whose circle is empty now.
    private mutating func clear(_ priority: UInt8) {
        let word = priority &>> 6
        map[Int(word)] &= ~(1 &<< UInt64(priority & 63))
        if map[Int(word)] == 0 { summary &= ~(1 &<< UInt64(word)) }
        if Int(priority) != top { return }
        if summary == 0 {
            top = -1
        } else {
            let high = 63 &- summary.leadingZeroBitCount
            top = high &* 64 &+ 63 &- map[high & 3].leadingZeroBitCount
        }
    }
}

/// The oldest member of each circle. They stand apart from the queue's frequent words, so that
/// those fit a cache line.
public struct PriorityHeads: ~Copyable {
    var first: InlineArray<256, Ref<Thread>?>
}
