// Where the words stand that do not count in a state's hash.

import HardwareInterface
import KernelABI

@testable import KernelCore

extension Machine {
    func lineAddress(_ line: Int) -> UnsafeMutableRawPointer {
        withUnsafeMutablePointer(to: &kernel.pointee.shared.pointee.lines[line]) {
            UnsafeMutableRawPointer($0)
        }
    }

    /// The eight bytes among which a line's urgency stands, and those with its core.
    func urgencyAddress(_ line: Int) -> UnsafeMutableRawPointer {
        withUnsafeMutablePointer(to: &kernel.pointee.shared.pointee.lineUrgencies) {
            UnsafeMutableRawPointer($0) + line / 8 * 8
        }
    }
    func homeAddress(_ line: Int) -> UnsafeMutableRawPointer {
        withUnsafeMutablePointer(to: &kernel.pointee.shared.pointee.lineHomes) {
            UnsafeMutableRawPointer($0) + line / 8 * 8
        }
    }

    /// The pending updates.
    var updatesAddress: UnsafeMutableRawPointer {
        withUnsafeMutablePointer(to: &kernel.pointee.shared.pointee.updates) {
            UnsafeMutableRawPointer($0)
        }
    }

    /// Which numbers of deadlines are taken.
    var deadlineNumbers: (UnsafeMutableRawPointer, Int) {
        withUnsafeMutablePointer(to: &kernel.pointee.shared.pointee.deadlineNumbers) {
            (UnsafeMutableRawPointer($0), MemoryLayout<DeadlineNumbers>.size)
        }
    }

    /// The pool of the address spaces' numbers.
    var asidPool: Ref<ASIDPool> { object(RootSlot.asidPool.index) }

    /// The kernel's books, and the clock, from which the others count.
    var bookkeeping: [UnsafeRawPointer] {
        var words: [UnsafeRawPointer] = []
        withUnsafePointer(to: &board.pointee.now) { words.append(UnsafeRawPointer($0)) }
        for core in cores {
            // With one core the fast paths do not record the running thread.
            if cores.count == 1 {
                withUnsafePointer(to: &core.kernel.pointee.core.current) {
                    words.append(UnsafeRawPointer($0))
                }
            }
            withUnsafePointer(to: &core.kernel.pointee.core.statistics) {
                for index in 0..<MemoryLayout<Statistics>.size / 8 {
                    words.append(UnsafeRawPointer($0) + 8 * index)
                }
            }
        }
        return words
    }
}

extension System {
    /// The books about each thread, budget and interrupt.
    var bookkeeping: [UnsafeRawPointer] {
        var words: [UnsafeRawPointer] = []
        for thread in threads {
            withUnsafePointer(to: &thread.ref.address.pointee.processorTime) {
                words.append(UnsafeRawPointer($0))
            }
            withUnsafePointer(to: &thread.ref.address.pointee.switches) {
                words.append(UnsafeRawPointer($0))
            }
        }
        for budget in budgetRefs {
            withUnsafePointer(to: &budget.address.pointee.used) {
                words.append(UnsafeRawPointer($0))
            }
            withUnsafePointer(to: &budget.address.pointee.overruns) {
                words.append(UnsafeRawPointer($0))
            }
        }
        if plan.hasInterrupts {
            let interrupt: Ref<Interrupt> = machine.object(interrupt)
            withUnsafePointer(to: &interrupt.address.pointee.count) {
                words.append(UnsafeRawPointer($0))
            }
        }
        return words
    }

    /// Words that have no meaning at times: the keys of nodes in no queue, the urgency of a
    /// finished update, the arguments of a call that the kernel has taken over, since when a core
    /// charges no budget, and pieces of a budget that are back.
    var temporaryAddresses: [UnsafeRawPointer] {
        var addresses: [UnsafeRawPointer] = []
        for thread in threads.map({ $0.ref }) {
            for node in [thread.callerNode, thread.waitNode, thread.budgetNode] {
                withUnsafePointer(to: &node.address.pointee.key) {
                    addresses.append(UnsafeRawPointer($0))
                }
            }
            withUnsafePointer(to: &thread.address.pointee.pendingUrgency) {
                addresses.append(UnsafeRawPointer($0))
            }
            withUnsafePointer(to: &thread.address.pointee.sendControl) {
                addresses.append(UnsafeRawPointer($0))
            }
            withUnsafePointer(to: &thread.address.pointee.sendBadge) {
                addresses.append(UnsafeRawPointer($0))
            }
            for register in 0...10 {
                addresses.append(UnsafeRawPointer(thread.registers + register))
            }
        }
        for node in deadlineNodes {
            withUnsafePointer(to: &node.address.pointee.instant) {
                addresses.append(UnsafeRawPointer($0))
            }
            withUnsafePointer(to: &node.address.pointee.place) {
                addresses.append(UnsafeRawPointer($0))
            }
        }
        for core in machine.cores {
            withUnsafePointer(to: &core.kernel.pointee.core.lastSwitch) {
                addresses.append(UnsafeRawPointer($0))
            }
            withUnsafePointer(to: &core.kernel.pointee.core.budgetEnd) {
                addresses.append(UnsafeRawPointer($0))
            }
        }
        for budget in budgetRefs {
            withUnsafePointer(to: &budget.address.pointee.returns) {
                for word in [0, 1, 2, 3, 4, 5, 6, 7, 9] {
                    addresses.append(UnsafeRawPointer($0) + 8 * word)
                }
            }
        }
        return addresses
    }
    /// Whether each of these places means something now.
    var areMeant: [Bool] {
        var meant: [Bool] = []
        for thread in threads.map({ $0.ref }) {
            let waitsReady =
                thread.pointee.endpoint.map { $0.pointee.readyServer == thread } ?? false
            let waits = thread.pointee.endpoint != nil && !waitsReady
            meant.append(thread.pointee.blockedOn.map { $0.pointee.soleCaller != thread } ?? false)
            meant.append(waits || thread.pointee.notification != nil)
            meant.append(thread.pointee.isDemoted)
            meant.append(thread.pointee.scheduling.isPending)
            let state = thread.state
            let isSending = state == .calling || state == .sending
            let hasMessage = isSending || state == .faulted
            meant += [hasMessage, hasMessage]
            let isTaken =
                [.awaitingReply, .waiting, .receiving].contains(state) && !thread.isEnding
            let first = isSending ? 3 : isTaken ? 11 : 0
            let hasDeadline = thread.pointee.scheduling.hasDeadline
            for register in 0...10 {
                meant.append(register >= first || (register == 2 && hasDeadline))
            }
        }
        for node in deadlineNodes {
            meant += [node.pointee.isQueued, node.pointee.isQueued]
        }
        for core in machine.cores {
            let isCharged = core.kernel.pointee.core.paying != nil
            meant += [isCharged, isCharged]
        }
        for budget in budgetRefs {
            // The pieces that come back, two words each; then their number, which always counts,
            // and where the last one ended.
            let count = budget.pointee.returns.all.count
            for word in 0..<8 { meant.append(word / 2 < count) }
            meant.append(count > 0)
        }
        return meant
    }
    /// The deadlines of all threads, the timer's, and those of the budgets.
    var deadlineNodes: [Ref<DeadlineNode>] {
        let timers: [Ref<Timer>] =
            plan.timerNotification == nil ? [] : [machine.object(timer)]
        return threads.map { $0.ref.deadlineNode } + timers.map { $0.node }
            + budgetRefs.map { $0.node }
    }
}
