// Authority beyond a task's own memory and the services that it opens, as its manifest entry lists
// it.

/// A set of authorities. A task without an entry for one holds no capability for it.
public struct Privileges: Equatable, Sendable {
    public var raw: UInt32
    public init(raw: UInt32) { self.raw = raw }
    public static let none = Privileges(raw: 0)
    /// A capability of interrupt control.
    public static let interruptControl = Privileges(raw: 1 << 0)
    /// The device tree, mapped read-only.
    public static let deviceTree = Privileges(raw: 1 << 1)
    /// It starts as if it were the root task of a smaller machine: with the root task's information
    /// page and slots, the memory of `untypedBits`, and no other service.
    public static let rootView = Privileges(raw: 1 << 2)
    /// System control, right `write`: the kernel's console.
    public static let systemConsole = Privileges(raw: 1 << 3)
    /// System control, right `read`: the kernel's statistics.
    public static let systemStatistics = Privileges(raw: 1 << 4)
    /// System control, right `execute`: the kernel's record of events.
    public static let systemTrace = Privileges(raw: 1 << 5)
    /// System control, right `manage`: power, and statistics from 0.
    public static let systemPower = Privileges(raw: 1 << 6)
    /// Send capabilities along with calls to the services that it opens, as one that waits for a
    /// pin's edge does.
    public static let sendCapabilities = Privileges(raw: 1 << 7)
    /// A pool of address-space numbers: without one a task makes no address spaces, whatever memory
    /// it has.
    public static let asidPool = Privileges(raw: 1 << 8)
    /// The page with the names of all tasks, mapped read-only.
    public static let taskNames = Privileges(raw: 1 << 9)
    /// Every bit that means something.
    public static let known = Privileges(raw: 1 << 10 - 1)

    /// Whether all of `other` are held.
    public func contains(_ other: Privileges) -> Bool { raw & other.raw == other.raw }
    public static func | (a: Privileges, b: Privileges) -> Privileges {
        Privileges(raw: a.raw | b.raw)
    }
}
