// Notifications: threads, interrupts and timers set bits; a waiter takes them.

import HardwareInterface
import KernelABI

extension Kernel where H: ~Copyable {
    /// Sets bits, and wakes the bound thread if it is receiving, else the most urgent waiter.
    ///
    /// - Complexity: constant.
    @inline(never) mutating func signal(_ notification: Ref<Notification>, _ bits: UInt64) {
        if notification.pointee.bits | bits == 0 { return }
        if let thread = notification.pointee.boundThread, thread.state == .receiving,
            !thread.isEnding
        {
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

    private mutating func wake(
        _ thread: Ref<Thread>, _ notification: Ref<Notification>, _ bits: UInt64
    ) {
        complete(thread, ResultWord(.notification), take(notification) | bits)
        unblock(thread)
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
        guard let notification = slot.notification else { return .failed(.wrongKind) }
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
        guard let notification = slot.notification else { return .failed(.wrongKind) }
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

    /// Connects an interrupt or a timer to the notification that it signals from now on; nil
    /// disconnects it.
    ///
    /// - Complexity: constant.
    func connect(_ source: Ref<SignalSource>, to notification: Ref<Notification>?, bits: UInt64) {
        if let old = source.pointee.notification {
            if let previous = source.pointee.previous {
                previous.pointee.next = source.pointee.next
            } else {
                old.pointee.sources = source.pointee.next
            }
            source.pointee.next?.pointee.previous = source.pointee.previous
        }
        source.pointee.previous = nil
        source.pointee.next = nil
        source.pointee.notification = notification
        source.pointee.bits = bits
        guard let notification else { return }
        source.pointee.next = notification.pointee.sources
        notification.pointee.sources?.pointee.previous = source
        notification.pointee.sources = source
    }
}
