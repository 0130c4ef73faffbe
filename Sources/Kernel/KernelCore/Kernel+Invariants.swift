// The invariants of the kernel's whole state. Host tests check them after every step.
//
// The walk starts from the objects that boot made, and finds every live object by the descriptors
// in untyped memory. It compares each stored reference, queue and list with them. None of it is in
// the kernel image.

#if !hasFeature(Embedded)
    import HardwareInterface
    import KernelABI

    /// All live objects, and the violations that were found.
    public struct Inspection {
        /// Address and kind of each live object.
        var kinds: [UInt: ObjectKind] = [:]
        var threads: [Ref<Thread>] = []
        var endpoints: [Ref<Endpoint>] = []
        var replies: [Ref<Reply>] = []
        var notifications: [Ref<Notification>] = []
        var interrupts: [Ref<Interrupt>] = []
        var timers: [Ref<Timer>] = []
        var budgets: [Ref<Budget>] = []
        var mutexSets: [Ref<MutexSet>] = []
        var tables: [Ref<CapabilityTable>] = []
        var spaces: [Ref<AddressSpace>] = []
        var asidPools: [Ref<ASIDPool>] = []
        var pageTables: [Ref<PageTable>] = []
        var frames: [Ref<Frame>] = []
        var untyped: [Ref<Untyped>] = []
        /// Nodes that were found in a queue.
        var queued: Set<UInt> = []
        /// Threads that were found in a capability's list of senders.
        var listedSenders: Set<UInt> = []
        public internal(set) var violations: [String] = []

        mutating func require(_ holds: Bool, _ what: @autoclosure () -> String) {
            if !holds { violations.append(what()) }
        }
        func isLive<Object: ~Copyable>(_ object: Ref<Object>?, _ kind: ObjectKind) -> Bool {
            guard let object else { return true }
            return kinds[object.bits] == kind
        }

        mutating func add(_ object: Ref<ObjectHeader>) {
            let kind = object.pointee.kind
            require(kinds[object.bits] == nil, "two objects at one address")
            kinds[object.bits] = kind
            switch kind {
            case .endpoint: endpoints.append(object.rebound(to: Endpoint.self))
            case .notification: notifications.append(object.rebound(to: Notification.self))
            case .reply: replies.append(object.rebound(to: Reply.self))
            case .thread: threads.append(object.rebound(to: Thread.self))
            case .capabilityTable: tables.append(object.rebound(to: CapabilityTable.self))
            case .addressSpace: spaces.append(object.rebound(to: AddressSpace.self))
            case .pageTable: pageTables.append(object.rebound(to: PageTable.self))
            case .frame: frames.append(object.rebound(to: Frame.self))
            case .untyped: untyped.append(object.rebound(to: Untyped.self))
            case .interrupt: interrupts.append(object.rebound(to: Interrupt.self))
            case .timer: timers.append(object.rebound(to: Timer.self))
            case .budget: budgets.append(object.rebound(to: Budget.self))
            case .mutexSet: mutexSets.append(object.rebound(to: MutexSet.self))
            case .asidPool: asidPools.append(object.rebound(to: ASIDPool.self))
            case .interruptControl, .systemControl, .registers, .asidControl: break
            case .null: violations.append("an object of no kind at \(name(object))")
            }
        }
        func name<Object: ~Copyable>(_ object: Ref<Object>) -> String {
            String(object.bits, radix: 16)
        }
    }

    extension Kernel where H: ~Copyable {
        /// Checks the kernel's state.
        ///
        /// - Parameters:
        ///   - boot: the objects that boot made, among them the untyped regions.
        ///   - running: the thread that each core executes, by the core's number.
        ///   - scanTables: also examine every slot of every table, which is slow.
        /// - Returns: the live objects and the violations.
        public mutating func inspect(
            boot: [Ref<ObjectHeader>], running: [Ref<Thread>?], scanTables: Bool
        ) -> Inspection {
            var inspection = Inspection()
            for object in boot { inspection.add(object) }
            shared.pointee.systemControl.header.firstCapability.map { inspection.addAuthority($0) }
            shared.pointee.interruptControl.header.firstCapability.map {
                inspection.addAuthority($0)
            }
            shared.pointee.asidControl.header.firstCapability.map { inspection.addAuthority($0) }
            var next = 0
            while next < inspection.untyped.count {
                collect(inspection.untyped[next], &inspection)
                next += 1
            }
            inspectReadyQueues(&inspection)
            inspectRunning(running, &inspection)
            for thread in inspection.threads { inspectThread(thread, &inspection) }
            inspectBudgets(running, &inspection)
            for endpoint in inspection.endpoints { inspection.inspect(endpoint) }
            for reply in inspection.replies { inspection.inspect(reply) }
            for notification in inspection.notifications { inspection.inspect(notification) }
            for set in inspection.mutexSets { inspectMutexes(set, &inspection) }
            inspectLines(&inspection)
            for core in cores {
                let number = Int(core.pointee.number)
                inspection.require(
                    core.pointee.statistics[.threads]
                        == UInt64(inspection.threads.count { $0.home == number }),
                    "core \(number) counts its threads wrongly")
                inspectDeadlines(core, running[Int(core.pointee.number)], &inspection)
                inspection.inspect(core.answers)
            }
            inspection.inspectIdleNodes()
            for space in inspection.spaces { inspectSpace(space, &inspection) }
            inspectPools(&inspection)
            for region in inspection.untyped { inspectUntyped(region, &inspection) }
            inspection.inspectCapabilities(scanTables: scanTables)
            return inspection
        }

        /// Adds the objects whose descriptors lie in a region, except those that a reclaim has
        /// destroyed.
        private func collect(_ region: Ref<Untyped>, _ inspection: inout Inspection) {
            if region.pointee.isDevice { return }
            var offset = max(region.pointee.reclaimCursor, 0)
            while offset < region.pointee.low {
                let object = unsafe reference(memory(region, offset), as: ObjectHeader.self)
                if object.pointee.size == 0 {
                    inspection.violations.append("an object without size at \(offset)")
                    return
                }
                inspection.add(object)
                offset += Int(object.pointee.size)
            }
            inspection.require(
                offset == region.pointee.low, "descriptors end at \(offset), not at the low mark")
        }

        /// The cores that run, by number.
        var cores: [Ref<Core>] { (0..<Limits.cores).compactMap { shared.pointee.cores[$0] } }

        private func inspectRunning(_ running: [Ref<Thread>?], _ inspection: inout Inspection) {
            for thread in inspection.threads where thread.state == .running {
                inspection.require(
                    thread == running[thread.home], "a thread is marked running, and is not")
            }
            let isOne = cores.count == 1
            var isToldOfUpdates = false
            var isStaleSomewhere = false
            for core in cores {
                inspection.require(
                    inspection.isLive(core.pointee.current, .thread), "the current thread is dead")
                inspection.require(
                    core.pointee.unarmed == nil, "a periodic timer has no deadline")
                if core.pointee.isPassing {
                    isToldOfUpdates = true
                    continue
                }
                inspection.require(
                    core.pointee.dueLevel == .max, "a deadline that is due waits for a step")
                inspection.require(
                    !core.pointee.isYielding && !core.pointee.isUpdatesTurn,
                    "a turn is over before its time")
                if core.pointee.asked >= shared.pointee.updates.top { isToldOfUpdates = true }
                let running = running[Int(core.pointee.number)]
                var present = -1
                if let running {
                    present = Int(running.effective)
                    inspection.require(
                        inspection.isLive(running, .thread), "the running thread is dead")
                    inspection.require(
                        running.state == .running && running.home == Int(core.pointee.number),
                        "the resumed thread is in state \(running.state.raw)")
                    inspection.require(
                        isOne || core.pointee.current == running, "another thread is current")
                } else {
                    inspection.require(
                        isOne || core.pointee.current == nil, "idle, but a thread is current")
                }
                let ready = core.pointee.ready.front.map { Int($0.effective) } ?? -1
                let top = max(ready, core.pointee.ready.threads.top)
                inspection.require(
                    present >= top || core.pointee.asked >= top,
                    "a more urgent thread is ready than runs, and no interrupt is on its way")
                if Core.resistance(of: running) <= 2 * shared.pointee.updates.top {
                    isStaleSomewhere = true
                }
            }
            inspection.require(
                shared.pointee.updates.top < 0 || !isStaleSomewhere || isToldOfUpdates,
                "an update is more urgent than what a core runs, and nobody performs it")
        }

        /// Checks the deadlines of a core's threads and timers, and its hardware's deadline.
        private func inspectDeadlines(
            _ core: Ref<Core>, _ running: Ref<Thread>?, _ inspection: inout Inspection
        ) {
            let number = Int(core.pointee.number)
            let nodes = inspection.inspect(core.pointee.deadlines, "the deadline queue")
            var members: Set<UInt> = []
            for node in nodes { members.insert(node.bits) }
            var expected = 0
            for thread in inspection.threads
            where Int(thread.deadlineNode.pointee.home) == number {
                let isQueued = thread.deadlineNode.pointee.isQueued
                if isQueued { expected += 1 }
                if !thread.pointee.scheduling.hasDeadline { continue }
                inspection.require(
                    isQueued == members.contains(thread.deadlineNode.bits),
                    "a thread's deadline is lost")
                inspection.require(
                    isQueued || thread.pointee.scheduling.isPending,
                    "a thread's deadline is in no queue")
                inspection.require(
                    !isQueued || thread.isEnding
                        || thread.deadlineNode.pointee.instant <= thread.dueAt,
                    "a thread's deadline comes too late")
                inspection.require(
                    thread.state != .ready && thread.state != .running && thread.state != .stopped,
                    "a thread that does not wait has a deadline")
                inspection.require(
                    (thread.deadlineNode.pointee.level == DeadlineLevel.timeOut(thread.effective)
                        && thread.home == number) || thread.pointee.scheduling.isPending,
                    "a deadline is not as urgent as its thread, or on another core"
                )
            }
            for timer in inspection.timers {
                inspection.require(
                    inspection.isLive(timer.pointee.source.notification, .notification),
                    "timer: dead notification")
                if !timer.node.pointee.isQueued || Int(timer.node.pointee.home) != number {
                    continue
                }
                expected += 1
                inspection.require(
                    members.contains(timer.node.bits), "an armed timer is in no queue")
                inspection.require(
                    timer.node.pointee.instant == timer.pointee.deadline, "a timer has another key")
            }
            for budget in inspection.budgets
            where budget.node.pointee.isQueued && Int(budget.node.pointee.home) == number {
                expected += 1
                inspection.require(
                    members.contains(budget.node.bits), "a budget's deadline is in no queue")
            }
            inspection.require(
                nodes.count == expected, "\(nodes.count) deadlines queued, \(expected) wanted")
            if core.pointee.isStale || core.pointee.isPassing { return }
            let least = running.map { leastLevel(beside: $0) } ?? 0
            var earliest = core.pointee.sliceEnd
            if core.pointee.paying != nil { earliest = min(earliest, core.pointee.budgetEnd) }
            // What the fast paths may switch to without a look at the deadlines must miss none.
            let seen = max(0, core.pointee.ready.watch - Limits.priorities)
            for node in nodes where node.pointee.level >= min(least, UInt32(seen)) {
                earliest = min(earliest, node.pointee.instant)
            }
            inspection.require(
                core.pointee.armed <= earliest,
                "armed at \(core.pointee.armed.ticks), the earliest is \(earliest.ticks)")
            let turns = [core.pointee.sliceEnd, core.pointee.budgetEnd, .never]
            let all = turns + nodes.map { $0.pointee.instant }
            inspection.require(
                all.contains(core.pointee.armed),
                "armed at \(core.pointee.armed.ticks), where nothing is due")
        }

        /// Checks the bindings of interrupt lines.
        private func inspectLines(_ inspection: inout Inspection) {
            var listed: Set<UInt> = []
            for line in Set(inspection.interrupts.map { $0.pointee.line }) {
                var outstanding = 0
                var at = shared.pointee.lines[line].first
                while let interrupt = at, listed.insert(interrupt.bits).inserted {
                    inspection.require(
                        inspection.isLive(interrupt, .interrupt), "a dead interrupt on line \(line)"
                    )
                    inspection.require(
                        interrupt.pointee.line == line, "an interrupt on another's line")
                    inspection.require(
                        interrupt.pointee.isListed, "an unlisted interrupt on its line")
                    if interrupt.pointee.isOutstanding { outstanding += 1 }
                    at = interrupt.pointee.nextOnLine
                }
                inspection.require(at == nil, "the list of line \(line) has a cycle")
                let recorded = shared.pointee.lines[line].outstanding
                inspection.require(
                    recorded == outstanding || recorded == outstanding + 1,
                    "line \(line): outstanding is miscounted")
            }
            for interrupt in inspection.interrupts {
                inspection.require(
                    interrupt.pointee.isListed == listed.contains(interrupt.bits),
                    "an interrupt's listing is wrong")
                inspection.require(
                    interrupt.pointee.isListed || !interrupt.pointee.isOutstanding,
                    "unbound, but not acknowledged")
                inspection.require(
                    inspection.isLive(interrupt.pointee.source.notification, .notification),
                    "interrupt: dead notification")
            }
        }
    }

    extension Inspection {
        /// Adds an authority, which is part of the kernel's own state. Its first capability refers
        /// to it.
        fileprivate mutating func addAuthority(_ capability: Ref<Capability>) {
            if let object = capability.pointee.object { add(object) }
        }
    }
#endif
