// The ready queue: one circle of threads per priority and a two-level bitmap, so that every operation is constant-time.
//
// In front of both stand up to two threads, the most urgent of all, wherever that costs nothing: a thread that is preempted, or
// woken in order to run at once, comes and goes without touching circles or bitmaps. Two, because an interrupt that preempts
// somebody mostly ends in a signal, which preempts once more.

import KernelABI

/// Threads that could run but do not.
///
/// Invariants: bit p of `map` is set ⇔ `heads[p]` is set; bit w of `summary` ⇔ `map[w]` ≠ 0; `listTop` is the highest such p,
/// or -1; `top` is the priority of `front`, or `listTop` without one; `behind` stands between `front` and the circles, and is
/// nil without a front. The priorities of `front`, of `behind` and `listTop` do not rise in this order.
public struct ReadyQueue: ~Copyable {
    /// The thread before all others.
    var front: Ref<Thread>?
    /// The second.
    var behind: Ref<Thread>?
    /// The most urgent priority that has a ready thread; -1 when there is none.
    var top: Int = -1
    /// 0; or as many as there are priorities, while every switch must be looked at: to be recorded, or because a deadline is
    /// left out that a less urgent thread must not miss.
    var watch: Int = 0
    var listTop: Int = -1
    var summary: UInt64 = 0
    var map: InlineArray<4, UInt64> = [0, 0, 0, 0]
    var lists: Ref<ReadyLists>

    init(lists: Ref<ReadyLists>) { self.lists = lists }

    /// May a running thread of this priority be switched to without looking here?
    @inline(__always) func isSurpassed(by priority: Int) -> Bool { priority > top &+ watch }

    /// Put a thread behind those of its priority, or before them where it was preempted.
    @inline(__always) mutating func insert(_ thread: Ref<Thread>, atHead: Bool = false) {
        let priority = Int(thread.effective)
        thread.state = .ready
        if atHead ? priority >= top : priority > top {
            settle()
            pushFront(thread, priority)
        } else {
            if let behind, atHead ? priority >= Int(behind.effective) : priority > Int(behind.effective) { settle() }
            append(thread, atHead: atHead)
        }
    }

    /// Put a thread whose state is `ready` before all others, whose priority is no less than theirs.
    ///
    /// - Precondition: nobody is `behind`.
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
        let priority = thread.effective
        guard let next = thread.pointee.nextReady, let previous = thread.pointee.previousReady else { return }
        if next == thread {
            lists.pointee.heads[Int(priority)] = nil
            clear(priority)
        } else {
            previous.pointee.nextReady = next
            next.pointee.previousReady = previous
            if lists.pointee.heads[Int(priority)] == thread { lists.pointee.heads[Int(priority)] = next }
        }
        thread.pointee.nextReady = nil
        thread.pointee.previousReady = nil
    }

    /// The thread that should run next.
    @inline(__always) func first() -> Ref<Thread>? {
        if let front { return front }
        return top < 0 ? nil : lists.pointee.heads[top & 255]
    }

    /// Take the thread out that should run next.
    @inline(__always) mutating func removeFirst() -> Ref<Thread>? {
        if let first = front {
            removeFront()
            return first
        }
        guard let first = first() else { return nil }
        remove(first)
        return first
    }

    @inline(__always) private mutating func removeFront() {
        front = behind
        top = behind.map { Int($0.effective) } ?? listTop
        behind = nil
    }

    /// Put the thread behind the front into the circle of its priority, before the others.
    @inline(__always) mutating func settle() {
        guard let thread = behind else { return }
        behind = nil
        append(thread, atHead: true)
    }

    /// Into the circle of its priority.
    @inline(never) private mutating func append(_ thread: Ref<Thread>, atHead: Bool) {
        let priority = thread.effective
        if let head = lists.pointee.heads[Int(priority)], let last = head.pointee.previousReady {
            thread.pointee.nextReady = head
            thread.pointee.previousReady = last
            head.pointee.previousReady = thread
            last.pointee.nextReady = thread
            if atHead { lists.pointee.heads[Int(priority)] = thread }
            return
        }
        thread.pointee.nextReady = thread
        thread.pointee.previousReady = thread
        lists.pointee.heads[Int(priority)] = thread
        map[Int(priority &>> 6)] |= 1 &<< UInt64(priority & 63)
        summary |= 1 &<< UInt64(priority &>> 6)
        if Int(priority) > listTop {
            listTop = Int(priority)
            if front == nil { top = listTop }
        }
    }

    private mutating func clear(_ priority: UInt8) {
        let word = priority &>> 6
        map[Int(word)] &= ~(1 &<< UInt64(priority & 63))
        if map[Int(word)] == 0 { summary &= ~(1 &<< UInt64(word)) }
        if Int(priority) != listTop { return }
        if summary == 0 {
            listTop = -1
        } else {
            let high = 63 &- summary.leadingZeroBitCount
            listTop = high &* 64 &+ 63 &- map[high & 3].leadingZeroBitCount
        }
        if front == nil { top = listTop }
    }
}

/// The most urgent thread of each priority: apart from the queue's hot words, so that those fit a cache line.
public struct ReadyLists: ~Copyable {
    var heads: InlineArray<256, Ref<Thread>?>
}
