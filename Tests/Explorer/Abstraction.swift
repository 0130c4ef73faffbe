// What a state means, without its representation: queues are sequences of threads wherever the
// threads stand, and dead fields do not count. The fast and the general path must lead to the same.

import HardwareInterface
import KernelABI

@testable import KernelCore

/// The meaning of a state as a list of values.
struct Abstraction {
    private(set) var values: [UInt64] = []
    private(set) var names: [String] = []
    private let isNamed: Bool
    private let system: System

    /// - Parameter isNamed: also say what each value is.
    init(_ system: System, isNamed: Bool = false) {
        self.system = system
        self.isNamed = isNamed
        values.reserveCapacity(160)
        addCore()
        for index in system.threads.indices { addThread(index) }
        addObjects()
        addHardware()
    }

    private mutating func add(_ value: UInt64, _ name: @autoclosure () -> String) {
        values.append(value)
        if isNamed { names.append(name()) }
    }
    private func number(_ thread: Ref<KernelThread>?) -> UInt64 {
        system.index(thread).map { UInt64($0) } ?? ~0
    }
    private mutating func add(_ threads: [Ref<KernelThread>], _ name: @autoclosure () -> String) {
        var packed: UInt64 = 0
        for thread in threads { packed = packed << 4 | (number(thread) + 1) }
        add(packed, name())
    }
    /// The threads of a queue, most urgent first, oldest first among equals.
    private func sequence(
        _ queue: borrowing WaitQueue, _ thread: (Ref<WaitNode>) -> Ref<KernelThread>
    ) -> [Ref<KernelThread>] {
        guard let root = queue.root else { return [queue.first].compactMap { $0.map(thread) } }
        let rings = nodes(root).sorted { $0.pointee.key > $1.pointee.key }
        return rings.flatMap { ring($0) }.map(thread)
    }
    private func nodes(_ root: Ref<WaitNode>?) -> [Ref<WaitNode>] {
        guard let root else { return [] }
        return nodes(root.pointee.left) + [root] + nodes(root.pointee.right)
    }
    private func ring(_ first: Ref<WaitNode>) -> [Ref<WaitNode>] {
        var ring = [first]
        while let next = ring[ring.count - 1].pointee.next, next != first { ring.append(next) }
        return ring
    }
    private func circles(_ lists: borrowing PriorityLists) -> [Ref<KernelThread>] {
        var threads: [Ref<KernelThread>] = []
        for priority in (0..<Priorities.count).reversed() {
            guard let head = lists.heads.pointee.first[priority] else { continue }
            var at = head
            repeat {
                threads.append(at)
                at = at.pointee.nextReady ?? head
            } while at != head
        }
        return threads
    }

    private mutating func addCore() {
        let kernel = system.machine.kernel
        add(number(system.machine.running), "the running thread")
        let front = [kernel.pointee.core.ready.front, kernel.pointee.core.ready.behind]
        add(
            front.compactMap { $0 } + circles(kernel.pointee.core.ready.threads), "the ready queue")
        add(circles(kernel.pointee.shared.pointee.updates), "the pending updates")
        for (number, node) in system.deadlineNodes.enumerated() where node.pointee.isQueued {
            add(node.pointee.instant.ticks, "deadline \(number)")
            add(UInt64(node.pointee.level), "the level of deadline \(number)")
        }
        add(system.timerState?.hasSignalled == true ? 1 : 0, "has the timer signalled")
        add(kernel.pointee.core.sliceEnd.ticks, "the slice's end")
        add(kernel.pointee.core.isUpdatesTurn ? 1 : 0, "is it the updates' turn")
        add(
            system.isGuardedEnough ? 1 : 0,
            "do the running thread's calls look at more where they must")
    }

    private mutating func addThread(_ index: Int) {
        let thread = system.threads[index].ref
        let name = "t\(index)'s"
        // A thread that a fast path preempts may stay guarded, which only keeps it off other
        // fast paths.
        let word = thread.pointee.scheduling.raw & ~SchedulingWord.guardedBit
        add(UInt64(word), "\(name) scheduling word")
        add(UInt64(thread.pointee.base), "\(name) base priority")
        add(UInt64(thread.pointee.ownBase), "\(name) base priority without its budget")
        add(place(thread.pointee.budget, system.budgetRefs), "\(name) budget")
        add(number(thread.pointee.payer), "the payer of \(name) time")
        add(number(thread.pointee.passedPayer), "the payer that \(name) server knows")
        add(thread.pointee.isDemoted ? 1 : 0, "is \(name) budget used up")
        add(number(thread.pointee.blockedOn), "\(name) server")
        let callers =
            [thread.pointee.soleCaller].compactMap { $0 }
            + sequence(thread.pointee.callers) { $0.caller }
        add(callers, "\(name) callers")
        add(place(thread.pointee.endpoint, system.endpointRefs), "\(name) endpoint")
        add(place(thread.pointee.reply, system.replyRefs), "\(name) reply")
        add(place(thread.pointee.notification, system.notificationRefs), "\(name) notification")
        if thread.pointee.scheduling.isPending {
            add(UInt64(thread.pointee.pendingUrgency), "what \(name) update carries")
            add(UInt64(thread.waitNode.pointee.key), "\(name) priority where it waits")
            add(UInt64(thread.callerNode.pointee.key), "\(name) priority as its server knows it")
            add(thread.isEnding ? thread.registers[0] : 0, "\(name) result")
        }
        add(thread.pointee.slice, "\(name) slice")
        add(thread.pointee.sliceRest, "\(name) rest of its slice")
        add(thread.pointee.scheduling.isLending ? thread.pointee.loanLength : 0, "\(name) loan")
        add(thread.pointee.scheduling.hasDeadline ? thread.dueAt.ticks : 0, "\(name) deadline")
        let state = thread.state
        if state == .running || state == .ready || state == .stopped {
            add(thread.pointee.context.programCounter, "\(name) program counter")
            for register in 0...10 { add(thread.registers[register], "\(name) x\(register)") }
        } else if state == .calling || state == .sending {
            add(thread.pointee.sendBadge, "\(name) badge")
            add(thread.pointee.sendControl, "\(name) control word")
            for register in 3...10 { add(thread.registers[register], "\(name) x\(register)") }
        }
        if let buffer = thread.pointee.buffer {
            for word in 8..<16 { add(buffer.pointee.words[word], "\(name) buffer word \(word)") }
            add(
                buffer.pointee.words[(IPCBuffer.floatingPoint + HardwareState.registerOffset) / 8],
                "\(name) saved floating-point register")
        }
    }

