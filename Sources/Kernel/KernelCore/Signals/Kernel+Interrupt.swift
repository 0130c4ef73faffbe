// Interrupt lines: delivery to every binding. The line opens again when all have acknowledged.
//
// A line stays quiet from its delivery until the last driver has acknowledged, so it costs the
// kernel no more than its drivers allow. A line that stays asserted then interrupts again, once for
// each round of acknowledgements. A line without a binding is masked at once.

import HardwareInterface
import KernelABI

extension Kernel where H: ~Copyable {
    /// Delivers an interrupt of `line`: signals the bindings that have not been signalled since
    /// they acknowledged. The controller keeps the line quiet until `open`.
    ///
    /// If many bindings share the line, only a few are signalled at a time. The line then opens
    /// with bindings left, and interrupts again at once, until all are signalled. The same happens
    /// if another interrupt is pending after a signal. An edge would not come again, so a line of
    /// edges is not shared.
    ///
    /// - Complexity: `KernelLimits.deliveryStep` signals, with a look at the pending interrupts
    ///   after each.
    mutating func deliverInterrupt(line: Int) {
        // A software interrupt of another core says no more than to choose again.
        if core.isShared && line & 1023 < 16 { return hardware.dismiss(line: line) }
        core.statistics[.interrupts] &+= 1
        if UInt(bitPattern: line) >= UInt(Limits.interruptLines) {
            return hardware.dismiss(line: line)
        }
        guard let first = shared.pointee.lines[line].first else {
            core.statistics[.spuriousInterrupts] &+= 1
            return hardware.dismiss(line: line)
        }
        var left = KernelLimits.deliveryStep
        var outstanding = 0
        var at: Ref<Interrupt>? = first
        var rounds = LoopBound(KernelLimits.sharedLine)
        var deliveries = LoopBound(KernelLimits.deliveryStep)
        while let interrupt = at {
            rounds.count()
            at = interrupt.pointee.nextOnLine
            if !interrupt.pointee.isOutstanding {
                left = left &- 1
                if left < 0 { continue }
                deliveries.count()
                interrupt.pointee.count &+= 1
                interrupt.pointee.isOutstanding = true
                if let notification = interrupt.pointee.source.notification {
                    signal(notification, interrupt.pointee.source.bits)
                }
                if isInterrupted() { left = 0 }
            }
            outstanding = outstanding &+ 1
        }
        if left < 0 {
            // One more, so that no acknowledgement opens the line, which is open already.
            outstanding = outstanding &+ 1
            hardware.open(line: line)
        }
        shared.pointee.lines[line].outstanding = outstanding
    }

    /// Performs the driver's `acknowledge`: its device is quiet. The last acknowledgement opens the
    /// line.
    ///
    /// - Returns: `wrongState` if no delivery is outstanding; else nil.
    mutating func acknowledge(_ interrupt: Ref<Interrupt>) -> KernelError? {
        if !interrupt.pointee.isOutstanding { return .wrongState }
        interrupt.pointee.isOutstanding = false
        let line = interrupt.pointee.line
        if let thread = interrupt.pointee.source.notification?.pointee.boundThread,
            thread.pointee.ownBase != interrupt.pointee.urgency
                || thread.home != Int(interrupt.pointee.home)
                || shared.pointee.lineUrgencies[line & 1023] < interrupt.pointee.urgency
        {
            follow(interrupt)
        }
        shared.pointee.lines[line & 1023].outstanding &-= 1
        if shared.pointee.lines[line & 1023].outstanding == 0 { hardware.open(line: line) }
        return nil
    }

