// The urgency of interrupt lines and the cores that they go to: both follow the thread that the
// notification is bound to.

import KernelABI
import Testing

@testable import KernelCore

@Suite struct LineUrgencyTests {
    let s = TestSystem()
    let other: OtherCore

    init() { other = s.addCore() }

    /// A thread with a notification that is bound to it.
    private func driver(_ priority: UInt64) -> (thread: TestThread, notification: UInt32) {
        let (thread, notification) = (s.makeThread(priority: priority), s.make(.notification))
        #expect(s.perform(.bindNotification, thread.slot, UInt64(notification)).error == nil)
        return (thread, notification)
    }
    private func line(_ line: Int, _ notification: UInt32) -> UInt32 {
        s.makeInterrupt(line: line, trigger: .level, signalling: notification)
    }
    private var urgencies: [Int: UInt8] { s.hardware.urgencies }
    private var routes: [Int: Int] { s.hardware.routes }

    @Test func aLineHasTheBasePriorityOfTheThreadThatItServes() {
        let driver = driver(200)
        _ = line(40, driver.notification)
        #expect(urgencies[40] == 200)
        #expect(s.perform(.setPriority, driver.thread.slot, 150, 220).error == nil)
        #expect(urgencies[40] == 150)
        #expect(routes[40] == nil, "it is at home where lines go at first")
    }

    @Test func aLineGoesToTheHomeCoreAndFollowsIt() {
        let driver = driver(200)
        s.perform(.setCore, driver.thread.slot, 1)
        _ = line(40, driver.notification)
        #expect(routes[40] == 1)
        s.perform(.setCore, driver.thread.slot, 0)
        #expect(routes[40] == 0)
    }

    @Test func aLineFollowsARunningThreadThatMoves() {
        let driver = driver(10)
        s.perform(.setCore, driver.thread.slot, 1)
        _ = line(40, driver.notification)
        s.start(driver.thread)
        #expect(other.running == driver.thread.ref)
        s.perform(.setCore, driver.thread.slot, 0)
        #expect(driver.thread.ref.home == 0)
        #expect(other.hardware.routes[40] == 0, "its own core moved it")
    }

    @Test func aLineOfAnUnboundNotificationServesTheThreadThatBoundIt() {
        _ = line(40, s.make(.notification))
        #expect(urgencies[40] == s.root.ref.pointee.base && routes[40] == nil)
    }

    @Test func aSharedLineServesTheMostUrgent() {
        let (less, more) = (driver(100), driver(180))
        s.perform(.setCore, more.thread.slot, 1)
        _ = line(41, less.notification)
        #expect(urgencies[41] == 100)
        let second = line(41, more.notification)
        #expect(urgencies[41] == 180 && routes[41] == 1)
        let third = line(41, less.notification)
        #expect(urgencies[41] == 180 && routes[41] == 1)
        #expect(s.perform(.delete, RootSlot.table.index, UInt64(second)).error == nil)
        s.hardware.asserted.insert(41)
        s.settle()
        s.hardware.asserted.remove(41)
        #expect(urgencies[41] == 180, "until one of the others acknowledges")
        #expect(s.perform(.acknowledge, third).error == nil)
        #expect(urgencies[41] == 100 && routes[41] == 0)
    }

    @Test func aFurtherLineFollowsAtTheNextAcknowledgement() {
        let driver = driver(100)
        let older = line(42, driver.notification)
        _ = line(43, driver.notification)
        s.perform(.setPriority, driver.thread.slot, 160, 220)
        #expect(urgencies[43] == 160 && urgencies[42] == 100)
        s.hardware.asserted.insert(42)
        s.settle()
        s.hardware.asserted.remove(42)
        #expect(s.perform(.acknowledge, older).error == nil)
        #expect(urgencies[42] == 160)
        s.perform(.setCore, driver.thread.slot, 1)
        #expect(routes[43] == 1 && routes[42] == nil)
        s.hardware.asserted.insert(42)
        s.settle()
        s.hardware.asserted.remove(42)
        #expect(s.perform(.acknowledge, older).error == nil)
        #expect(routes[42] == 1)
    }

    @Test func aLineFollowsTheNotificationToAnotherThread() {
        let driver = driver(100)
        _ = line(44, driver.notification)
        let next = s.makeThread(priority: 190)
        s.perform(.setCore, next.slot, 1)
        s.perform(.bindNotification, driver.thread.slot, UInt64(Slot.none.index))
        #expect(urgencies[44] == 100, "until another thread is bound")
        s.perform(.bindNotification, next.slot, UInt64(driver.notification))
        #expect(urgencies[44] == 190 && routes[44] == 1)
    }
}
