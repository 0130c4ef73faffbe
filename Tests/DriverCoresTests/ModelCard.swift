// An SD memory card for tests, as the simplified specification describes it: states, registers,
// blocks; and what can go wrong.

import DriverCores

final class ModelCard {
    /// By the numbers that the status names (4.10.1).
    enum State: UInt32 {
        case idle, ready, identification, standBy, transfer, sending, receiving, storing
    }
    var state = State.idle
    var isPresent = true
    var isVersion2 = true
    var isHighCapacity = true
    var isProtected = false
    var blocks: UInt64 = 4096
    var content: [UInt64: [UInt32]] = [:]
    /// Blocks that cannot be read or written.
    var bad: Set<UInt64> = []
    /// Times that ACMD41 says `not yet`.
    var pollsUntilReady = 2
    /// Words of data until somebody pulls the card out.
    var wordsUntilRemoval: Int?
    /// A password keeps everybody from its data.
    var isLocked = false
    /// Times that it says after a write that it is storing still; an error inside it comes with the
    /// last.
    var looksUntilStored = 0
    var failsWhileStoring = false
    /// It takes data for ever, until it is identified anew.
    var isStuckReceiving = false
    /// Commands that are not answered.
    var silent: Set<UInt8> = []
    private(set) var commands: [UInt8] = []
    private var isApplication = false
    private var errors: UInt32 = 0
    private var isStoring = false
    private var next: UInt64 = 0
    private var queue: [UInt32] = []
    private var register: [UInt32]?

    /// Puts in another card: it knows nothing of what was said before.
    func insert(blocks: UInt64) {
        isPresent = true
        state = .idle
        self.blocks = blocks
        content = [:]
    }

    func words(of block: UInt64) -> [UInt32] {
        content[block] ?? (0..<128).map { UInt32(block) << 8 | UInt32($0) }
    }
    /// The status, with the state in which the command found the card. While it stores it takes no
    /// data.
    private func status(_ before: State) -> [UInt32] {
        defer { errors = 0 }
        let now = isStoring ? State.storing : before
        return [errors | (isLocked ? 1 << 25 : 0) | now.rawValue << 9 | (isStoring ? 0 : 1 << 8)]
    }

    /// The response to a command: no word, one, or four; nil: silence.
    func answer(_ index: UInt8, _ argument: UInt32) -> [UInt32]? {
        commands.append(index)
        // To the first command no card answers, so that nobody notices one that is missing.
        if !isPresent { return index == 0 ? [] : nil }
        if silent.contains(index) {
            isApplication = false
            return nil
        }
        // Without an address a card answers nobody who names one.
        if state == .idle && [7, 9, 12, 13, 16, 17, 18, 24, 25].contains(index) { return nil }
        // A locked one knows no command for data (4.3.7).
        if isLocked && [17, 18, 24, 25, 51].contains(index) { return nil }
        if isApplication {
            isApplication = false
            return application(index, argument)
        }
        let before = state
        switch index {
        case 0:
            state = .idle
            isStoring = false
            isStuckReceiving = false
            return []
        case 2:
            state = .identification
            return [1, 2, 3, 4]
        case 3:
            state = .standBy
            return [0xabcd_0500]
        case 7: state = argument == 0xabcd_0000 ? .transfer : .standBy
        case 8: return isVersion2 ? [argument] : nil
        case 9: return specificData()
        case 12:
            if state != .sending && state != .receiving { errors |= 1 << 22 }
            if !isStuckReceiving { state = .transfer }
        case 13: store()
        case 16: break
        case 17, 18, 24, 25:
            if state != .transfer {
                errors |= 1 << 22
                return nil
            }
            begin(index, argument)
        case 55: isApplication = true
        default: return nil
        }
        return status(before)
    }

