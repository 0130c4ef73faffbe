// The invariants of the ready queue: lists, bitmaps and the cached top agree, and hold exactly the ready threads.

#if !hasFeature(Embedded)
    import HardwareInterface
    import KernelABI

    extension Kernel where H: ~Copyable {
        func inspectReadyQueue(_ inspection: inout Inspection) {
            var members: Set<UInt> = []
            var top = -1
            for priority in 0..<Limits.priorities {
                let head = core.ready.lists.pointee.heads[priority]
                let isMarked = core.ready.map[priority / 64] >> UInt64(priority % 64) & 1 == 1
                inspection.require(isMarked == (head != nil), "ready map: wrong bit of priority \(priority)")
                if head == nil { continue }
                top = priority
                var previous = head?.pointee.previousReady
                let tail = previous
                var at = head
                while let thread = at, members.insert(thread.bits).inserted {
                    inspection.require(inspection.isLive(thread, .thread), "a dead thread is ready")
                    inspection.require(thread.state == .ready, "a thread in the ready queue is not ready")
                    inspection.require(Int(thread.effective) == priority, "a thread is ready under another priority")
                    inspection.require(thread.pointee.previousReady == previous, "ready list: wrong link")
                    previous = thread
                    at = thread.pointee.nextReady
                }
                inspection.require(at == head && tail == previous, "ready list: wrong end")
            }
            for word in 0..<4 {
                let isMarked = core.ready.summary >> UInt64(word) & 1 == 1
                inspection.require(isMarked == (core.ready.map[word] != 0), "ready summary: wrong bit \(word)")
            }
            inspection.require(core.ready.listTop == top, "ready lists' top is \(core.ready.listTop) instead of \(top)")
            inspection.require(core.ready.behind == nil || core.ready.front != nil, "somebody stands behind nobody")
            for front in [core.ready.behind, core.ready.front] {
                guard let front else { continue }
                inspection.require(inspection.isLive(front, .thread), "a dead thread is first")
                inspection.require(front.state == .ready && Int(front.effective) >= top, "the front is not the first")
                inspection.require(members.insert(front.bits).inserted, "the front stands in a list too")
                top = Int(front.effective)
            }
            inspection.require(core.ready.top == top, "ready top is \(core.ready.top) instead of \(top)")
            inspection.require(
                core.ready.watch == Limits.priorities || (core.ready.watch == 0 && !isTracing),
                "the watch on switches is wrong")
            for thread in inspection.threads {
                inspection.require(
                    (thread.state == .ready) == members.contains(thread.bits), "a ready thread is in no ready list")
            }
        }
    }
#endif
