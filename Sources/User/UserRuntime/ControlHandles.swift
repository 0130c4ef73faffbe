// Authority over interrupts, address-space numbers and the machine: typed handles over slots, which
// behave as those of ObjectHandles.swift.

import CUserEntry
import KernelABI

/// The authority to make interrupt objects.
public struct InterruptControl: Sendable {
    public let slot: Slot
    public init(_ slot: Slot) { self.slot = slot }
    /// An interrupt object for a line of the controller (its INTID on a GIC).
    ///
    /// - Throws: `invalidArgument` (no line to hand out), `insufficientMemory`, `slotOccupied`,
    ///   `wrongState`.
    public func create(
        line: Int, _ trigger: Trigger, from untyped: Untyped, table: Slot = .ownTable, index: Slot
    ) throws(KernelError) {
        try invoke(
            .createInterrupt, slot, UInt64(line), trigger.rawValue, UInt64(untyped.slot.index),
            UInt64(table.index), UInt64(index.index))
    }
}

/// Numbers for `Limits.asidPool` address spaces. Reclaiming its memory ends the address spaces that
/// have them.
public struct ASIDPool: Sendable {
    public let slot: Slot
    public init(_ slot: Slot) { self.slot = slot }
}

/// The authority to make ASID pools.
public struct ASIDControl: Sendable {
    public let slot: Slot
    public init(_ slot: Slot) { self.slot = slot }
    /// Makes a pool. Restartable.
    ///
    /// - Throws: `exhausted` (the processor has no further numbers), `insufficientMemory`,
    ///   `slotOccupied`, `invalidArgument`, `wrongState`.
    public func createPool(
        from untyped: Untyped, table: Slot = .ownTable, index: Slot
    ) throws(KernelError) {
        try invoke(
            .createASIDPool, slot, 0, 0, UInt64(untyped.slot.index), UInt64(table.index),
            UInt64(index.index))
    }
}

/// The authority over the machine.
public struct SystemControl: Sendable {
    public let slot: Slot
    public init(_ slot: Slot) { self.slot = slot }

    /// Write to the kernel's own console, 64 bytes a call; a line feed goes out with the carriage
    /// return that terminals want.
    public func write(_ text: UnsafeRawBufferPointer) {
        var message = RegisterMessage()
        var count = 0
        for index in 0..<text.count {
            let byte = unsafe text[index]
            if byte == 10 { add(13, to: &message, &count) }
            add(byte, to: &message, &count)
        }
        send(message, count)
    }
    private func add(_ byte: UInt8, to message: inout RegisterMessage, _ count: inout Int) {
        if count == 64 {
            send(message, count)
            (message, count) = (RegisterMessage(), 0)
        }
        message[count / 8] |= UInt64(byte) << UInt64(8 * (count % 8))
        count += 1
    }
    /// There is nobody to tell that the console of last resort does not work.
    private func send(_ message: RegisterMessage, _ count: Int) {
        var words = message.words
        _ = unsafe swiftlet_svc_words(
            ControlWord(invoke: .consoleWrite, slot).raw, UInt64(count), 0, &words)
    }
    /// The same for a constant.
    public func write(_ text: StaticString) {
        unsafe write(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }
    /// Switch the machine off (right: manage); does not return.
    public func powerOff(status: UInt64) throws(KernelError) { try invoke(.powerOff, slot, status) }
    /// Start the machine anew (right: manage); does not return.
    public func reboot() throws(KernelError) { try invoke(.reboot, slot) }
    /// The value of one statistic (right: read).
    public func statistic(_ which: Statistic) throws(KernelError) -> UInt64 {
        try invokeForResults(.statistics, slot, which.rawValue).w0
    }
    /// Eight statistics from this one on, of one core (right: read).
    public func statistics(
        from first: Statistic, ofCore number: Int
    ) throws(KernelError) -> SwiftletWords {
        try invokeForResults(
            .statistics, slot, first.rawValue, UInt64(truncatingIfNeeded: number) &+ 1)
    }
    /// The longest masked path with its control word and its place, all three of one instant
    /// (right: read).
    public func longestMasked() throws(KernelError) -> (
        length: UInt64, control: UInt64, place: UInt64
    ) {
        let words = try invokeForResults(.statistics, slot, Statistic.longestMasked.rawValue)
        return (words.w0, words.w1, words.w2)
    }
    /// The longest masked path of an entry since boot (benchmark builds; else 0; right: read).
    public func longestMasked(of entry: EntryKind) throws(KernelError) -> UInt64 {
        try invokeForResults(.statistics, slot, EntryKind.firstStatistic + entry.index).w0
    }
    /// Set the maxima back to 0 (right: manage).
    public func resetStatistics() throws(KernelError) { try invoke(.resetStatistics, slot) }
    /// 1 record, 0 stop, 2 read two events from `first` on (w0: how many there are, w1–w6);
    /// right: execute.
    public func trace(_ action: UInt64, first: UInt64 = 0) throws(KernelError) -> SwiftletWords {
        try invokeForResults(.trace, slot, action, first)
    }
}
