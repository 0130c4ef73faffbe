// What a task may ask of one service: rights that its badge carries.

import Protocols

/// One service that a task opens.
public struct ServiceAccess: Equatable, Sendable {
    /// `gpio`, or one of several instances: `gpio.1`.
    public var service: Name
    /// Bit n - 1: method n.
    public var methods: UInt32
    /// Bit n: resource n, such as a pin; 0: all resources.
    public var resources: UInt64

    public init(_ service: Name, methods: UInt32 = .max, resources: UInt64 = 0) {
        self.service = service
        self.methods = methods
        self.resources = resources
    }

    /// Adds what another entry for the same service allows.
    ///
    /// - Returns: false if one of the two entries names resources, and the other names none.
    public mutating func unite(with other: ServiceAccess) -> Bool {
        if (resources == 0) != (other.resources == 0) { return false }
        methods |= other.methods
        resources |= other.resources
        return true
    }
}

extension TaskDescription {
    /// Returns what the task may ask of a service; nil if it may not open it.
    ///
    /// An entry for `gpio` is also for the further instances `gpio.1` and so on, unless they have
    /// entries of their own. If it names resources, it is for `gpio` alone: pin 17 of another bank
    /// is another pin.
    public func access(to service: Name) -> ServiceAccess? {
        for entry in opens where entry.service == service { return entry }
        let plain = service.withoutNumber
        if plain == service { return nil }
        for entry in opens where entry.service == plain && entry.resources == 0 { return entry }
        return nil
    }
}

extension TaskDescription {
    /// Whether the task opens a service that the name service gives. Log, supervisor and the root
    /// task's services are in the task's first slots.
    public var opensByName: Bool {
        opens.contains {
            $0.service != Name("log") && $0.service != Name("supervisor")
                && RootService(named: $0.service) == nil
        }
    }
    /// The methods of one of the root task's services that the task may call, a bit each.
    public func methods(of service: RootService) -> UInt32 {
        access(to: Name(service.name))?.methods ?? 0
    }
}

extension RootService {
    /// The service that the manifest calls so.
    public init?(named name: Name) {
        for number in 1...UInt16(RootService.count) as ClosedRange<UInt16> {
            if let service = RootService(rawValue: number), Name(service.name) == name {
                self = service
                return
            }
        }
        return nil
    }
}

extension [TaskDescription] {
    /// The sets of resources that clients of a service may use, by their numbers from 1.
    public func resourceSets(of service: Name) -> [UInt64] {
        var sets: [UInt64] = []
        for task in self {
            let resources = task.access(to: service)?.resources ?? 0
            if resources != 0 { sets.append(resources) }
        }
        return sets
    }

    /// The number of a client's set of resources: its place among those that these tasks have of
    /// the service, from 1. 0: the client may use all.
    public func resourceSet(of client: Name, for service: Name) -> UInt16 {
        var number: UInt16 = 0
        for task in self {
            let isLimited = task.access(to: service)?.resources ?? 0 != 0
            if isLimited { number += 1 }
            if task.name == client { return isLimited ? number : 0 }
        }
        return 0
    }
}
