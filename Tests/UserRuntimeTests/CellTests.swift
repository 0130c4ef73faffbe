// Semaphores, conditions and barriers against a scripted kernel: cells of other kinds, a thread
// that is suspended while it takes the mutex again, and the last one at a barrier.

import CUserEntry
import KernelABI
import Testing

@testable import UserRuntime

/// A page of cells, and a kernel that answers calls as told.
private final class CellModel {
    let page: UnsafeMutablePointer<UInt32>
    /// The calls that were made.
    var calls: [SystemCall] = []
    /// What the next calls return, x0 and x1; success if nothing is left.
    var answers: [(KernelError?, UInt64)] = []
    /// Before each call.
    var onCall: (SystemCall) -> Void = { _ in }

    init() {
        page = .allocate(capacity: 1024)
        page.initialize(repeating: 0, count: 1024)
        swiftlet_model_kernel(
            { context, registers in
                let model = Unmanaged<CellModel>.fromOpaque(context).takeUnretainedValue()
                guard let call = ControlWord(raw: registers[0]).systemCall else { return }
                model.calls.append(call)
                model.onCall(call)
                let answer = model.answers.isEmpty ? (nil, 0) : model.answers.removeFirst()
                registers[0] = UInt64(answer.0?.rawValue ?? 0)
                registers[1] = answer.1
            }, Unmanaged.passUnretained(self).toOpaque(), 0)
    }
    deinit { page.deallocate() }

    private var address: UInt64 { UInt64(UInt(bitPattern: page)) }
    func cell(_ number: Int) -> Cell { Cell(MutexSet(Slot(7)), number, page: address) }
    var mutexes: MutexParticipant { MutexParticipant(MutexSet(Slot(7)), number: 0, page: address) }
    func word(_ cell: Int, _ index: Int = 0) -> UInt32 { page[4 * cell + index] }
    func set(_ cell: Int, _ raw: UInt32) { page[4 * cell] = raw }
}

@Suite struct CellTests {
    /// The words of all other kinds go to the kernel, and stay as they are.
    @Test func otherKindsAreNoSemaphores() throws {
        let words: [UInt32] = [
            0, 1, 5, MutexWord.diedBit, CountingWord.condition.counting(3).raw,
            CountingWord(units: 2).withSleepers.raw, 0x7000_0002,
        ]
        for word in words {
            let model = CellModel()
            model.set(3, word)
            let semaphore = Semaphore(model.cell(3))
            model.answers = [(.wrongState, 0), (.wrongState, 0)]
            #expect(throws: KernelError.wrongState) { try semaphore.take() }
            #expect(throws: KernelError.wrongState) { try semaphore.give() }
            #expect(model.calls == [.wait, .signal] && model.word(3) == word)
        }
    }
    @Test func otherKindsAreNoConditions() {
        for word in [0, 1, MutexWord.diedBit, CountingWord(units: 2).raw] as [UInt32] {
            let model = CellModel()
            model.set(3, word)
            let condition = Condition(model.cell(3))
            #expect(throws: KernelError.wrongState) { try condition.signal() }
            #expect(throws: KernelError.wrongState) { try condition.broadcast() }
            #expect(model.calls == [] && model.word(3) == word)
        }
    }

    /// A woken thread is suspended and resumed while it takes the mutex again: it goes on, and its
    /// signal is not lost.
    @Test func aConditionGoesOnAfterASuspension() throws {
        let model = CellModel()
        let condition = Condition(model.cell(1))
        condition.setUp()
        model.set(0, MutexWord(holder: 0, isContended: false).raw)
        // Another thread takes the mutex meanwhile.
        model.onCall = { call in
            if call == .wait { model.set(0, MutexWord(holder: 1, isContended: true).raw) }
        }
        model.answers = [(nil, 1), (.cancelled, 0), (nil, 1)]
        let ending = try condition.wait(model.mutexes, 0)
        #expect(!ending.isTimedOut && ending.holderDied)
        #expect(model.calls == [.wait, .lock, .lock])
    }
    /// It cannot take the mutex again: another thread gets the signal.
    @Test func aSignalGoesOnToAnother() {
        let model = CellModel()
        let condition = Condition(model.cell(1))
        condition.setUp()
        model.set(0, MutexWord(holder: 0, isContended: false).raw)
        model.onCall = { call in
            if call != .wait { return }
            model.set(0, MutexWord(holder: 1, isContended: true).raw)
            model.set(1, CountingWord.condition.withSleepers.raw)
        }
        model.answers = [(nil, 1), (.chainTooLong, 0)]
        #expect(throws: KernelError.chainTooLong) { _ = try condition.wait(model.mutexes, 0) }
        #expect(model.calls == [.wait, .lock, .signal])
    }

    /// The last one wakes the others before the round is over, so that its death in between leaves
    /// nobody asleep in a round that is over.
    @Test func theLastOneWakesFirst() throws {
        let model = CellModel()
        let barrier = Barrier(model.cell(1), mutex: 0)
        try barrier.setUp(count: 2)
        model.page[4 + 1] = 1
        model.set(1, CountingWord.condition.withSleepers.raw)
        model.onCall = { call in
            #expect(call == .signal && model.word(1, 1) == 1, "the round is over already")
            #expect(model.word(0) != 0, "without the mutex")
            model.set(1, CountingWord(raw: model.word(1)).withoutSleepers.raw)
        }
        #expect(try barrier.wait(model.mutexes))
        #expect(model.calls == [.signal] && model.word(1, 1) == 1 << 16 && model.word(0) == 0)
    }
}