    /// Binds an interrupt to a notification, and opens its line with the first binding.
    ///
    /// - Returns: `wrongState` if the line has another trigger, `exhausted` if it has too many
    ///   bindings; else nil.
    /// - Complexity: `KernelLimits.sharedLine` rounds.
    mutating func bind(
        _ interrupt: Ref<Interrupt>, _ notification: Ref<Notification>, bits: UInt64
    ) -> KernelError? {
        let line = interrupt.pointee.line & 1023
        if !interrupt.pointee.isListed {
            var count = 1
            var at = shared.pointee.lines[line].first
            var rounds = LoopBound(KernelLimits.sharedLine)
            while let other = at {
                rounds.count()
                count = count &+ 1
                if other.pointee.trigger != interrupt.pointee.trigger { return .wrongState }
                at = other.pointee.nextOnLine
            }
            let isLevel = interrupt.pointee.trigger == .level
            if count > (isLevel ? KernelLimits.sharedLine : 1) { return .exhausted }
        }
        connect(interrupt.source, to: notification, bits: bits)
        if interrupt.pointee.isListed { return nil }
        let isFirst = shared.pointee.lines[line].first == nil
        interrupt.pointee.isListed = true
        interrupt.pointee.nextOnLine = shared.pointee.lines[line].first
        shared.pointee.lines[line].first = interrupt
        if isFirst {
            hardware.enable(line: interrupt.pointee.line, trigger: interrupt.pointee.trigger)
        }
        return nil
    }

    /// Removes the binding from its line. An outstanding delivery counts as acknowledged, so a dead
    /// driver does not keep the line quiet for the others.
    ///
    /// - Complexity: `KernelLimits.sharedLine` rounds.
    mutating func unbind(_ interrupt: Ref<Interrupt>) {
        connect(interrupt.source, to: nil, bits: 0)
        if !interrupt.pointee.isListed { return }
        let line = interrupt.pointee.line & 1023
        interrupt.pointee.isListed = false
        if shared.pointee.lines[line].first == interrupt {
            shared.pointee.lines[line].first = interrupt.pointee.nextOnLine
        } else {
            var at = shared.pointee.lines[line].first
            var rounds = LoopBound(KernelLimits.sharedLine)
            while let other = at {
                rounds.count()
                if other.pointee.nextOnLine == interrupt {
                    other.pointee.nextOnLine = interrupt.pointee.nextOnLine
                    break
                }
                at = other.pointee.nextOnLine
            }
        }
        interrupt.pointee.nextOnLine = nil
        if shared.pointee.lines[line].first == nil {
            hardware.disable(line: interrupt.pointee.line)
        } else {
            // The others keep its urgency until one of them acknowledges.
            shared.pointee.lineUrgencies[line] = 0
        }
        if interrupt.pointee.isOutstanding { _ = acknowledge(interrupt) }
    }

    // Urgency and core of a line

    /// Makes the line of a notification's latest interrupt follow the bound thread, whose base
    /// priority or home core changed. Further lines follow when their driver next acknowledges.
    ///
    /// - Complexity: `KernelLimits.furtherBindings` rounds.
    @inline(__always) mutating func followThread(of notification: Ref<Notification>?) {
        guard let interrupt = notification?.pointee.sources?.pointee.interrupt else { return }
        follow(interrupt)
    }

    /// Makes a binding's line follow the thread that its notification is bound to.
    ///
    /// - Complexity: `KernelLimits.furtherBindings` rounds.
    @inline(never) mutating func follow(_ interrupt: Ref<Interrupt>) {
        if let thread = interrupt.pointee.source.notification?.pointee.boundThread {
            interrupt.pointee.urgency = thread.pointee.ownBase
            interrupt.pointee.home = UInt8(truncatingIfNeeded: thread.home)
        }
        adjust(line: interrupt.pointee.line & 1023)
    }

    /// Gives a line the urgency of the most urgent binding, and sends it to that binding's core.
    private mutating func adjust(line: Int) {
        guard var most = shared.pointee.lines[line].first else { return }
        var at = most.pointee.nextOnLine
        var rounds = LoopBound(KernelLimits.furtherBindings)
        while let other = at {
            rounds.count()
            if other.pointee.urgency > most.pointee.urgency { most = other }
            at = other.pointee.nextOnLine
        }
        if shared.pointee.lineUrgencies[line] != most.pointee.urgency {
            shared.pointee.lineUrgencies[line] = most.pointee.urgency
            hardware.setUrgency(most.pointee.urgency, ofLine: line)
        }
        if core.isShared && shared.pointee.lineHomes[line] != most.pointee.home {
            shared.pointee.lineHomes[line] = most.pointee.home
            hardware.route(line: line, to: Int(most.pointee.home))
        }
    }
}
