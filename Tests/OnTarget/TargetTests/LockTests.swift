// The kernel lock's assembly against what Sources/Kernel/KernelLock/LockWord.swift promises, on a
// lock of the test's own.

import CTargetTests
import KernelABI
import UserRuntime

/// A kernel lock's memory. Each access is of 64 bits.
@safe private struct TestLock {
    let memory = unsafe testLock()

    var word: UInt64 {
        get { unsafe memory[0] }
        nonmutating set { unsafe memory[0] = newValue }
    }
    /// Eight times the core that had the last turn: 0 below the band, 1 in it.
    func turn(_ inBand: Int) -> UInt64 { unsafe memory[1 + inBand] }
    func setTurn(_ inBand: Int, _ place: UInt64) { unsafe memory[1 + inBand] = place }
    func grant(_ core: UInt64) -> UInt64 { unsafe memory[8 + 8 * Int(core)] }
    func clearGrants() { for core in 0..<8 { unsafe memory[8 + 8 * core] = 0 } }

    func take(_ core: UInt64) -> Bool { unsafe takeLock(memory, 0xff << (8 * core)) == 1 }
    func release(_ core: UInt64) { unsafe releaseLock(memory, 0xff << (8 * core)) }
}

extension UInt64 {
    fileprivate func byte(_ core: UInt64) -> UInt64 { self >> (8 * core) & 0xff }

    /// The core with the largest byte; among equals the first after `core`.
    fileprivate func next(after core: UInt64) -> UInt64 {
        var best: UInt64 = 0
        var chosen: UInt64 = 0
        for distance in UInt64(1)...8 {
            let other = (core + distance) % 8
            if byte(other) > best {
                best = byte(other)
                chosen = other
            }
        }
        return chosen
    }
}

func lockTests(_ runner: inout Runner) {
    runner.test("lock.take") { (t) throws(Failure) in
        let lock = TestLock()
        for core in UInt64(0)..<8 {
            lock.word = 0
            try t.expect(lock.take(core), "a free lock is taken", core)
            try t.equal(lock.word, 0xff << (8 * core), "the word of a taken lock")
            for other in UInt64(0)..<8 {
                let word = UInt64(200) << (8 * other)
                lock.word = word
                try t.expect(!lock.take(core), "a lock that is held is not taken", core)
                try t.equal(lock.word, word, "the word stays")
            }
        }
    }
    runner.test("lock.release") { (t) throws(Failure) in
        let lock = TestLock()
        for core in UInt64(0)..<8 {
            // Below the band, and after it was raised.
            for urgency in UInt64(127)...255 {
                lock.clearGrants()
                lock.word = (urgency == 127 ? 1 : urgency) << (8 * core)
                lock.release(core)
                try t.equal(lock.word, 0, "a lock that nobody waits for is free")
                for other in UInt64(0)..<8 {
                    try t.equal(lock.grant(other), 0, "nobody is granted it")
                }
            }
        }
    }
    runner.test("lock.pass") { (t) throws(Failure) in
        let lock = TestLock()
        let bytes: [8 of UInt64] = [0, 0, 1, 1, 128, 200, 200, 255]
        var random = t.seed &* 2 &+ 1
        for _ in 0..<4000 {
            var word: UInt64 = 0
            for core in UInt64(0)..<8 {
                random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                word |= bytes[Int(random >> 61)] << (8 * core)
            }
            let core = random >> 32 & 7
            let turns: [2 of UInt64] = [random >> 35 & 7, random >> 38 & 7]
            word |= 1 << (8 * core)
            let waiting = word & ~(0xff << (8 * core))
            let inBand = waiting & 0x8080_8080_8080_8080 != 0 ? 1 : 0
            let next = waiting.next(after: turns[inBand])
            lock.clearGrants()
            lock.word = word
            for band in 0..<2 { lock.setTurn(band, 8 * turns[band]) }
            lock.release(core)
            try t.equal(lock.word, waiting, "the word without the own byte")
            for other in UInt64(0)..<8 {
                try t.expect(
                    (lock.grant(other) != 0) == (waiting != 0 && other == next),
                    "one is granted it", other)
            }
            if waiting == 0 { continue }
            try t.equal(lock.turn(inBand), 8 * next, "the turn of the same kind")
            try t.equal(lock.turn(1 - inBand), 8 * turns[1 - inBand], "the other turn")
        }
    }
}
