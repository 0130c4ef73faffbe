// The lock's word against bytes.

import KernelABI
import Testing

@testable import KernelLock

/// The urgency with this byte: 0, 1, or 128 to 255.
func urgency(_ byte: UInt8) -> Urgency {
    switch byte {
    case 0: .none
    case 1: .belowBand
    default: Urgency(priority: byte)
    }
}

/// What `next` promises, by a search: from the core after the last turn, the first with the most.
func naiveNext(_ bytes: [UInt8], after core: Int) -> Int {
    let order = (1...8).map { (core + $0) % 8 }
    return order.first { bytes[$0] == bytes.max() } ?? 0
}

func word(_ bytes: [UInt8]) -> LockWord {
    var word = LockWord.free
    for (core, byte) in bytes.enumerated() { word.raise(core, to: urgency(byte)) }
    return word
}

@Suite struct UrgencyTests {
    @Test func bandBeginsAtItsLeastPriority() {
        for priority in UInt8.min...UInt8.max {
            let urgency = Urgency(priority: priority)
            #expect(urgency.isInBand == (Int(priority) >= Limits.realTimeBand))
            #expect(urgency.rawValue == (urgency.isInBand ? priority : 1))
        }
        #expect(Limits.realTimeBand == 128, "LockWord and Lock.inc test one bit of each byte")
    }

    @Test func orderIsThatOfPriorities() {
        let rising: [Urgency] = [.none, .belowBand, urgency(128), urgency(129), urgency(255)]
        for (a, b) in zip(rising, rising.dropFirst()) {
            #expect(a < b && !(b < a) && !(a < a))
        }
        #expect(!Urgency.none.isInBand && !Urgency.belowBand.isInBand)
    }
}

@Suite struct LockWordTests {
    /// All words of four cores with these bytes, in the lowest bytes and in the highest.
    @Test(arguments: [0, 4]) func nextIsTheMostUrgent(first: Int) {
        let values: [UInt8] = [0, 1, 128, 129, 192, 255]
        for index in 1..<values.count * values.count * values.count * values.count {
            var bytes = [UInt8](repeating: 0, count: 8)
            var rest = index
            for core in first..<first + 4 {
                bytes[core] = values[rest % values.count]
                rest /= values.count
            }
            check(bytes)
        }
    }

    @Test func nextOfEightCores() {
        var random = SystemRandomNumberGenerator()
        // Any two of the band differ in one bit from a third.
        let values: [UInt8] = [0, 1, 1, 128, 129, 130, 132, 136, 144, 160, 192, 255]
        for _ in 0..<2000 {
            let bytes = (0..<8).map { _ in values.randomElement(using: &random) ?? 0 }
            if bytes.max() != 0 { check(bytes) }
        }
    }

    private func check(_ bytes: [UInt8]) {
        let word = word(bytes)
        for turn in 0..<8 where word.next(after: turn) != naiveNext(bytes, after: turn) {
            Issue.record("\(bytes) after \(turn): \(word.next(after: turn))")
        }
        let greatest = bytes.max() ?? 0
        if word.isInBand != (greatest > 1) { Issue.record("\(bytes): \(word.isInBand)") }
        for byte in [1, 128, 129, 191, 192, 254, 255] as [UInt8] {
            let other = urgency(byte)
            #expect(word.hasRequest(above: other) == (greatest > byte), "\(bytes) above \(byte)")
            if byte == 1 { continue }
            #expect(word.hasRequest(atLeast: other) == (greatest >= byte), "\(bytes): \(byte)")
        }
    }

    @Test func bytesAreIndependent() {
        for core in 0..<LockWord.cores {
            let place = UInt64(8 * core)
            let others: UInt64 = ~(0xff << place)
            var word = LockWord(bits: 0xffff_ffff_ffff_ffff)
            word.clear(core)
            #expect(word.bits == others)
            #expect(word.urgency(of: core) == .none)
            #expect(word.urgency(of: (core + 1) % 8) == urgency(255))
            word.raise(core, to: urgency(200))
            #expect(word.bits == others | 200 << place)
            #expect(LockWord(core, urgency(130)).bits == 130 << place)
            #expect(LockWord.mask(core) == 0xff << place)
        }
        #expect(LockWord.free.isFree)
        #expect(!LockWord(7, .belowBand).isFree && !LockWord(7, .belowBand).isInBand)
    }

    @Test func requestsOnlyRise() {
        let bytes: [UInt8] = [1, 128, 129, 254, 255]
        for before in bytes {
            for after in bytes {
                var word = LockWord(3, urgency(before))
                word.raise(3, to: urgency(after))
                #expect(word == LockWord(3, urgency(max(before, after))))
            }
        }
    }
}
