// The methods of services, by which a manifest names rights. The program interface-pages writes the
// list from the protocols; a product outside this tree adds a list of its own services.

import Protocols
import ServiceCores

/// Which clients may call which methods of which services.
public struct MethodList {
    fileprivate struct Method {
        var name: String
        var number: UInt64
        var access: Access
        var bit: UInt32 { 1 << UInt32(number - 1) }
    }
    fileprivate enum Access: String { case open, restricted, rootOnly }

    private var services: [String: [Method]] = [:]

    public init() {}

    /// Reads the lists in files.
    public init(files: [String]) throws {
        for path in files { try add(toml: try text(of: path), path: path) }
    }

    /// Adds the services that a list holds.
    ///
    /// - Parameter path: where the text was read, for messages.
    public mutating func add(toml: String, path: String) throws {
        let added = try Fields<ListKey>.read(toml: toml, path: path) { fields in
            try fields.list(.method, of: MethodKey.self).map { fields in
                try fields.checkKeys()
                return (
                    try fields.required(.service, try fields.text(.service)),
                    try Method(reading: fields), fields
                )
            }
        }
        for (service, method, fields) in added {
            let others = services[service] ?? []
            if others.contains(where: { $0.name == method.name || $0.number == method.number }) {
                throw fields.error(
                    .name, "\(service).\(method.name) has its name or its number twice")
            }
            services[service] = others + [method]
        }
    }

    /// The methods of a service that are open to each of its clients. A service without an
    /// interface has all.
    func openMethods(of service: Name) -> UInt32 {
        guard let methods = services[service.withoutNumber.text] else { return .max }
        return methods.filter { $0.access == .open }.reduce(0) { $0 | $1.bit }
    }

    /// Gives a service whose interface has another name, such as `block`, the methods of that.
    ///
    /// - Throws: `OpensError` if no list has the interface.
    mutating func add(_ service: Name, interface: String) throws(OpensError) {
        guard let methods = services[interface] else {
            throw OpensError("no list of methods has the interface \(interface)")
        }
        services[service.text] = methods
    }

    /// Checks that a task that may call a method of the log may also send lines, as the runtime
    /// does: the task would lose its own, and nobody would hear of it.
    func checkLines(_ opens: [ServiceAccess]) throws(OpensError) {
        guard let append = services["log"]?.first(where: { $0.name == "append" }) else { return }
        let log = opens.filter { $0.service == Name("log") }
        if !log.isEmpty && !log.contains(where: { $0.methods & append.bit != 0 }) {
            throw OpensError("the task's own lines would be lost: add \"log.append\"")
        }
    }

    /// What an entry of `opens` allows.
    ///
    /// - Throws: a text that follows the entry.
    func access(_ entry: OpensEntry) throws(OpensError) -> ServiceAccess {
        var access = ServiceAccess(
            entry.service, methods: openMethods(of: entry.service), resources: entry.resources)
        guard let name = entry.method else { return access }
        let service = entry.service.withoutNumber.text
        guard let methods = services[service] else {
            throw OpensError("no list of methods has the service \(service)")
        }
        guard let method = methods.first(where: { $0.name == name }) else {
            let all = methods.sorted { $0.number < $1.number }.map(\.name)
            throw OpensError(
                "\(service) has no method `\(name)`: it has \(all.joined(separator: ", "))")
        }
        if method.access == .rootOnly { throw OpensError("that is for the root task alone") }
        access.methods = method.bit
        return access
    }
}

private enum ListKey: String, CaseIterable { case method }
private enum MethodKey: String, CaseIterable { case service, name, number, access }

extension MethodList.Method {
    fileprivate init(reading fields: Fields<MethodKey>) throws {
        name = try fields.required(.name, try fields.text(.name))
        number = try fields.required(.number, try fields.number(.number))
        if !(1...32).contains(number) { throw fields.error(.number, "number is 1 to 32") }
        let text = try fields.required(.access, try fields.text(.access))
        guard let access = MethodList.Access(rawValue: text) else {
            throw fields.error(
                .access, "access is \"open\", \"restricted\" or \"rootOnly\", not \"\(text)\"")
        }
        self.access = access
    }
}
