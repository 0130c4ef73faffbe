// Authority beyond a task's own memory, as its manifest entry lists it, and what each request to
// the root task needs. It looks the caller up by its badge, which it made itself: a caller cannot
// choose it.

import Protocols

/// A set of authorities. A task without an entry for one holds no capability for it, or is refused
/// by `FactoryError.notPermitted`.
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
    /// Look at tasks, memory, interrupts and capabilities.
    public static let factoryInspect = Privileges(raw: 1 << 7)
    /// Start, end and break tasks.
    public static let factoryControl = Privileges(raw: 1 << 8)
    /// Read the manifest, and start drivers for devices.
    public static let factoryDevices = Privileges(raw: 1 << 9)
    /// Get services' capabilities for others.
    public static let factoryServices = Privileges(raw: 1 << 10)
    /// Switch the machine off.
    public static let factoryPower = Privileges(raw: 1 << 11)
    /// Send capabilities along with calls to the services that it opens, as one that waits for a
    /// pin's edge does.
    public static let sendCapabilities = Privileges(raw: 1 << 12)
    /// A pool of address-space numbers: without one a task makes no address spaces, whatever memory
    /// it has.
    public static let asidPool = Privileges(raw: 1 << 13)
    /// The page with the names of all tasks, mapped read-only.
    public static let taskNames = Privileges(raw: 1 << 14)
    /// Every bit that means something.
    public static let known = Privileges(raw: 1 << 15 - 1)
    /// Each of them gives a capability of the root task's factory.
    private static let factory: Privileges =
        .factoryInspect | .factoryControl | .factoryDevices | .factoryServices | .factoryPower

    /// Whether all of `other` are held.
    public func contains(_ other: Privileges) -> Bool { raw & other.raw == other.raw }
    public static func | (a: Privileges, b: Privileges) -> Privileges {
        Privileges(raw: a.raw | b.raw)
    }

    /// Whether the task may ask the factory for anything.
    public var reachFactory: Bool { raw & Privileges.factory.raw != 0 }
}

extension FactoryOperation {
    /// What its caller must hold.
    public var needed: Privileges {
        switch self {
        case .task, .taskMemory, .interrupt, .capability, .memory, .policy, .root, .activity, .core,
            .thread:
            .factoryInspect
        case .spawn, .kill, .restart, .crash, .stack, .hang, .begin, .move: .factoryControl
        case .manifest, .spawnDriver: .factoryDevices
        case .service: .factoryServices
        case .power: .factoryPower
        case .join: .none
        }
    }

    /// What is asked for, in words.
    public var text: StaticString {
        switch self {
        case .manifest: "read the manifest"
        case .spawn, .begin: "start a task"
        case .spawnDriver: "start a driver"
        case .kill: "kill"
        case .restart: "restart"
        case .move: "move a task"
        case .task, .taskMemory, .policy, .root, .activity: "look at a task"
        case .interrupt: "look at an interrupt"
        case .capability: "look at a capability"
        case .memory: "look at the memory"
        case .core: "look at a core"
        case .thread: "look at a thread"
        case .service: "get a service for another"
        case .power: "switch the machine off"
        case .crash: "crash"
        case .stack: "stop"
        case .hang: "hang"
        case .join: "let a thread join"
        }
    }
}

/// Who was refused what: told once for each task and operation, so that one who asks in a loop
/// fills no log.
public struct Refusals: Equatable, Sendable {
    private var told: [UInt32] = []
    public init() {}

    /// Notes a refusal; whether it is the first of its kind. Operations from 31 on count as one.
    /// - Complexity: O(1), but for the first of a task's.
    public mutating func isNew(task: UInt64, operation: UInt64) -> Bool {
        // Badges are the root task's numbers of tasks; no other comes here.
        guard task <= UInt64(Manifest.maximumTasks) else { return false }
        while told.count <= Int(task) { told.append(0) }
        let bit: UInt32 = 1 << UInt32(min(operation, 31))
        defer { told[Int(task)] |= bit }
        return told[Int(task)] & bit == 0
    }
}
