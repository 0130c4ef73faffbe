// A small system to explore: its threads and objects, and what each thread may do.

import HardwareInterface
import KernelABI

@testable import KernelCore

/// The parts of a system.
struct Plan {
    struct ThreadPlan {
        var base: UInt64
        var slice: UInt64 = 0
        /// Its home core.
        var core = 0
        var actions: [Action]
    }
    /// A second capability to an endpoint or a notification: badge and rights.
    struct CopyPlan {
        var source: Int
        var rights: Rights
        var badge: UInt64
    }
    /// A budget, in ticks, and who shares it at first.
    struct BudgetPlan {
        var limit: UInt64
        var period: UInt64
        var background: UInt64 = 1
        var threads: [Int]
        /// The notification that its overruns signal.
        var overrunNotification: Int?
    }
    var name: String
    var cores = 1
    var threads: [ThreadPlan]
    /// Calls with which threads of two cores have begun to wait before the first state.
    var prelude: [(thread: Int, action: Action)] = []
    /// For each endpoint the thread that is bound to it as its server.
    var endpoints: [Int?]
    /// Further capabilities to endpoints and notifications. Their numbers follow those of the
    /// objects.
    var endpointCopies: [CopyPlan] = []
    var notificationCopies: [CopyPlan] = []
    var replies = 0
    var notifications = 0
    /// Which notification is bound to which thread.
    var boundNotification: (notification: Int, thread: Int)?
    /// The notification that the interrupt line, and the timer, signal.
    var interruptNotification: Int?
    var timerNotification: Int?
    /// The notification that learns of abandoned calls.
    var abandonmentNotification: Int?
    /// The endpoint that handles the threads' faults.
    var faultEndpoint: Int?
    /// The mutexes of a set, whose participants are all threads in their order.
    var mutexes = 0
    var hasBuffers = false
    /// Whether slots of capabilities change.
    var deletesReplies = false
    var budgets: [BudgetPlan] = []
    /// The thread that may be destroyed: its memory is its own.
    var mortal: Int?
    /// The same of a budget.
    var mortalBudget: Int?
    /// Whether there is an address space that may be destroyed.
    var hasSpace = false
    /// Whether the line interrupts, at any time and at each look of the kernel.
    var hasInterrupts: Bool { interruptNotification != nil }
    /// Whether time passes at each look of the kernel, too.
    var hasTicksInside = false
    /// Whether an inter-processor interrupt arrives at each look of the kernel, too.
    var hasRequestsInside = false
    /// Whether at each look of the kernel another core comes to wait for the lock.
    var hasRivals = false
}

/// A plan made real, ready for its first step.
final class System {
    struct ThreadPlace {
        let slot: UInt32
        let ref: Ref<KernelThread>
    }
    let plan: Plan
    let machine: Machine
    private(set) var threads: [ThreadPlace] = []
    private(set) var endpoints: [UInt32] = []
    private(set) var replies: [UInt32] = []
    private(set) var notifications: [UInt32] = []
    private(set) var buffers: [UInt32] = []
    private(set) var budgets: [UInt32] = []
    private(set) var timer: UInt32 = 0
    private(set) var mutexSet: UInt32 = 0
    /// The frame with the words of the mutexes.
    private(set) var mutexFrame: UInt32 = 0
    /// The memory of what may be destroyed: a thread, a budget or an address space.
    let arena: UInt32
    private(set) var space: UInt32 = 0
    private(set) var spaceBase: UInt64 = 0
    /// For each thread the control words of its calls, also of those that an answer has shortened.
    private(set) lazy var calls = plan.threads.indices.map { index in
        Set(
            plan.threads[index].actions.compactMap { arguments($0, of: index)?[0] }.flatMap {
                let word = ControlWord(raw: $0)
                let rest = ControlWord(.receive, word.slot, timed: word.isTimed)
                return word.systemCall == .replyAndReceive ? [$0, rest.raw] : [$0]
            })
    }
    private(set) var interrupt: UInt32 = 0
    let endpointRefs: [Ref<Endpoint>]
    let replyRefs: [Ref<Reply>]
    let notificationRefs: [Ref<KernelCore.Notification>]
    let budgetRefs: [Ref<Budget>]

