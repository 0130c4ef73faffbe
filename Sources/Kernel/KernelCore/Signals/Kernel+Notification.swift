// Notifications: threads, interrupts and timers set bits; a waiter takes them.

import HardwareInterface
import KernelABI

extension Kernel where H: ~Copyable {
    /// Sets bits, and wakes the bound thread if it is receiving, else the most urgent waiter.
    ///
    /// - Complexity: constant.
    @inline(never) mutating func signal(_ notification: Ref<Notification>, _ bits: UInt64) {
        if notification.pointee.bits | bits == 0 { return }
        if let thread = notification.boundReceiver {
            leaveReceive(thread)
            wake(thread, notification, bits)
        } else if let node = notification.pointee.waiters.first {
            let thread = node.waiter
            notification.pointee.waiters.remove(node)
            thread.pointee.notification = nil
            wake(thread, notification, bits)
        } else {
            notification.pointee.bits |= bits
            notification.pointee.boundThread?.pointee.scheduling.isSignalled =
                notification.pointee.bits != 0
        }
    }

    /// Sets bits as `signal` does, but leaves it to a step of an update to wake the thread: for
    /// paths that are long without it.
    ///
    /// - Complexity: constant.
    @inline(never) mutating func post(_ notification: Ref<Notification>, _ bits: UInt64) {
        notification.pointee.bits |= bits
        notification.pointee.boundThread?.pointee.scheduling.isSignalled = true
        let receiver = notification.boundReceiver
        if let endpoint = receiver?.pointee.endpoint { queueReadyServer(endpoint) }
        if let waiter = notification.pointee.waiters.first?.waiter {
            // The receiver may take a message before the step.
            queueUpdate(waiter, urgency: max(waiter.effective, receiver?.effective ?? 0))
        } else if let receiver {
            queueUpdate(receiver)
        }
    }

    /// Takes a thread out of the queue of a notification where it waits. Bits that `post` has left
    /// are for the next one, or for the bound thread.
    @inline(never) mutating func leaveQueue(
        of notification: Ref<Notification>, _ thread: Ref<Thread>
    ) {
        notification.pointee.waiters.remove(thread.waitNode)
        if notification.pointee.bits == 0 { return }
        if let next = notification.pointee.waiters.first?.waiter ?? notification.boundReceiver {
            queueUpdate(next)
        }
    }

    private mutating func wake(
        _ thread: Ref<Thread>, _ notification: Ref<Notification>, _ bits: UInt64
    ) {
        complete(thread, ResultWord(.notification), take(notification) | bits)
        unblock(thread, atHead: false)
    }

    /// Takes all bits and returns them.
    func take(_ notification: Ref<Notification>) -> UInt64 {
        let bits = notification.pointee.bits
        notification.pointee.bits = 0
        notification.pointee.boundThread?.pointee.scheduling.isSignalled = false
        return bits
    }

    /// Performs `signal`.
    mutating func signal(_ thread: Ref<Thread>, _ number: Slot, bits: UInt64) -> Outcome {
        guard let slot = slot(thread, number), slot.pointee.object != nil else {
            return .failed(.invalidCapability)
        }
        guard let notification = slot.notification else { return wake(thread, number) }
        if !slot.pointee.rights.contains(.write) { return .failed(.missingRights) }
        if isInterrupted() { return .restart }
        complete(thread, .success)
        signal(notification, slot.pointee.badge != 0 ? slot.pointee.badge : bits)
        return .done
    }

    /// Performs `wait`; with a nil deadline `poll`.
    mutating func wait(_ thread: Ref<Thread>, _ number: Slot, deadline: Instant?) -> Outcome {
        guard let slot = slot(thread, number), slot.pointee.object != nil else {
            return .failed(.invalidCapability)
        }
        guard let notification = slot.notification else { return sleep(thread, number, deadline) }
        if !slot.pointee.rights.contains(.read) { return .failed(.missingRights) }
        if notification.pointee.bits != 0 {
            complete(thread, ResultWord(.notification), take(notification))
            return .done
        }
        guard let deadline else {
            return requestService(of: thread) ? .restart : .failed(.wouldBlock)
        }
        if hasPassed(deadline) { return .failed(.timedOut) }
        thread.state = .waiting
        thread.pointee.notification = notification
        notification.pointee.waiters.insert(thread.waitNode, key: thread.effective)
        startDeadline(thread, deadline)
        return .blocked
    }

    /// Performs `bindNotification`; nil unbinds. Bits that are set already wake a thread that
    /// receives.
    ///
    /// - Returns: `wrongState` if the notification is bound already; else nil.
    mutating func bind(_ thread: Ref<Thread>, _ notification: Ref<Notification>?) -> KernelError? {
        if let notification, notification.pointee.boundThread != nil { return .wrongState }
        thread.pointee.boundNotification?.pointee.boundThread = nil
        thread.pointee.scheduling.isSignalled = false
        thread.pointee.boundNotification = notification
        notification?.pointee.boundThread = thread
        // Bits that are set wait for an acknowledgement, with which a line follows as well.
        if let notification, notification.pointee.bits != 0 {
            signal(notification, 0)
        } else {
            followThread(of: notification)
        }
        return nil
    }

    // Sources

    /// Performs the methods that bind a source: x1 names the notification (right: manage), or is
    /// `Slot.none` if it may signal none; x2 are the bits, not 0.
    @inline(never) func bind(
        _ thread: Ref<Thread>, _ source: Ref<SignalSource>
    ) throws(KernelError) {
        if slotArgument(thread, 1) == .none { return connect(source, to: nil, bits: 0) }
        let notification: Ref<Notification> = try object(
            thread, slotArgument(thread, 1), .notification, .manage)
        if argument(thread, 2) == 0 { throw .invalidArgument }
        connect(source, to: notification, bits: argument(thread, 2))
    }

    /// Connects a source to the notification that it signals from now on; nil disconnects it.
    ///
    /// - Complexity: constant.
    func connect(_ source: Ref<SignalSource>, to notification: Ref<Notification>?, bits: UInt64) {
        if let old = source.pointee.notification, let next = source.pointee.next {
            source.pointee.previous?.pointee.next = next
            next.pointee.previous = source.pointee.previous
            if old.pointee.sources == source { old.pointee.sources = next == source ? nil : next }
        }
        source.pointee.previous = nil
        source.pointee.next = nil
        source.pointee.notification = notification
        source.pointee.bits = bits
        guard let notification else { return }
        let first = notification.pointee.sources ?? source
        let last = first.pointee.previous ?? source
        source.pointee.next = first
        source.pointee.previous = last
        last.pointee.next = source
        first.pointee.previous = source
        if first == source || source.pointee.interrupt != nil {
            notification.pointee.sources = source
        }
    }
}

extension Ref where Object == Notification {
    /// The bound thread, if it receives.
    @inline(__always) var boundReceiver: Ref<Thread>? {
        guard let thread = pointee.boundThread, thread.state == .receiving, !thread.isEnding else {
            return nil
        }
        return thread
    }
}

extension Ref where Object == Thread {
    /// The notification that the thread waits for, if bits are set there: a step of its update
    /// gives them to a thread that waits.
    var postedNotification: Ref<Notification>? {
        let notification: Ref<Notification>?
        switch state {
        case .receiving: notification = pointee.boundNotification
        case .waiting: notification = pointee.notification
        default: return nil
        }
        guard let notification, notification.pointee.bits != 0 else { return nil }
        return notification
    }
}
