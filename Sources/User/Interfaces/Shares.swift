// The root task's service `shares`. Programs reach it by what they share
// (Sources/User/UserRuntime/SharedMemory.swift).

/// Lets threads take part in what their task shares with others. A task has it whose threads share
/// a mutex set, without an entry under `opens`.
@Service(version: 1)
public protocol Shares {
    /// Makes the caller's thread in a place a participant of the mutex set of one of the task's
    /// shares.
    ///
    /// - Parameters:
    ///   - place: of the thread.
    ///   - share: the number of the share in the order of the task's.
    @Method(1) func join(_ place: UInt8, share: UInt8) throws(RootError)
}
