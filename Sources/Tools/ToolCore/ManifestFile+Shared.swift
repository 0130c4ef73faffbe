// [[shared]]: memory, queues and rings that tasks share by a name.

import Protocols
import ServiceCores

enum SharedKey: String, CaseIterable {
    case name, kind, capacity, bytes, cells, tasks, writers, readers, producer, consumer
    case itemBytes = "item_bytes"
}

/// A share, and where the file describes it.
struct ListedSharing {
    var description: SharedDescription
    private let place: TablePlace<SharedKey>

    init(reading fields: Fields<SharedKey>) throws {
        var fields = fields
        let name = try fields.readName(.name)
        if let name { fields.place.name = "shared \(name.text)" }
        try fields.checkKeys()
        place = fields.place
        let text = try fields.required(.kind, try fields.text(.kind))
        guard let kind = SharedKind.named(text) else {
            throw fields.error(.kind, "kind is \"memory\", \"queue\" or \"ring\", not \"\(text)\"")
        }
        if let key = SharedKey.allCases.first(where: { !kind.keys.contains($0) && fields.has($0) })
        {
            let keys = kind.keys.map(\.rawValue).joined(separator: ", ")
            throw fields.error(key, "\(key.rawValue) is not for a \(text), which has \(keys)")
        }
        let sizeKey: SharedKey = kind == .memory ? .bytes : .capacity
        description = SharedDescription(
            name: try fields.required(.name, name), kind: kind,
            capacity: try fields.required(sizeKey, try fields.number(sizeKey)))
        if kind != .memory {
            description.itemBytes = try fields.required(
                .itemBytes, try fields.number(.itemBytes))
        }
        description.cells = try fields.number(.cells) ?? 0
        for key in kind.keys {
            for task in try fields.tasks(key) {
                description.users.append(
                    SharedUser(task: task, isWriter: key != .readers && key != .consumer))
            }
        }
    }

    func error(_ key: SharedKey?, _ text: String) -> ToolError { place.error(key, text) }

    /// The rule that the share breaks, and what to write.
    func error(_ fault: SharedFault) -> ToolError {
        let kind = description.kind
        let most = SharedDescription.maximumBytes
        switch fault {
        case .name: return error(.name, "name has 1 to 32 bytes")
        case .duplicate: return error(.name, "another [[shared]] before it has the same name")
        case .capacity:
            switch kind {
            case .memory: return error(.bytes, "bytes is 1 to \(most)")
            case .queue:
                return error(.capacity, "capacity of a queue is 1 to \(SharedKind.queueMaximum)")
            case .ring:
                return error(.capacity, "capacity of a ring is a power of two, at most \(most)")
            }
        case .itemBytes: return error(.itemBytes, "item_bytes is 1 to \(most)")
        case .bytes:
            return error(
                .capacity,
                "\(description.capacity) items of \(description.itemBytes) bytes take "
                    + "\(description.bytes) bytes; at most \(most) are shared under one name")
        case .cells: return error(.cells, "cells is 0 to \(SharedDescription.maximumCells)")
        case .users: return error(kind.usersKey, description.userRule)
        case .unknownTask(let task):
            return error(key(of: task), "no task of the board is called \(task.text)")
        case .rootView(let task):
            return error(
                key(of: task),
                "the task \(task.text) has the privilege root_view: no place for what is shared")
        case .tooManyOfTask(let task):
            return error(
                key(of: task),
                "the task \(task.text) has \(ShareLimits.ofTask) of them already, "
                    + "and has at most as many")
        }
    }

    /// The key under which a task stands.
    private func key(of task: Name) -> SharedKey {
        let isWriter = description.users.first { $0.task == task }?.isWriter == true
        switch description.kind {
        case .memory: return isWriter ? .writers : .readers
        case .queue: return .tasks
        case .ring: return isWriter ? .producer : .consumer
        }
    }
}

extension Fields<SharedKey> {
    /// The tasks that a key names; none under a key that is left out, or names no tasks.
    fileprivate func tasks(_ key: SharedKey) throws -> [Name] {
        switch key {
        case .tasks, .writers, .readers: return try readNames(key)
        case .producer, .consumer: return [try required(key, try readName(key))]
        case .name, .kind, .capacity, .bytes, .cells, .itemBytes: return []
        }
    }
}

extension SharedKind {
    fileprivate static func named(_ text: String) -> SharedKind? {
        allCases.first { "\($0)" == text }
    }

    /// The keys of a share of this kind, its writers before its readers.
    fileprivate var keys: [SharedKey] {
        switch self {
        case .memory: [.name, .kind, .bytes, .cells, .writers, .readers]
        case .queue: [.name, .kind, .capacity, .itemBytes, .tasks]
        case .ring: [.name, .kind, .capacity, .itemBytes, .producer, .consumer]
        }
    }

    fileprivate var usersKey: SharedKey {
        switch self {
        case .memory: .writers
        case .queue: .tasks
        case .ring: .consumer
        }
    }
}

extension SharedDescription {
    /// Which tasks it may have.
    fileprivate var userRule: String {
        let most = SharedDescription.maximumWriters
        switch kind {
        case .memory:
            return
                "writers has 1 to \(most) tasks, and with readers there are 2 to "
                + "\(SharedDescription.maximumUsers), each named once"
        case .queue: return "tasks has 2 to \(most) tasks, each named once"
        case .ring: return "consumer is another task than producer"
        }
    }
}
