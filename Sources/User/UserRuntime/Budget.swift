// Budgets of processor time: typed handles over slots, which behave as those of
// ObjectHandles.swift.

import CUserEntry
import KernelABI

/// Processor time that threads share: so much in each period.
///
/// Time is charged to the thread whose urgency one runs with: a server that a client lifts runs on
/// the client's budget. A thread whose budget is used up falls to the background priority, where it
/// runs without a limit. It comes back when time comes back, one period after its use.
public struct Budget: Sendable {
    public let slot: Slot
    public init(_ slot: Slot) { self.slot = slot }

    /// Which notification learns that the budget is used up, and with which bits; nil: none. Needs
    /// the right manage.
    ///
    /// - Throws: `invalidArgument` if there are no bits.
    public func bindOverrun(
        _ notification: Notification?, bits: UInt64 = 0
    ) throws(KernelError) {
        try invoke(
            .bindOverrun, slot, UInt64(notification?.slot.index ?? Slot.none.index), bits)
    }

    public struct Information: Sendable {
        /// The time in each period.
        public var limit: Duration
        public var period: Duration
        /// What is left, in ticks; negative: a debt.
        public var left: Int64
        /// What was used since it was made.
        public var used: Duration
        /// How often it was used up.
        public var overruns: UInt64
        /// The largest base priority of its threads while it is used up.
        public var background: UInt8
    }
    /// What it allows, and what was used. Needs the right read.
    public func information() throws(KernelError) -> Information {
        let words = try invokeForResults(.budgetInformation, slot)
        return Information(
            limit: Duration(ticks: words.w0), period: Duration(ticks: words.w1),
            left: Int64(bitPattern: words.w2), used: Duration(ticks: words.w3),
            overruns: words.w4, background: UInt8(truncatingIfNeeded: words.w5))
    }
}

extension SystemControl {
    /// Sets what a budget allows (rights: manage here, write of the budget).
    ///
    /// - Parameters:
    ///   - limit: the time in each period, 10 µs or more.
    ///   - background: the largest base priority of its threads while it is used up.
    /// - Throws: `invalidArgument` (a limit below 10 µs or above the period), `notPermitted` (a
    ///   background priority above the caller's maximum), `exhausted` (no deadline is left for it).
    public func set(
        _ budget: Budget, limit: Duration, period: Duration, background: UInt8
    ) throws(KernelError) {
        try invoke(
            .setBudget, slot, UInt64(budget.slot.index), limit.ticks, period.ticks,
            UInt64(background))
    }
}

extension Thread {
    /// Makes the thread share a budget; nil: none. Needs the right manage, and write of the budget.
    ///
    /// - Throws: `wrongState` (the budget is not set), `notPermitted` (the caller has a budget
    ///   itself, and may not change that of a thread which has one).
    public func bindBudget(_ budget: Budget?) throws(KernelError) {
        try invoke(.bindBudget, slot, UInt64(budget?.slot.index ?? Slot.none.index))
    }
}
