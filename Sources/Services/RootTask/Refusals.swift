// Which refusals the log has been told of: a task that asks in a loop fills no log.

import Protocols

/// The methods that the root task has refused to tasks.
struct Refusals {
    /// By task and service: bit n - 1 for method n.
    private var told: [UInt32] = []

    /// Notes a refusal.
    ///
    /// - Parameters:
    ///   - task: the index of the task.
    ///   - method: 1 to 32.
    /// - Returns: whether it is the first of its kind.
    mutating func isNew(task: Int, _ service: RootService, _ method: UInt64) -> Bool {
        let place = task * RootService.count + Int(service.rawValue) - 1
        while told.count <= place { told.append(0) }
        let bit: UInt32 = 1 << UInt32(method - 1)
        defer { told[place] |= bit }
        return told[place] & bit == 0
    }
}