    init(_ plan: Plan) {
        self.plan = plan
        let machine = Machine(cores: plan.cores)
        self.machine = machine
        let hasArena = plan.mortal != nil || plan.mortalBudget != nil || plan.hasSpace
        let arena = hasArena ? machine.make(.untyped, sizeBits: plan.hasSpace ? 14 : 12) : 0
        self.arena = arena
        threads = plan.threads.indices.map { index in
            let slot = machine.make(
                .thread, from: index == plan.mortal ? arena : Machine.untyped)
            return ThreadPlace(slot: slot, ref: machine.object(slot))
        }
        endpoints = plan.endpoints.map { _ in machine.make(.endpoint) }
        replies = (0..<plan.replies).map { _ in machine.make(.reply) }
        notifications = (0..<plan.notifications).map { _ in machine.make(.notification) }
        budgets = plan.budgets.indices.map {
            machine.make(.budget, from: $0 == plan.mortalBudget ? arena : Machine.untyped)
        }
        endpointRefs = endpoints.map { machine.object($0) }
        replyRefs = replies.map { machine.object($0) }
        notificationRefs = notifications.map { machine.object($0) }
        budgetRefs = budgets.map { machine.object($0) }
        if plan.hasBuffers {
            buffers = plan.threads.map { _ in machine.make(.frame, sizeBits: 12) }
        }
        for (index, server) in plan.endpoints.enumerated() {
            if let server {
                machine.perform(.bindServer, endpoints[index], UInt64(threads[server].slot))
            }
        }
        if plan.hasSpace {
            space = machine.make(.addressSpace, from: arena)
            let object: Ref<AddressSpace> = machine.object(space)
            spaceBase = object.pointee.translationBase
        }
        endpoints += plan.endpointCopies.map { copy(endpoints[$0.source], $0) }
        notifications += plan.notificationCopies.map { copy(notifications[$0.source], $0) }
        connectSources()
        if plan.mutexes > 0 { makeMutexes() }
        for (index, thread) in plan.threads.enumerated() { configure(index, thread) }
        numberDeadlines()
        for (index, budget) in plan.budgets.enumerated() { share(index, budget) }
        for (thread, action) in plan.prelude { begin(thread, with: action) }
        for index in threads.indices where threads[index].ref.state == .stopped {
            machine.perform(.setCore, threads[index].slot, UInt64(plan.threads[index].core))
            machine.perform(.resume, threads[index].slot)
        }
        machine.stopRoot()
        endStep()
    }

    /// Lets a thread make a call on the second core, while the root task runs on the first one.
    private func begin(_ index: Int, with action: Action) {
        machine.perform(.setCore, threads[index].slot, 1)
        machine.perform(.resume, threads[index].slot)
        machine.turn(to: 1)
        machine.takeRequest()
        precondition(runningIndex == index, "t\(index) does not run")
        perform(action, fast: true)
        precondition(runningIndex == nil, "t\(index) does not wait")
        machine.turn(to: 0)
        machine.perform(.setCore, threads[index].slot, UInt64(plan.threads[index].core))
        machine.settle()
    }

    /// User code has taken its results, and its registers hold nothing that counts.
    func endStep() {
        machine.hardware.pointee.endStep()
        guard let running = machine.running, !running.isRestarting,
            !machine.kernel.pointee.core.isYielding
        else { return }
        machine.setArguments(running, [])
    }

    private func copy(_ slot: UInt32, _ plan: Plan.CopyPlan) -> UInt32 {
        let target = machine.allocateSlot()
        machine.perform(
            .mint, Slot.ownTable.index, UInt64(slot), machine.own, UInt64(target),
            UInt64(plan.rights.raw),
            Placement.child.rawValue, plan.badge)
        return target
    }

    private func connectSources() {
        if let bound = plan.boundNotification {
            machine.perform(
                .bindNotification, threads[bound.thread].slot,
                UInt64(notifications[bound.notification]))
        }
        if let number = plan.interruptNotification {
            interrupt = machine.allocateSlot()
            machine.perform(
                .createInterrupt, RootSlot.interruptControl.index, UInt64(Lines.first),
                Trigger.level.rawValue,
                UInt64(Machine.untyped), machine.own, UInt64(interrupt))
            machine.perform(
                .bindInterrupt, interrupt, UInt64(notifications[number]), Token.interruptBit)
        }
        if let number = plan.timerNotification {
            timer = machine.make(.timer)
            machine.perform(.bindTimer, timer, UInt64(notifications[number]), Token.timerBit)
        }
        if let number = plan.abandonmentNotification {
            for reply in replies {
                machine.perform(
                    .bindAbandonment, reply, UInt64(notifications[number]), Token.abandonmentBit)
            }
        }
    }

    private func makeMutexes() {
        mutexSet = machine.make(.mutexSet, sizeBits: 2)
        mutexFrame = machine.make(.frame, sizeBits: 12)
        machine.perform(.bindPage, mutexSet, UInt64(mutexFrame))
        for (number, thread) in threads.enumerated() {
            machine.perform(.join, mutexSet, UInt64(number), UInt64(thread.slot))
        }
    }

