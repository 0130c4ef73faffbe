// The ready queue: one list per priority and a two-level bitmap, so that every operation is constant-time.

import KernelABI

/// Threads that could run but do not.
///
/// Invariant: bit p of `map` is set ⇔ `head[p]` is set; bit w of `summary` ⇔ `map[w]` ≠ 0; `top` is the highest such p, or -1.
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
        let priority = Int(thread.effective)
        thread.state = .ready
        if let head = lists.pointee.head[priority], let tail = lists.pointee.tail[priority] {
            if atHead {
                thread.pointee.nextReady = head
                thread.pointee.previousReady = nil
                head.pointee.previousReady = thread
                lists.pointee.head[priority] = thread
            } else {
                thread.pointee.previousReady = tail
                thread.pointee.nextReady = nil
                tail.pointee.nextReady = thread
                lists.pointee.tail[priority] = thread
            }
            return
        }
        thread.pointee.nextReady = nil
        thread.pointee.previousReady = nil
        lists.pointee.head[priority] = thread
        lists.pointee.tail[priority] = thread
        map[priority &>> 6] |= 1 &<< UInt64(truncatingIfNeeded: priority & 63)
        summary |= 1 &<< UInt64(truncatingIfNeeded: priority &>> 6)
        if priority > top {
            top = priority
            updateBarrier()
        }
    }

    private mutating func updateBarrier() { barrier = isWatched ? Limits.priorities : top }

    /// - Precondition: the thread is in this queue, under its present effective priority.
    mutating func remove(_ thread: Ref<Thread>) {
        let priority = Int(thread.effective)
        if let previous = thread.pointee.previousReady {
            previous.pointee.nextReady = thread.pointee.nextReady
        } else {
            lists.pointee.head[priority] = thread.pointee.nextReady
        }
        if let next = thread.pointee.nextReady {
            next.pointee.previousReady = thread.pointee.previousReady
        } else {
            lists.pointee.tail[priority] = thread.pointee.previousReady
        }
        thread.pointee.nextReady = nil
        thread.pointee.previousReady = nil
        if lists.pointee.head[priority] == nil { clear(priority) }
    }

    /// The thread that should run next.
    func first() -> Ref<Thread>? {
        if top < 0 { return nil }
        return lists.pointee.head[top]
    }

    private mutating func clear(_ priority: Int) {
        let word = priority &>> 6
        map[word] &= ~(1 &<< UInt64(truncatingIfNeeded: priority & 63))
        if map[word] == 0 { summary &= ~(1 &<< UInt64(truncatingIfNeeded: word)) }
        if priority != top { return }
        if summary == 0 {
            top = -1
        } else {
            let high = 63 &- summary.leadingZeroBitCount
            top = high &* 64 &+ 63 &- map[high & 3].leadingZeroBitCount
        }
        updateBarrier()
    }
}

/// The heads and tails of the 256 lists: apart from the queue's hot words, so that those fit a cache line.
public struct ReadyLists: ~Copyable {
    var head: InlineArray<256, Ref<Thread>?>
    var tail: InlineArray<256, Ref<Thread>?>
}
