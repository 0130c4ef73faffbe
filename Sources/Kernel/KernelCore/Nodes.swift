// Addresses of the parts of an object that queues and lists link to.

import HardwareInterface
import KernelABI

// Safety: each takes the address of a stored property of an object, which does not move.

extension Ref where Object == Thread {
    @inline(__always) var callerNode: Ref<WaitNode> {
        unsafe withUnsafeMutablePointer(to: &address.pointee.callerNode) {
            unsafe Ref<WaitNode>($0)
        }
    }
    @inline(__always) var waitNode: Ref<WaitNode> {
        unsafe withUnsafeMutablePointer(to: &address.pointee.waitNode) { unsafe Ref<WaitNode>($0) }
    }
    var budgetNode: Ref<WaitNode> {
        unsafe withUnsafeMutablePointer(to: &address.pointee.budgetNode) {
            unsafe Ref<WaitNode>($0)
        }
    }
    @inline(__always) var deadlineNode: Ref<DeadlineNode> {
        unsafe withUnsafeMutablePointer(to: &address.pointee.deadlineNode) {
            unsafe Ref<DeadlineNode>($0)
        }
    }
    @inline(__always) var tableSlot: Ref<Capability> {
        unsafe withUnsafeMutablePointer(to: &address.pointee.tableSlot) {
            unsafe Ref<Capability>($0)
        }
    }
    @inline(__always) var spaceSlot: Ref<Capability> {
        unsafe withUnsafeMutablePointer(to: &address.pointee.spaceSlot) {
            unsafe Ref<Capability>($0)
        }
    }
    @inline(__always) var bufferSlot: Ref<Capability> {
        unsafe withUnsafeMutablePointer(to: &address.pointee.bufferSlot) {
            unsafe Ref<Capability>($0)
        }
    }
    @inline(__always) var faultSlot: Ref<Capability> {
        unsafe withUnsafeMutablePointer(to: &address.pointee.faultSlot) {
            unsafe Ref<Capability>($0)
        }
    }

    /// Whether the parts that the assembly and the queues' nodes reach are at the expected offsets.
    var hasPartsInPlace: Bool {
        let base = unsafe withUnsafeMutablePointer(to: &address.pointee.translationBase) {
            UnsafeMutableRawPointer($0)
        }
        let zeros = unsafe withUnsafeMutablePointer(to: &address.pointee.zeros) {
            UnsafeMutableRawPointer($0)
        }
        let context = unsafe withUnsafeMutablePointer(to: &address.pointee.context) {
            UnsafeMutableRawPointer($0)
        }
        let nodes =
            unsafe callerNode.raw == raw + Ref<WaitNode>.callerOffset
            && waitNode.raw == raw + Ref<WaitNode>.waiterOffset
            && budgetNode.raw == raw + Ref<WaitNode>.memberOffset
        let links = unsafe withUnsafeMutablePointer(to: &address.pointee.deadlineNode.right) {
            UnsafeMutableRawPointer($0)
        }
        let isLinked = unsafe links == deadlineNode.raw + MemoryLayout<DeadlineLink>.stride
        return unsafe isLinked && base == raw + 40 && zeros == raw + 48 && context == contextAddress
            && nodes
    }

    /// Sets the owner and the place of the embedded parts, when the thread is made.
    func initializeParts() {
        deadlineNode.pointee.owner = header
        tableSlot.pointee.place = .threadTable
        spaceSlot.pointee.place = .threadSpace
        bufferSlot.pointee.place = .threadBuffer
        faultSlot.pointee.place = .threadFault
    }
}

extension Ref where Object == Endpoint {
    @inline(__always) var waiters: Ref<WaitQueue> {
        unsafe withUnsafeMutablePointer(to: &address.pointee.waiters) { unsafe Ref<WaitQueue>($0) }
    }
}

extension Ref where Object == Notification {
    @inline(__always) var waiters: Ref<WaitQueue> {
        unsafe withUnsafeMutablePointer(to: &address.pointee.waiters) { unsafe Ref<WaitQueue>($0) }
    }
}

extension Ref where Object == Reply {
    @inline(__always) var source: Ref<SignalSource> {
        unsafe withUnsafeMutablePointer(to: &address.pointee.source) {
            unsafe Ref<SignalSource>($0)
        }
    }
}

extension Ref where Object == Timer {
    @inline(__always) var node: Ref<DeadlineNode> {
        unsafe withUnsafeMutablePointer(to: &address.pointee.node) { unsafe Ref<DeadlineNode>($0) }
    }
    @inline(__always) var source: Ref<SignalSource> {
        unsafe withUnsafeMutablePointer(to: &address.pointee.source) {
            unsafe Ref<SignalSource>($0)
        }
    }
}

extension Ref where Object == Budget {
    @inline(__always) var node: Ref<DeadlineNode> {
        unsafe withUnsafeMutablePointer(to: &address.pointee.node) { unsafe Ref<DeadlineNode>($0) }
    }
    @inline(__always) var source: Ref<SignalSource> {
        unsafe withUnsafeMutablePointer(to: &address.pointee.source) {
            unsafe Ref<SignalSource>($0)
        }
    }
}

extension Ref where Object == Interrupt {
    @inline(__always) var source: Ref<SignalSource> {
        unsafe withUnsafeMutablePointer(to: &address.pointee.source) {
            unsafe Ref<SignalSource>($0)
        }
    }
}

extension Ref where Object == DeadlineNode {
    /// The timer that contains this node; nil if something else contains it.
    @inline(__always) var timer: Ref<Timer>? {
        guard let owner = pointee.owner, owner.pointee.kind == .timer else { return nil }
        return owner.rebound(to: Timer.self)
    }
}

extension Ref where Object == WaitNode {
    /// Bytes from a thread to its nodes. `hasPartsInPlace` checks them at boot.
    fileprivate static var callerOffset: Int { 408 }
    fileprivate static var waiterOffset: Int { 456 }
    fileprivate static var memberOffset: Int { 504 }

    /// The thread whose `callerNode` this is.
    ///
    /// - Precondition: the node is in a queue of callers.
    @inline(__always) var caller: Ref<Thread> {
        unsafe reference(raw - Ref.callerOffset, as: Thread.self)
    }
    /// The thread whose `waitNode` this is.
    ///
    /// - Precondition: the node is in the queue of an endpoint or a notification.
    @inline(__always) var waiter: Ref<Thread> {
        unsafe reference(raw - Ref.waiterOffset, as: Thread.self)
    }
    /// The thread whose `budgetNode` this is.
    ///
    /// - Precondition: the node is among the threads of a budget.
    var member: Ref<Thread> { unsafe reference(raw - Ref.memberOffset, as: Thread.self) }
}

extension Ref where Object == Capability {
    /// The thread control block that contains this slot.
    ///
    /// - Precondition: `place` is that of a part of a thread.
    var thread: Ref<Thread> {
        let offset: Int
        switch pointee.place {
        case .table, .mutexPage, .threadTable:
            offset = MemoryLayout<Thread>.size - 4 * MemoryLayout<Capability>.stride
        case .threadSpace: offset = MemoryLayout<Thread>.size - 3 * MemoryLayout<Capability>.stride
        case .threadBuffer: offset = MemoryLayout<Thread>.size - 2 * MemoryLayout<Capability>.stride
        case .threadFault: offset = MemoryLayout<Thread>.size - MemoryLayout<Capability>.stride
        }
        // Safety: the four slots are the last members of a thread; `isLayoutSound` checks them at
        // boot.
        return unsafe reference(raw - offset, as: Thread.self)
    }
}
