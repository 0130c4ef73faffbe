// The lock's memory on the machine: exclusive loads and stores, and acquire and release.

import CAArch64

/// A lock in memory that all cores share, normal and cached.
@safe public struct SharedLockMemory: LockMemory {
    private let lock: UnsafeMutablePointer<SwiftletLock>

    /// - Precondition: the memory is zero at first, aligned to 64 bytes, and stays.
    @inline(__always) public init(_ lock: UnsafeMutablePointer<SwiftletLock>) {
        unsafe self.lock = lock
    }

    // Safety: the memory holds a lock for as long as the kernel runs.
    @inline(__always) public mutating func take(_ core: Int) -> Bool {
        unsafe swiftlet_lock_take(lock, LockWord.mask(core)) != 0
    }
    @inline(__always) public mutating func raise(_ core: Int, to urgency: Urgency) -> LockWord {
        LockWord(
            bits: unsafe swiftlet_lock_raise(
                lock, LockWord.mask(core), LockWord(core, urgency).bits))
    }
    @inline(__always) public mutating func tryRaise(_ core: Int, to urgency: Urgency) -> Bool {
        unsafe swiftlet_lock_try_raise(
            lock, LockWord.mask(core), LockWord(core, urgency).bits) != 0
    }
    @inline(__always) public mutating func clear(_ core: Int) -> LockWord {
        LockWord(bits: unsafe swiftlet_lock_clear(lock, LockWord.mask(core)))
    }
    @inline(__always) public func look() -> LockWord {
        LockWord(bits: unsafe swiftlet_lock_look(lock))
    }
    @inline(__always) public mutating func grant(_ core: Int) {
        unsafe swiftlet_lock_grant(lock, UInt64(truncatingIfNeeded: core))
    }
    @inline(__always) public mutating func acceptGrant(_ core: Int) -> Bool {
        unsafe swiftlet_lock_accept(lock, UInt64(truncatingIfNeeded: core)) != 0
    }
    @inline(__always) public func turn(inBand: Bool) -> Int {
        Int(truncatingIfNeeded: unsafe swiftlet_lock_turn(lock, inBand ? 1 : 0) &>> 3)
    }
    @inline(__always) public mutating func setTurn(inBand: Bool, _ core: Int) {
        unsafe swiftlet_lock_set_turn(lock, inBand ? 1 : 0, UInt64(truncatingIfNeeded: core) &<< 3)
    }
}
