// The ready queue: one circle of threads per priority and a two-level bitmap, so that every operation is constant-time.

import KernelABI

/// Threads that could run but do not.
///
/// Invariant: bit p of `map` is set ⇔ `heads[p]` is set; bit w of `summary` ⇔ `map[w]` ≠ 0; `top` is the highest such p, or -1.
public struct ReadyQueue: ~Copyable {
    var summary: UInt64 = 0
    /// The most urgent priority that has a ready thread; -1 when there is none.
    var top: Int = -1
    /// A thread of a higher priority than this may be switched to without looking here: `top`, or more than any priority
    /// while every switch must be noted.
    var barrier: Int = -1
    var isWatched = false {
        didSet { updateBarrier() }
    }
    var map: InlineArray<4, UInt64> = [0, 0, 0, 0]
    var lists: Ref<ReadyLists>

    init(lists: Ref<ReadyLists>) { self.lists = lists }

    /// Put a thread behind those of its priority, or before them where it was preempted.
    mutating func insert(_ thread: Ref<Thread>, atHead: Bool = false) {
        let priority = thread.effective
        thread.state = .ready
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
        if Int(priority) > top {
            top = Int(priority)
            updateBarrier()
        }
    }

    private mutating func updateBarrier() { barrier = isWatched ? Limits.priorities : top }

    /// - Precondition: the thread is in this queue, under its present effective priority.
    mutating func remove(_ thread: Ref<Thread>) {
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
        if top < 0 { return nil }
        return lists.pointee.heads[top & 255]
    }

    /// Take the first thread out, and put one of the same priority behind the others: the bitmaps stay as they are.
    mutating func exchangeFirst(for thread: Ref<Thread>) -> Ref<Thread>? {
        guard let first = first(), let next = first.pointee.nextReady, let last = first.pointee.previousReady else {
            return nil
        }
        thread.state = .ready
        if next == first {
            thread.pointee.nextReady = thread
            thread.pointee.previousReady = thread
            lists.pointee.heads[top & 255] = thread
        } else {
            thread.pointee.nextReady = next
            thread.pointee.previousReady = last
            last.pointee.nextReady = thread
            next.pointee.previousReady = thread
            lists.pointee.heads[top & 255] = next
        }
        first.pointee.nextReady = nil
        first.pointee.previousReady = nil
        return first
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
        updateBarrier()
    }
}

/// The most urgent thread of each priority: apart from the queue's hot words, so that those fit a cache line.
public struct ReadyLists: ~Copyable {
    var heads: InlineArray<256, Ref<Thread>?>
}