    /// Numbers all deadlines now, so that states do not differ by the order of numbering.
    private func numberDeadlines() {
        for node in deadlineNodes {
            let isNumbered = machine.kernel.pointee.number(node, maximum: 63)
            precondition(isNumbered)
        }
    }

    private func configure(_ index: Int, _ thread: Plan.ThreadPlan) {
        let slot = threads[index].slot
        machine.perform(
            .configure, slot, UInt64(RootSlot.table.index), UInt64(RootSlot.addressSpace.index),
            plan.hasBuffers ? UInt64(buffers[index]) : machine.none,
            plan.faultEndpoint.map { UInt64(endpoints[$0]) } ?? machine.none)
        machine.perform(.setPriority, slot, thread.base, 63)
        machine.perform(.setEntry, slot, 0x2000)
        if thread.slice != 0 { machine.perform(.setSlice, slot, thread.slice) }
    }

    private func share(_ index: Int, _ budget: Plan.BudgetPlan) {
        let slot = UInt64(budgets[index])
        machine.perform(
            .setBudget, RootSlot.systemControl.index, slot, budget.limit, budget.period,
            budget.background)
        for thread in budget.threads { machine.perform(.bindBudget, threads[thread].slot, slot) }
        if let number = budget.overrunNotification {
            machine.perform(
                .bindOverrun, budgets[index], UInt64(notifications[number]), Token.overrunBit)
        }
    }

    /// The place in the list of the acting core's running thread; nil while the core is idle.
    var runningIndex: Int? { index(machine.running) }
    func index(_ thread: Ref<KernelThread>?) -> Int? {
        guard let thread else { return nil }
        return threads.firstIndex { $0.ref == thread }
    }

    /// The set-up that a regression test follows: objects as comments, then calls.
    var setUp: String {
        let calls = plan.prelude.map { words($0.action, of: $0.thread) }
        return (objects + calls + ["// from here on:"]).joined(separator: "\n")
    }
    private var objects: [String] {
        var lines: [String] = []
        for (index, thread) in plan.threads.enumerated() {
            let slice = thread.slice == 0 ? "" : ", slice \(thread.slice)"
            let memory = index == plan.mortal ? ", from: arena" : ""
            let core = plan.cores == 1 ? "" : ", on core \(thread.core)"
            let maker = "s.makeThread(priority: \(thread.base)\(memory))"
            lines.append("// t\(index): \(maker)\(slice)\(core), started")
        }
        for (index, server) in plan.endpoints.enumerated() {
            lines.append("// e\(index): endpoint" + (server.map { ", server t\($0)" } ?? ""))
        }
        if plan.mutexes > 0 {
            let members = threads.indices.map { "t\($0)" }.joined(separator: ", ")
            lines.append("// let m = TestMutexes(s); m.join(\(members))")
        }
        if plan.hasSpace { lines.append("// space: address space, from: arena") }
        for (index, copy) in plan.endpointCopies.enumerated() {
            lines.append("// e\(index + plan.endpoints.count): \(words(copy, "e"))")
        }
        for (index, budget) in plan.budgets.enumerated() {
            let memory = index == plan.mortalBudget ? ", from: arena" : ""
            let sharers = budget.threads.map { "t\($0)" }.joined(separator: ", ")
            lines.append(
                "// b\(index): s.makeBudget(\(budget.limit), of: \(budget.period), background: "
                    + "\(budget.background))\(memory), shared by \(sharers)")
        }
        for index in 0..<plan.replies { lines.append("// r\(index): reply") }
        for index in 0..<plan.notifications {
            var line = "// n\(index): notification"
            if let bound = plan.boundNotification, bound.notification == index {
                line += ", bound to t\(bound.thread)"
            }
            if plan.interruptNotification == index { line += ", signalled by line \(Lines.first)" }
            if plan.timerNotification == index { line += ", signalled by timer" }
            for (number, budget) in plan.budgets.enumerated()
            where budget.overrunNotification == index {
                line += ", signalled by overruns of b\(number)"
            }
            lines.append(line)
        }
        for (index, copy) in plan.notificationCopies.enumerated() {
            lines.append("// n\(index + plan.notifications): \(words(copy, "n"))")
        }
        return lines
    }
    private func words(_ copy: Plan.CopyPlan, _ kind: String) -> String {
        let rights = "Rights(raw: \(copy.rights.raw))"
        return "s.copy(\(kind)\(copy.source), rights: \(rights), badge: \(copy.badge))"
    }
}
