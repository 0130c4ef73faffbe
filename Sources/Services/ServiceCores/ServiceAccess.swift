// What a task may ask of one service: rights that its badge carries.

import Protocols

/// Methods of one service that a task may call with the same resources. No other entry of the task
/// for that service has one of the methods.
public struct ServiceAccess: Equatable, Sendable {
    /// `gpio`, or one of several instances: `gpio.1`.
    public var service: Name
    /// Bit n - 1: method n.
    public var methods: UInt32
    /// Bit n: resource n, such as a pin, that these methods may name; 0: all resources.
    public var resources: UInt64

    public init(_ service: Name, methods: UInt32 = .max, resources: UInt64 = 0) {
        self.service = service
        self.methods = methods
        self.resources = resources
    }
}

extension [ServiceAccess] {
    /// Adds what another entry allows. Each method has resources of its own.
    ///
    /// - Returns: false if a method has resources already, and the new entry names none for it, or
    ///   the other way round. Nothing is added then.
    public mutating func unite(with new: ServiceAccess) -> Bool {
        var left = new.methods
        for old in self where old.service == new.service && old.methods & new.methods != 0 {
            if (old.resources == 0) != (new.resources == 0) { return false }
        }
        for index in indices.reversed() where self[index].service == new.service {
            let old = self[index]
            let both = old.methods & new.methods
            if both == 0 { continue }
            left &= ~both
            self[index].methods &= ~both
            if self[index].methods == 0 { remove(at: index) }
            join(
                ServiceAccess(new.service, methods: both, resources: old.resources | new.resources))
        }
        join(ServiceAccess(new.service, methods: left, resources: new.resources))
        return true
    }

    /// Adds methods that no entry has, to the entry with the same resources.
    private mutating func join(_ new: ServiceAccess) {
        if new.methods == 0 { return }
        let same = firstIndex { $0.service == new.service && $0.resources == new.resources }
        if let same { self[same].methods |= new.methods } else { append(new) }
    }
}

extension TaskDescription {
    /// The entries that say what the task may ask of a service; none if it may not open it.
    ///
    /// Entries for `gpio` are also for the further instances `gpio.1` and so on, unless they have
    /// entries of their own. Those that name resources are for `gpio` alone: pin 17 of another bank
    /// is another pin.
    public func access(to service: Name) -> [ServiceAccess] {
        var entries: [ServiceAccess] = []
        eachAccess(to: service) { entries.append($0) }
        return entries
    }
    /// The methods of a service that the task may call, a bit each; 0: it may not open it.
    public func methods(of service: Name) -> UInt32 {
        var methods: UInt32 = 0
        eachAccess(to: service) { methods |= $0.methods }
        return methods
    }
    /// Whether the task names some resources of a service only, with some method.
    public func isLimited(at service: Name) -> Bool {
        var isLimited = false
        eachAccess(to: service) { if $0.resources != 0 { isLimited = true } }
        return isLimited
    }

    @inline(__always) private func eachAccess(
        to service: Name, _ body: (ServiceAccess) -> Void
    ) {
        var hasOwn = false
        for entry in opens where entry.service == service {
            hasOwn = true
            body(entry)
        }
        if hasOwn { return }
        let plain = service.withoutNumber
        if plain == service { return }
        for entry in opens where entry.service == plain && entry.resources == 0 { body(entry) }
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
        methods(of: Name(service.name))
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
    /// Which resources clients of a service may name, of all clients that may not name all: the
    /// rules of one client follow each other.
    public func resourceRules(of service: Name) -> [ResourceRule] {
        var rules: [ResourceRule] = []
        for task in self { rules += task.resourceRules(of: service) }
        return rules
    }

    /// The number of a client's first rule among those, from 1. 0: the client may name all
    /// resources.
    public func firstResourceRule(of client: Name, for service: Name) -> UInt16 {
        var number = 1
        for task in self {
            let count = task.resourceRules(of: service).count
            if task.name == client { return count == 0 ? 0 : UInt16(number) }
            number += count
        }
        return 0
    }
}

extension TaskDescription {
    /// The rules that a server of a service is told of this client; none if it may name all
    /// resources.
    fileprivate func resourceRules(of service: Name) -> [ResourceRule] {
        if !isLimited(at: service) { return [] }
        let access = access(to: service)
        return access.indices.map {
            ResourceRule(
                methods: access[$0].methods,
                resources: access[$0].resources == 0 ? .max : access[$0].resources,
                isLast: $0 == access.count - 1)
        }
    }
}