    private func place<Object: ~Copyable>(_ object: Ref<Object>?, _ list: [Ref<Object>]) -> UInt64 {
        object.flatMap { list.firstIndex(of: $0) }.map { UInt64($0) } ?? ~0
    }

    private mutating func addObjects() {
        for (index, endpoint) in system.endpointRefs.enumerated() {
            let ready = [endpoint.pointee.readyServer].compactMap { $0 }
            add(ready + sequence(endpoint.pointee.waiters) { $0.waiter }, "e\(index)'s waiters")
            add(endpoint.pointee.isClosed ? 1 : 0, "is e\(index) closed")
            add(number(endpoint.pointee.server), "e\(index)'s server")
        }
        for (index, reply) in system.replyRefs.enumerated() {
            add(number(reply.pointee.caller), "r\(index)'s caller")
            add(number(reply.pointee.holder), "r\(index)'s holder")
        }
        for (index, notification) in system.notificationRefs.enumerated() {
            add(notification.pointee.bits, "n\(index)'s bits")
            add(sequence(notification.pointee.waiters) { $0.waiter }, "n\(index)'s waiters")
        }
        for (index, budget) in system.budgetRefs.enumerated() { addBudget(index, budget) }
        add(system.timerState?.deadline ?? ~0, "the timer's deadline")
        add(system.isOutstanding ? 1 : 0, "is the interrupt outstanding")
    }

    /// What is left of a budget counts with the time that is not charged yet.
    private mutating func addBudget(_ index: Int, _ budget: Ref<Budget>) {
        let now = system.machine.now
        let isCharged = system.machine.kernel.pointee.core.paying == budget
        let used = isCharged ? now - system.machine.kernel.pointee.core.lastSwitch : 0
        add(isCharged ? 1 : 0, "is b\(index) charged")
        add(UInt64(bitPattern: budget.left(at: now)) &- used, "what is left of b\(index)")
        add(budget.pointee.overruns, "the overruns of b\(index)")
    }

    private mutating func addHardware() {
        let hardware = system.machine.hardware.pointee
        // A fast path leaves the timer as it is: it may interrupt a more urgent thread once, in
        // vain, but never too late.
        add(hardware.deadline <= system.latestInterrupt ? 1 : 0, "does the timer interrupt in time")
        add(hardware.raised, "raised lines")
        add(system.machine.board.pointee.quiet, "quiet lines")
        add(hardware.translationBase, "the address space")
        add(hardware.isFloatingPointEnabled ? 1 : 0, "is floating point enabled")
        add(hardware.floatingPointRegister, "the floating-point register")
    }
}

extension System {
    /// Where a slice runs, or an update is as urgent as the running thread, its calls take the
    /// general path.
    var isGuardedEnough: Bool {
        guard let running = machine.running, !running.pointee.scheduling.isGuarded else {
            return true
        }
        if machine.kernel.pointee.core.sliceEnd != .never { return false }
        return !threads.contains {
            $0.ref.pointee.scheduling.isPending
                && $0.ref.pointee.pendingUrgency == running.effective
        }
    }

    /// The instant at which the timer must interrupt the acting core: for the end of a slice or a
    /// budget, or a deadline that is urgent enough.
    var latestInterrupt: UInt64 {
        let kernel = machine.kernel
        let least = machine.running.map { kernel.pointee.leastLevel(beside: $0) } ?? 0
        var instant = kernel.pointee.core.sliceEnd.ticks
        if kernel.pointee.core.paying != nil {
            instant = min(instant, kernel.pointee.core.budgetEnd.ticks)
        }
        for node in deadlineNodes where node.pointee.isQueued && node.pointee.level >= least {
            let isHere = Int(node.pointee.home) == machine.acting
            guard isHere, let deadline = deadline(of: node) else { continue }
            instant = min(instant, deadline)
        }
        return instant
    }

    /// When a queued deadline is due; nil if it is stale, or of a wait that has ended.
    private func deadline(of node: Ref<DeadlineNode>) -> UInt64? {
        if node.timer != nil || budgetRefs.contains(where: { $0.node == node }) {
            return node.pointee.instant.ticks
        }
        return threads.first { $0.ref.deadlineNode == node }.flatMap {
            $0.ref.pointee.scheduling.hasDeadline && !$0.ref.isEnding ? $0.ref.dueAt.ticks : nil
        }
    }
}
