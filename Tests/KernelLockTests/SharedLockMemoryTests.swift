// The lock's memory of the machine: against the model's, and with threads as cores.

import CAArch64
import Foundation
import Testing

@testable import KernelLock

/// A lock on the heap.
@safe final class HeapLock: @unchecked Sendable {
    let address: UnsafeMutablePointer<SwiftletLock>
    /// What the lock protects: written without atomics.
    var turns = 0
    var last = 0

    init() {
        unsafe address = .allocate(capacity: 1)
        unsafe address.initialize(to: SwiftletLock())
    }
    deinit { unsafe address.deallocate() }
    func memory() -> SharedLockMemory { unsafe SharedLockMemory(address) }
}

@Suite struct SharedLockMemoryTests {
    /// The same operations on both, one after the other, in any order.
    @Test func agreesWithTheModel() {
        var random = SystemRandomNumberGenerator()
        let lock = HeapLock()
        var memory = lock.memory()
        var model = ModelMemory()
        for _ in 0..<20_000 {
            let core = Int.random(in: 0..<8, using: &random)
            let band = Bool.random(using: &random)
            switch Int.random(in: 0..<7, using: &random) {
            case 0: #expect(memory.take(core) == model.take(core))
            case 1:
                let urgency = urgency([1, 128, 254].randomElement(using: &random) ?? 1)
                #expect(memory.raise(core, to: urgency) == model.raise(core, to: urgency))
            case 2:
                let present = model.word.urgency(of: core)
                let urgency = urgency([128, 254].randomElement(using: &random) ?? 128)
                if present == .none || present >= urgency { continue }
                _ = model.tryRaise(core, to: urgency)
                while !memory.tryRaise(core, to: urgency) {}
            case 3, 4: #expect(memory.clear(core) == model.clear(core))
            case 5:
                memory.setTurn(inBand: band, core)
                model.setTurn(inBand: band, core)
            default:
                if !model.isGranted(core) {
                    memory.grant(core)
                    model.grant(core)
                }
                let other = Int.random(in: 0..<8, using: &random)
                #expect(memory.acceptGrant(other) == model.acceptGrant(other))
            }
            #expect(memory.look() == model.look())
            #expect(memory.turn(inBand: band) == model.turn(inBand: band))
        }
    }

    /// Threads count without atomics what the lock lets only one of them count at a time.
    @Test func threadsExcludeOneAnother() async {
        let (cores, rounds) = (4, 4000)
        let lock = HeapLock()
        await withTaskGroup(of: Void.self) { group in
            for core in 0..<cores {
                group.addTask { await HeapLock.work(lock, core: core, rounds: rounds) }
            }
        }
        #expect(lock.turns == cores * rounds)
        #expect(lock.memory().look().isFree)
    }
}

extension HeapLock {
    /// Holds the lock `rounds` times, as a core of this number.
    static func work(_ shared: HeapLock, core: Int, rounds: Int) async {
        await withCheckedContinuation { (done: CheckedContinuation<Void, Never>) in
            Thread.detachNewThread {
                var lock = KernelLock(core: core, memory: shared.memory())
                for round in 0..<rounds {
                    if !(round % 3 == 0 && lock.take()) {
                        var isHeld = lock.request(round % 5 == 0 ? urgency(200) : .belowBand)
                        var isRaised = round % 7 != 0
                        while !isHeld {
                            if !isRaised {
                                isRaised = lock.tryRaise(to: urgency(UInt8(201 + core)))
                            }
                            sched_yield()
                            isHeld = lock.isGranted()
                        }
                    }
                    shared.turns += 1
                    shared.last = core
                    if round % 4 == 0 { sched_yield() }
                    if shared.last != core { Issue.record("core \(shared.last) beside \(core)") }
                    lock.release()
                }
                done.resume()
            }
        }
    }
}
