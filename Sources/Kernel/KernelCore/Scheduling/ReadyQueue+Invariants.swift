// Checks the ready queue: circles, bitmaps and cached tops agree, and hold exactly the ready
// threads and the pending updates.

#if !hasFeature(Embedded)
    import HardwareInterface
    import KernelABI

    extension Kernel where H: ~Copyable {
        func inspectReadyQueues(_ inspection: inout Inspection) {
            let updates = inspection.inspect(shared.pointee.updates, "updates")
            for (thread, priority) in updates {
                inspection.require(
                    thread.pointee.scheduling.isPending, "a queued update is not marked")
                inspection.require(
                    Int(thread.pointee.pendingUrgency) == priority, "an update stands elsewhere")
            }
            let pending = Set(updates.map { $0.0.bits })
            for thread in inspection.threads {
                inspection.require(
                    thread.pointee.scheduling.isPending == pending.contains(thread.bits),
                    "an update is in no list")
            }
            for core in cores { inspectReadyQueue(core, &inspection) }
        }

        private func inspectReadyQueue(_ core: Ref<Core>, _ inspection: inout Inspection) {
            let ready = inspection.inspect(core.pointee.ready.threads, "ready threads")
            for (thread, priority) in ready {
                inspection.require(
                    thread.state == .ready, "a thread in the ready queue is not ready")
                inspection.require(
                    Int(thread.effective) == priority, "a thread is ready under another priority")
            }
            // With several cores, a core learns of updates when it chooses.
            inspection.require(
                cores.count > 1 || core.pointee.ready.updatesTop == shared.pointee.updates.top,
                "the core knows other updates")
            var top = max(core.pointee.ready.threads.top, core.pointee.ready.updatesTop)
            inspection.require(
                core.pointee.ready.listTop == top,
                "the lists' top is \(core.pointee.ready.listTop) instead of \(top)")
            var members = Set(ready.map { $0.0.bits })
            inspection.require(
                core.pointee.ready.behind == nil || core.pointee.ready.front != nil,
                "a thread stands behind none")
            for front in [core.pointee.ready.behind, core.pointee.ready.front] {
                guard let front else { continue }
                inspection.require(inspection.isLive(front, .thread), "a dead thread is first")
                inspection.require(
                    front.state == .ready && Int(front.effective) >= top,
                    "the front is not the first")
                inspection.require(
                    members.insert(front.bits).inserted, "the front stands in a list too")
                top = Int(front.effective)
            }
            inspection.require(
                core.pointee.ready.top == top,
                "ready top is \(core.pointee.ready.top) instead of \(top)")
            inspection.require(
                core.pointee.ready.watch == 0 || core.pointee.ready.watch >= Limits.priorities,
                "the watch on switches is wrong")
            for thread in inspection.threads {
                let isMine = thread.home == Int(core.pointee.number)
                inspection.require(
                    (thread.state == .ready && isMine) == members.contains(thread.bits),
                    "a ready thread is in no ready list, or in another core's")
            }
        }
    }

    extension Inspection {
        /// Checks the circles of one kind and returns their members with the priority of the
        /// circle.
        fileprivate mutating func inspect(
            _ lists: borrowing PriorityLists, _ name: String
        ) -> [(Ref<Thread>, Int)] {
            var members: [(Ref<Thread>, Int)] = []
            var seen: Set<UInt> = []
            var top = -1
            for priority in 0..<Limits.priorities {
                let head = lists.heads.pointee.first[priority]
                let isMarked = lists.map[priority / 64] >> UInt64(priority % 64) & 1 == 1
                require(isMarked == (head != nil), "\(name): wrong bit of priority \(priority)")
                if head == nil { continue }
                top = priority
                var previous = head?.pointee.previousReady
                let tail = previous
                var at = head
                while let thread = at, seen.insert(thread.bits).inserted {
                    require(isLive(thread, .thread), "\(name): a dead thread")
                    require(thread.pointee.previousReady == previous, "\(name): wrong link")
                    members.append((thread, priority))
                    previous = thread
                    at = thread.pointee.nextReady
                }
                require(at == head && tail == previous, "\(name): wrong end")
            }
            for word in 0..<4 {
                let isMarked = lists.summary >> UInt64(word) & 1 == 1
                require(
                    isMarked == (lists.map[word] != 0), "\(name): wrong bit \(word) of the summary")
            }
            require(lists.top == top, "\(name): top is \(lists.top) instead of \(top)")
            return members
        }
    }
#endif