    private func application(_ index: UInt8, _ argument: UInt32) -> [UInt32]? {
        switch index {
        case 41:
            if isHighCapacity && argument & 1 << 30 == 0 { return [0x00ff_8000] }
            pollsUntilReady -= 1
            if pollsUntilReady >= 0 { return [0x00ff_8000] }
            state = .ready
            return [0x80ff_8000 | (isHighCapacity ? 1 << 30 : 0)]
        case 51:
            state = .sending
            // Specification 2, four lines and one: bytes 02 05.
            register = [0x0000_0502, 0]
            return status(.transfer)
        case 6: return status(state)
        default: return nil
        }
    }

    private func specificData() -> [UInt32] {
        let protection: UInt32 = isProtected ? 1 << 13 : 0
        if isHighCapacity {
            let size = UInt32(blocks / 1024 - 1)
            return [protection, size << 16, size >> 16, 1 << 30]
        }
        // 512 bytes a block, a multiplier of 4 · 2^7.
        let size = UInt32(blocks / 512 - 1)
        return [protection, (size & 3) << 30 | 7 << 15, 9 << 16 | size >> 2, 0]
    }

    private func begin(_ index: UInt8, _ argument: UInt32) {
        next = isHighCapacity ? UInt64(argument) : UInt64(argument) / 512
        queue = []
        if next >= blocks {
            errors |= 1 << 31
        } else {
            state = index < 20 ? .sending : .receiving
        }
    }

    private func store() {
        isStoring = looksUntilStored > 0
        looksUntilStored -= isStoring ? 1 : 0
        if failsWhileStoring && looksUntilStored == 0 {
            errors |= 1 << 19
            failsWhileStoring = false
        }
    }

    private func pull() -> Bool {
        if let left = wordsUntilRemoval {
            if left == 0 { isPresent = false }
            wordsUntilRemoval = left - 1
        }
        return !isPresent
    }

    /// The next word of data; nil: none comes.
    func send() -> UInt32? {
        if pull() || state != .sending { return nil }
        if var words = register {
            let word = words.removeFirst()
            register = words.isEmpty ? nil : words
            if words.isEmpty { state = .transfer }
            return word
        }
        if queue.isEmpty {
            if bad.contains(next) {
                errors |= 1 << 21
                return nil
            }
            queue = words(of: next)
            next += 1
        }
        return queue.removeFirst()
    }

    /// Takes a word of data; false: the card is not there for it.
    func take(_ word: UInt32) -> Bool {
        if pull() || state != .receiving { return false }
        queue.append(word)
        if queue.count == 128 {
            if bad.contains(next) { errors |= 1 << 21 } else { content[next] = queue }
            next += 1
            queue = []
        }
        return true
    }

    /// A single block is over.
    func endSingle() { state = .transfer }
}

/// Time for tests: it goes on by a microsecond at each look, and to the end of each sleep that no
/// interrupt cuts short.
final class ModelClock {
    var nanoseconds: UInt64 = 1_000_000
    /// What a look takes, nanoseconds.
    var look: UInt64 = 1_000
    /// Nanoseconds by which each sleep ends late.
    var lateness: UInt64 = 0
    var sleeps = 0
    /// The longest time from the end of a sleep to the beginning of the next, nanoseconds.
    private(set) var longestStretch: UInt64 = 0
    private var wokeUp: UInt64 = 1_000_000
    /// Lets the device do what it does in the meantime; whether it interrupts.
    var device: () -> Bool = { false }
    /// Rounded down.
    var microseconds: UInt64 { nanoseconds / 1_000 }

    /// Sleeps until `instant`, microseconds; for 10 µs at most where something interrupts.
    func sleep(until instant: UInt64, _ interrupts: Bool) {
        sleeps += 1
        longestStretch = max(longestStretch, nanoseconds - wokeUp)
        nanoseconds =
            max(nanoseconds, interrupts ? nanoseconds + 10_000 : instant * 1_000) + lateness
        wokeUp = nanoseconds
    }
}

struct ModelPace: Pace {
    let clock: ModelClock
    var nanoseconds: UInt64 {
        clock.nanoseconds += clock.look
        return clock.nanoseconds
    }
    mutating func rest(until instant: UInt64) {
        _ = clock.device()
        clock.sleep(until: instant, false)
    }
    mutating func wait(until instant: UInt64) { clock.sleep(until: instant, clock.device()) }
}
