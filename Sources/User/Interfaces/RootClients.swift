// Clients of the root task's services. A task has their capabilities from its start, so none is
// opened by its name.

extension TasksClient {
    /// A client of the root task, for a task whose manifest entry opens `tasks`.
    public init() { self.init(Endpoint(StartSlot.root(.tasks))) }
}
extension InspectionClient {
    /// A client of the root task, for a task whose manifest entry opens `inspection`.
    public init() { self.init(Endpoint(StartSlot.root(.inspection))) }
}
extension DriversClient {
    /// A client of the root task, for a task whose manifest entry opens `drivers`.
    public init() { self.init(Endpoint(StartSlot.root(.drivers))) }
}
extension ConnectionsClient {
    /// A client of the root task, for a task whose manifest entry opens `connections`.
    public init() { self.init(Endpoint(StartSlot.root(.connections))) }
}
extension MachineClient {
    /// A client of the root task, for a task whose manifest entry opens `machine`.
    public init() { self.init(Endpoint(StartSlot.root(.machine))) }

    /// Switches the machine off, or starts it anew. It returns only by an error.
    public func end(by end: MachineEnd) throws(SystemError) {
        switch end {
        case .reboot: try reboot(by: .never)
        case .powerOff(let status): try powerOff(status: status, by: .never)
        }
    }
}
extension SharesClient {
    /// A client of the root task, for a task whose threads share a mutex set.
    public init() { self.init(Endpoint(StartSlot.root(.shares))) }
}
