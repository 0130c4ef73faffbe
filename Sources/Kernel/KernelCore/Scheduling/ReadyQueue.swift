// The ready queue: what could use the processor, most urgent first; every operation is constant-time.
//
// It holds the ready threads and the pending updates of priority inheritance (Kernel+Inheritance). Each kind has one circle a
// priority under a two-level bitmap. `top` covers both kinds, so a fast path that compares a priority with it declines by
// itself while an update is as urgent.
//
// In front stand up to two threads, the most urgent of all, wherever that costs nothing: a thread that is preempted, or
// woken in order to run at once, comes and goes without touching circles or bitmaps. Two, because an interrupt that preempts
// a thread mostly ends in a signal, which preempts once more.

import KernelABI

/// Threads that could run but do not, and updates that wait.
///
/// Invariants: `listTop` is the larger of both kinds' tops; `top` is the priority of `front`, or `listTop` without one;
/// `behind` stands between `front` and the circles, and is nil without a front. The priorities of `front`, of `behind` and
/// `listTop` do not rise in this order.
public struct ReadyQueue: ~Copyable {
    /// The thread before all others.
    var front: Ref<Thread>?
    /// The second.
    var behind: Ref<Thread>?
    /// The largest priority of a ready thread or a pending update; -1 when there is none.
    var top: Int = -1
    /// 0; or as many as there are priorities, while every switch must be looked at: to be recorded, or because a deadline is
    /// left out that a less urgent thread must not miss.
    var watch: Int = 0
    /// The same as `top`, without `front` and `behind`.
    var listTop: Int = -1
    var threads: PriorityLists
    /// Blocked threads whose effective priority is to be brought up to date.
    var updates: PriorityLists

    init(heads: Ref<ReadyHeads>) {
        threads = PriorityLists(heads: heads.threads)
        updates = PriorityLists(heads: heads.updates)
    }

    /// May a running thread of this priority be switched to without looking here?
    @inline(__always) func isSurpassed(by priority: Int) -> Bool { priority > top &+ watch }

    // Threads

    /// Puts a thread behind those of its priority, or before them where it was preempted.
    @inline(__always) mutating func insert(_ thread: Ref<Thread>, atHead: Bool = false) {
        let priority = Int(thread.effective)
        thread.state = .ready
        if atHead ? priority >= top : priority > top {
            settle()
            pushFront(thread, priority)
        } else {
            if let behind,
                atHead ? priority >= Int(behind.effective) : priority > Int(behind.effective)
            {
                settle()
            }
            append(thread, atHead: atHead)
        }
    }

    /// Puts a thread whose state is `ready` before all others, whose priority is no less than theirs.
    ///
    /// - Precondition: no thread is `behind`.
    @inline(__always) mutating func pushFront(_ thread: Ref<Thread>, _ priority: Int) {
        behind = front
        front = thread
        top = priority
    }

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

    /// Returns the thread that should run next; pending updates are not looked at.
    @inline(__always) var first: Ref<Thread>? { front ?? threads.first }

    /// Takes the thread out that should run next.
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

    @inline(__always) private mutating func removeFront() {
        front = behind
        top = behind.map { Int($0.effective) } ?? listTop
        behind = nil
    }

    /// Puts the thread behind the front into the circle of its priority, before the others.
    @inline(__always) mutating func settle() {
        guard let thread = behind else { return }
        behind = nil
        append(thread, atHead: true)
    }

    /// Into the circle of its priority.
    @inline(never) private mutating func append(_ thread: Ref<Thread>, atHead: Bool) {
        threads.append(thread, thread.effective, atHead: atHead)
        refreshTop()
    }

    /// Brings `listTop` and `top` up to date after a change in the circles.
    @inline(__always) private mutating func refreshTop() {
        listTop = threads.top > updates.top ? threads.top : updates.top
        if front == nil { top = listTop }
    }

    // Updates

    /// Adds the update of a blocked thread behind those that are as urgent.
    ///
    /// - Precondition: `pendingUrgency` of the thread is set, and its update is not queued.
    mutating func insertUpdate(_ thread: Ref<Thread>) {
        let urgency = Int(thread.pointee.pendingUrgency)
        if let behind, urgency > Int(behind.effective) { settle() }
        if let front, urgency > Int(front.effective) {
            self.front = nil
            append(front, atHead: true)
        }
        updates.append(thread, thread.pointee.pendingUrgency, atHead: false)
        refreshTop()
    }

    /// - Precondition: the thread's update is queued.
    mutating func removeUpdate(_ thread: Ref<Thread>) {
        updates.remove(thread, thread.pointee.pendingUrgency)
        refreshTop()
    }
}

/// Circles of threads, one a priority, linked by `nextReady` and `previousReady`.
///
/// Invariants: bit p of `map` is set ⇔ `heads[p]` is set; bit w of `summary` ⇔ `map[w]` ≠ 0; `top` is the highest such p, or -1.
public struct PriorityLists: ~Copyable {
    /// The largest priority with a circle; -1 when there is none.
    var top: Int = -1
    private(set) var summary: UInt64 = 0
    private(set) var map: InlineArray<4, UInt64> = [0, 0, 0, 0]
    private(set) var heads: Ref<PriorityHeads>

    init(heads: Ref<PriorityHeads>) { self.heads = heads }

    /// The oldest thread of the largest priority.
    @inline(__always) var first: Ref<Thread>? { top < 0 ? nil : heads.pointee.first[top & 255] }

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

/// The oldest member of each circle: apart from the queue's hot words, so that those fit a cache line.
public struct PriorityHeads: ~Copyable {
    var first: InlineArray<256, Ref<Thread>?>
}

/// The heads of both kinds.
public struct ReadyHeads: ~Copyable {
    var threads: PriorityHeads
    var updates: PriorityHeads
}

extension Ref where Object == ReadyHeads {
    var threads: Ref<PriorityHeads> {
        unsafe withUnsafeMutablePointer(to: &address.pointee.threads) {
            unsafe Ref<PriorityHeads>($0)
        }
    }
    var updates: Ref<PriorityHeads> {
        unsafe withUnsafeMutablePointer(to: &address.pointee.updates) {
            unsafe Ref<PriorityHeads>($0)
        }
    }
}
