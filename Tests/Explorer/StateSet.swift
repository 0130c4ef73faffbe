// The memory of the search: hashes of the states that it met, the first path to each, and the
// states still to be expanded.

import Foundation

/// A set of 64-bit hashes: open addressing, half full at most.
struct HashSet64 {
    private var slots: [UInt64]
    private(set) var count = 0
    init(capacity: Int) { slots = Array(repeating: 0, count: max(1024, capacity.nextPowerOf2 * 2)) }

    /// - Returns: whether it was new.
    mutating func insert(_ hash: UInt64) -> Bool {
        let hash = hash == 0 ? 1 : hash
        if count * 2 >= slots.count { grow() }
        if !place(hash) { return false }
        count += 1
        return true
    }
    private mutating func place(_ hash: UInt64) -> Bool {
        slots.withUnsafeMutableBufferPointer { slots in
            var at = Int(truncatingIfNeeded: hash) & (slots.count - 1)
            while slots[at] != 0 {
                if slots[at] == hash { return false }
                at = (at + 1) & (slots.count - 1)
            }
            slots[at] = hash
            return true
        }
    }
    private mutating func grow() {
        let old = slots
        slots = Array(repeating: 0, count: old.count * 2)
        for hash in old where hash != 0 { _ = place(hash) }
    }
}

extension Int {
    fileprivate var nextPowerOf2: Int {
        self <= 1 ? 1 : 1 << (Int.bitWidth - (self - 1).leadingZeroBitCount)
    }
}

/// The first path to a state: the state before, and the step from there.
struct Origin {
    var parent: UInt32
    var action: UInt8
    /// The core that makes the step, whether it had to wait for the lock before, and the event.
    private var way: UInt8
    /// The thread that runs on that core; -1: the core is idle.
    var thread: Int8
    /// The look at which the event comes; -1: at none.
    private(set) var look: Int8 = -1

    init(parent: Int, _ move: Move, thread: Int?) {
        self.parent = UInt32(parent)
        action = UInt8(move.action)
        way = UInt8(move.core) | (move.isWaited ? 8 : 0)
        self.thread = Int8(thread ?? -1)
    }

    var core: Int { Int(way & 7) }
    var isWaited: Bool { way & 8 != 0 }
    /// What happens at that look.
    var event: Event? { look < 0 ? nil : Event(rawValue: way >> 4) }
    func with(_ event: Event, atLook look: Int) -> Origin {
        var origin = self
        origin.look = Int8(look)
        origin.way = way & 15 | event.rawValue << 4
        return origin
    }
}

/// A step that a core may make: an action by its number.
struct Move {
    var action: Int
    var core = 0
    /// Whether the core had to wait for the lock before it makes its call.
    var isWaited = false
}

/// States of one depth. Each is stored as its difference to the first state: a bitmap of changed
/// words, then these words.
struct Level {
    private var words: [UInt64] = []
    private(set) var count = 0
    private let size: Int
    private let bitmapWords: Int
    private var at = 0

    init(size: Int) {
        self.size = size
        bitmapWords = (size + 63) / 64
    }

    mutating func append(
        _ number: Int, _ state: UnsafePointer<UInt64>, _ first: UnsafePointer<UInt64>
    ) {
        count += 1
        words.append(UInt64(number))
        let bitmap = words.count
        for _ in 0..<bitmapWords { words.append(0) }
        for index in 0..<size where state[index] != first[index] {
            words[bitmap + index / 64] |= 1 << UInt64(index % 64)
            words.append(state[index])
        }
    }

    /// The next state, written to `state`, and its number; nil: no more.
    mutating func next(_ state: UnsafeMutablePointer<UInt64>, _ first: UnsafePointer<UInt64>)
        -> Int?
    {
        if at >= words.count { return nil }
        let number = Int(words[at])
        let bitmap = at + 1
        at = bitmap + bitmapWords
        memcpy(state, first, size * 8)
        for word in 0..<bitmapWords {
            var bits = words[bitmap + word]
            while bits != 0 {
                state[word * 64 + bits.trailingZeroBitCount] = words[at]
                at += 1
                bits &= bits - 1
            }
        }
        return number
    }
}
