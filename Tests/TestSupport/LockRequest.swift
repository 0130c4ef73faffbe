// How urgently a core of a model machine asks for the lock.

@testable import KernelCore

extension Kernel where H: ~Copyable {
    /// The priority of the most urgent deadline that is due; -1: none is.
    public var duePriority: Int {
        var search = DeadlineSearch()
        if !start(&search) { return -1 }
        while goOn(&search) {}
        return conclude(search) ?? -1
    }
    /// The priority at which a core that waits in the middle of its scheduling loop asks for the
    /// lock, if no line is pending.
    public var requestPriority: Int {
        mutating get { max(priority, max(askedPriority, duePriority)) }
    }
}
