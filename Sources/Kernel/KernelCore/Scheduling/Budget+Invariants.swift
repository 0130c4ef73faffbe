// The invariants of budgets: what is left, who is demoted, and who pays.

#if !hasFeature(Embedded)
    import HardwareInterface
    import KernelABI

    extension Kernel where H: ~Copyable {
        /// Checks the budgets, and on each core what is charged to which.
        func inspectBudgets(_ running: [Ref<Thread>?], _ inspection: inout Inspection) {
            for budget in inspection.budgets { inspect(budget, &inspection) }
            for thread in inspection.threads { inspectPayer(thread, &inspection) }
            for core in cores where !core.pointee.isStale && !core.pointee.isPassing {
                inspection.require(
                    inspection.isLive(core.pointee.paying, .budget), "a dead budget is charged")
                let running = running[Int(core.pointee.number)]
                let payer = running?.pointee.payer
                inspection.require(
                    core.pointee.paying == payer?.pointee.budget, "another budget is charged")
                guard let running, let budget = core.pointee.paying else { continue }
                inspection.require(
                    running.pointee.scheduling.isGuarded, "a thread is charged, and not guarded")
                inspection.require(payer?.pointee.isDemoted == false, "a demoted thread pays")
                let end = core.pointee.lastSwitch + UInt64(max(budget.pointee.left, 0))
                inspection.require(
                    cores.count > 1 || core.pointee.armed.ticks <= end,
                    "a budget ends at \(end), and nothing is armed")
            }
        }

        private func inspect(_ budget: Ref<Budget>, _ inspection: inout Inspection) {
            let total =
                budget.pointee.left + Int64(budget.pointee.returns.all.reduce(0) { $0 + $1.ticks })
            inspection.require(
                total == Int64(budget.pointee.limit),
                "\(total) ticks of a budget of \(budget.pointee.limit)")
            let instants = budget.pointee.returns.all.map(\.instant)
            inspection.require(
                cores.count > 1 || instants == instants.sorted(), "pieces come back out of order")
            let members = inspection.inspectMembers(of: budget)
            let demoted = inspection.inspect(budget.pointee.demoted, "demoted threads")
            let sharers = inspection.threads.filter { $0.pointee.budget == budget }
            inspection.require(
                Set(sharers.filter { !$0.pointee.isDemoted }.map(\.bits))
                    == Set(members.map(\.member.bits)),
                "other threads share a budget than it knows")
            inspection.require(
                Set(sharers.filter { $0.pointee.isDemoted }.map(\.bits))
                    == Set(demoted.map(\.member.bits)),
                "other threads are demoted than the budget knows")
            for node in demoted {
                inspection.require(
                    node.pointee.key == node.member.pointee.ownBase,
                    "a thread stands elsewhere among those of its budget")
            }
            if let first = demoted.first {
                inspection.require(
                    budget.node.pointee.isQueued
                        && budget.node.pointee.level >= DeadlineLevel.timer(first.pointee.key),
                    "a demoted thread never comes back, or late")
            }
            inspection.require(
                inspection.isLive(budget.pointee.source.notification, .notification),
                "budget: dead notification")
        }

        /// Whether an update is pending in the chain from which the thread's urgency comes.
        private func isChanging(_ thread: Ref<Thread>) -> Bool {
            guard let caller = thread.firstCaller else { return false }
            return caller.pointee.scheduling.isPending || isChanging(caller)
        }

        private func inspectPayer(_ thread: Ref<Thread>, _ inspection: inout Inspection) {
            let name = "thread \(inspection.name(thread))"
            let budget = thread.pointee.budget
            inspection.require(inspection.isLive(budget, .budget), "\(name): a dead budget")
            let own = thread.pointee.ownBase
            let background = budget?.pointee.background ?? 0
            inspection.require(
                thread.pointee.isDemoted
                    ? budget != nil && thread.pointee.base <= own : thread.pointee.base == own,
                "\(name): base \(thread.pointee.base) of \(own) beside \(background)")
            if thread.pointee.scheduling.isPending { return }
            var priority = thread.pointee.base
            var payer = budget != nil && !thread.pointee.isDemoted ? thread : nil
            if let sole = thread.pointee.soleCaller {
                inspection.require(
                    budget == nil && sole.pointee.payer == nil, "\(name): limited by a fast path")
            } else if let first = thread.pointee.callers.first, first.pointee.key > priority {
                priority = first.pointee.key
                payer = first.caller.pointee.passedPayer
            }
            inspection.require(thread.pointee.payer == payer, "\(name): another payer")
            inspection.require(
                thread.pointee.passedPayer == payer, "\(name): its server knows another payer")
            inspection.require(
                inspection.isLive(payer, .thread) || isChanging(thread), "\(name): a dead payer")
            inspection.require(
                thread.pointee.scheduling.isLimited == (payer != nil || budget != nil),
                "\(name): the limited bit is wrong")
        }
    }

    extension Inspection {
        /// Checks the list of a budget's threads that are not demoted.
        fileprivate mutating func inspectMembers(of budget: Ref<Budget>) -> [Ref<WaitNode>] {
            var nodes: [Ref<WaitNode>] = []
            var at = budget.pointee.members
            while let node = at {
                require(queued.insert(node.bits).inserted, "a node is in two queues")
                require(
                    isLive(node.member, .thread) && node.pointee.previous == nodes.last,
                    "a wrong member of a budget")
                nodes.append(node)
                at = nodes.count > threads.count ? nil : node.pointee.next
            }
            return nodes
        }
    }
#endif
