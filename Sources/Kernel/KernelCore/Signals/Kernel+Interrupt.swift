// Interrupt lines: delivery to every binding, and opening again when all have acknowledged.
//
// A line costs the kernel no more than its drivers let it: from its delivery until the last one has acknowledged it is quiet. One
// that stays asserted comes again after that, once for each acknowledgement; one that nobody has bound is masked at once.

import HardwareInterface
import KernelABI

extension Kernel where H: ~Copyable {
    /// An interrupt of `line` was taken: signal the bindings that it was not signalled to. The controller keeps the line quiet until
    /// `open`.
    ///
    /// Where many share the line a few are signalled at a time: it is opened, and interrupts again at once, until all were. So it
    /// is where another interrupt is pending after a signal. An edge would not come again: a line of edges is not shared.
    ///
    /// - Complexity: `KernelLimits.deliveryStep` signals, with a look at the pending interrupts after each.
    mutating func deliverInterrupt(line: Int) {
        statistics.interrupts &+= 1
        if line < 0 || line >= Limits.interruptLines { return }
        guard let first = tables.pointee.lines[line].first else {
            statistics.spuriousInterrupts &+= 1
            hardware.disable(line: line)
            hardware.open(line: line)
            return
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
            // One more, so that no acknowledgement opens what is open.
            outstanding = outstanding &+ 1
            hardware.open(line: line)
        }
        tables.pointee.lines[line].outstanding = outstanding
    }

    /// The driver has quieted its device.
    mutating func acknowledge(_ interrupt: Ref<Interrupt>) -> KernelError? {
        if !interrupt.pointee.isOutstanding { return .wrongState }
        interrupt.pointee.isOutstanding = false
        let line = interrupt.pointee.line
        tables.pointee.lines[line & 1023].outstanding &-= 1
        if tables.pointee.lines[line & 1023].outstanding == 0 { hardware.open(line: line) }
        return nil
    }

    /// Bind to a notification and open the line.
    mutating func bind(
        _ interrupt: Ref<Interrupt>, _ notification: Ref<Notification>, bits: UInt64
    ) -> KernelError? {
        let line = interrupt.pointee.line & 1023
        if !interrupt.pointee.isListed {
            var count = 1
            var at = tables.pointee.lines[line].first
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
        let isFirst = tables.pointee.lines[line].first == nil
        interrupt.pointee.isListed = true
        interrupt.pointee.nextOnLine = tables.pointee.lines[line].first
        tables.pointee.lines[line].first = interrupt
        if isFirst {
            hardware.enable(line: interrupt.pointee.line, trigger: interrupt.pointee.trigger)
        }
        return nil
    }

    /// Take the binding off its line. Where it had not acknowledged, that counts as done: a dead driver keeps nobody waiting.
    mutating func unbind(_ interrupt: Ref<Interrupt>) {
        connect(interrupt.source, to: nil, bits: 0)
        if !interrupt.pointee.isListed { return }
        let line = interrupt.pointee.line & 1023
        interrupt.pointee.isListed = false
        if tables.pointee.lines[line].first == interrupt {
            tables.pointee.lines[line].first = interrupt.pointee.nextOnLine
        } else {
            var at = tables.pointee.lines[line].first
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
        if tables.pointee.lines[line].first == nil {
            hardware.disable(line: interrupt.pointee.line)
        }
        if interrupt.pointee.isOutstanding { _ = acknowledge(interrupt) }
    }
}
