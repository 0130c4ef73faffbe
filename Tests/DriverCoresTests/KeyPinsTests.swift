// Keys and their presses in memory that survives the driver, and how many interrupts a storm of
// edges gets.
import Testing

@testable import DriverCores

@Suite struct KeyPinsTests {
    let words = UnsafeMutableBufferPointer<UInt64>.allocate(capacity: KeyPins.wordCount)
    init() { words.initialize(repeating: 0) }

    @Test func onlyKeysHavePresses() {
        var keys = KeyPins(memory: words)
        keys.setKey(3, 116, isFalling: false)
        keys.setKey(63, 28, isFalling: false)
        #expect(keys.pins == 1 << 3 | 1 << 63 && keys.code(3) == 116 && keys.code(4) == 0)
        keys.note(1 << 3 | 1 << 4)
        #expect(keys.pressed == 1 << 3)
    }

    @Test func aPressStaysUntilItIsTakenAndIsToldOnce() {
        var keys = KeyPins(memory: words)
        keys.setKey(3, 116, isFalling: false)
        keys.setKey(9, 28, isFalling: false)
        keys.note(1 << 3 | 1 << 9)
        var told: [UInt64] = []
        keys.tell { code in
            told.append(code)
            return code == 28
        }
        #expect(told == [116, 28] && keys.pressed == 1 << 3)
        keys.tell { code in
            told.append(code)
            return true
        }
        #expect(told == [116, 28, 116] && keys.pressed == 0)
    }

    @Test func theNextDriverFindsKeysAndPresses() {
        var keys = KeyPins(memory: words)
        keys.setKey(3, 116, isFalling: false)
        keys.note(1 << 3)
        let next = KeyPins(memory: words)
        #expect(next.pins == 1 << 3 && next.pressed == 1 << 3 && next.code(3) == 116)
    }
}

@Suite struct KeyEdgeTests {
    let words = UnsafeMutableBufferPointer<UInt64>.allocate(capacity: KeyPins.wordCount)
    init() { words.initialize(repeating: 0) }

    @Test func theNextDriverFindsWhichEdgeIsThePress() {
        var keys = KeyPins(memory: words)
        keys.setKey(3, 116, isFalling: true)
        keys.setKey(9, 28, isFalling: false)
        let next = KeyPins(memory: words)
        #expect(next.falling == 1 << 3 && next.rising == 1 << 9)
    }
}

@Suite struct InterruptBudgetTests {
    @Test func aFewAreAnsweredAtOnce() {
        var budget = InterruptBudget(most: 3, window: 100)
        for now in [1000, 1050, 1100, 1150, 1200] as [UInt64] {
            #expect(budget.spend(at: now) == now)
        }
    }

    @Test func aStormWaitsForTheWindowsEnd() {
        var budget = InterruptBudget(most: 3, window: 100)
        #expect(budget.spend(at: 1000) == 1000 && budget.spend(at: 1001) == 1001)
        #expect(budget.spend(at: 1002) == 1100)
        // A further line of the same device, while the first is closed.
        #expect(budget.spend(at: 1003) == 1100)
        #expect(budget.spend(at: 1100) == 1100)
    }

    /// However fast the edges come, and whenever the line is opened again: no window has more
    /// than so many.
    @Test func noWindowHasMoreThanItsShare() {
        var budget = InterruptBudget(most: 16, window: 1000)
        var now: UInt64 = 5
        var taken: [UInt64] = []
        while now < 50_000 {
            taken.append(now)
            now = max(budget.spend(at: now), now + 7)
        }
        for start in taken {
            #expect(taken.filter { $0 >= start && $0 < start + 1000 }.count <= 32)
        }
        #expect(taken.count <= 51 * 16)
    }

    @Test func theCounterMayWrap() {
        var budget = InterruptBudget(most: 2, window: 100)
        let late = UInt64.max - 10
        #expect(budget.spend(at: late) == late)
        #expect(budget.spend(at: .max) == 89)
    }
}
