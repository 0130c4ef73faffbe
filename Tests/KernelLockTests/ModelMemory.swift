// The lock's memory as values: a state of the model.

import KernelLock

/// Memory whose operations take effect at once, one after the other.
struct ModelMemory: LockMemory, Hashable {
    private(set) var bits: UInt64 = 0
    /// A bit for each core.
    private(set) var grants: UInt8 = 0
    private var turnInBand: UInt8 = 0
    private var turnBelow: UInt8 = 0

    var word: LockWord { LockWord(bits: bits) }
    func isGranted(_ core: Int) -> Bool { grants & 1 << UInt8(core) != 0 }

    mutating func take(_ core: Int) -> Bool {
        guard bits == 0 else { return false }
        bits = 0xff << UInt64(8 * core)
        return true
    }
    mutating func tryRaise(_ core: Int, to urgency: Urgency) -> Bool {
        precondition(raise(core, to: urgency).urgency(of: core) < urgency, "it is as urgent")
        return true
    }
    mutating func raise(_ core: Int, to urgency: Urgency) -> LockWord {
        let before = word
        let place = UInt64(8 * core)
        let byte = max(bits >> place & 0xff, UInt64(urgency.rawValue))
        bits = bits & ~(0xff << place) | byte << place
        return before
    }
    mutating func clear(_ core: Int) -> LockWord {
        bits &= ~(0xff << UInt64(8 * core))
        return word
    }
    func look() -> LockWord { word }
    mutating func grant(_ core: Int) {
        precondition(!isGranted(core), "a second grant before the first is accepted")
        grants |= 1 << UInt8(core)
    }
    mutating func acceptGrant(_ core: Int) -> Bool {
        let isSet = isGranted(core)
        grants &= ~(1 << UInt8(core))
        return isSet
    }
    func turn(inBand: Bool) -> Int { Int(inBand ? turnInBand : turnBelow) }
    mutating func setTurn(inBand: Bool, _ core: Int) {
        if inBand { turnInBand = UInt8(core) } else { turnBelow = UInt8(core) }
    }
}
