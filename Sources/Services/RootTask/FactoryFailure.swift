// Why a step of the factory failed.

import Interfaces

/// How much memory was lacking, in bytes.
struct Shortage {
    var needed: UInt64
    /// Of the arena, or of the machine.
    var total: UInt64
    /// Of the machine's memory.
    var free: UInt64 = 0
    var largest: UInt64 = 0
}

/// Why a step failed.
struct FactoryFailure: Error {
    var cause: RootError
    /// A client had the task killed while it was loaded. It may have been begun anew meanwhile.
    var isWithdrawal = false
    /// Of `noMemory` and `arenaTooSmall`.
    private(set) var shortage: Shortage?
    init(_ cause: RootError) { self.cause = cause }

    static var withdrawal: FactoryFailure {
        var failure = FactoryFailure(.wrongState)
        failure.isWithdrawal = true
        return failure
    }

    func lacking(_ shortage: Shortage) -> FactoryFailure {
        var failure = self
        failure.shortage = shortage
        return failure
    }
}
