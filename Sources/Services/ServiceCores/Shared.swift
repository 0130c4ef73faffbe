// What tasks share by a name: memory, message queues and rings. The root task makes each at boot,
// from memory of its own, and maps it in each life of the tasks that the manifest names.

import KernelABI
import Protocols

/// A task that takes part in a share.
public struct SharedUser: Equatable, Sendable {
    /// The task's name. Of a driver of several devices the first one takes part.
    public var task: Name
    /// It writes to the first area: a writer, or a ring's producer.
    public var isWriter: Bool

    public init(task: Name, isWriter: Bool) {
        self.task = task
        self.isWriter = isWriter
    }
}

/// Memory, a queue or a ring that tasks share.
public struct SharedDescription: Equatable, Sendable {
    public var name: Name
    public var kind: SharedKind
    /// Bytes of memory; items of a queue or a ring.
    public var capacity: UInt32
    /// From one item to the next; 1 for memory.
    public var itemBytes: UInt32 = 1
    /// Cells of memory, for mutexes and what stands on cells.
    public var cells: UInt8 = 0
    public var users: [SharedUser] = []

    public init(name: Name, kind: SharedKind, capacity: UInt32) {
        self.name = name
        self.kind = kind
        self.capacity = capacity
    }

    /// Bytes of the largest share.
    public static let maximumBytes = 1 << 20
    /// Cells of a memory's mutex set.
    public static let maximumCells: UInt8 = 64
    /// Tasks that write to one share: their threads are the participants of one mutex set.
    public static let maximumWriters =
        (1 << Limits.mutexBits.upperBound) / ShareLimits.participants
    /// Tasks of one share.
    public static let maximumUsers = 32

    /// Bytes of the first area.
    public var bytes: Int { kind.bytes(capacity: Int(capacity), itemBytes: Int(itemBytes)) }
    /// Pages of the first area.
    public var pages: Int { (bytes + 4095) / 4096 }
    /// Cells of its mutex set; 0: it has none.
    public var setCells: Int {
        switch kind {
        case .memory: Int(cells)
        case .queue: SharedKind.queueCells
        case .ring: 0
        }
    }
    /// Whether there is a second area: the page of the mutex set, or the consumer's.
    public var hasPage: Bool { kind == .ring || setCells > 0 }
    /// Binary logarithm of the cells and participants of its mutex set.
    public var setBits: Int {
        let writers = users.filter { $0.isWriter }.count
        var bits = Limits.mutexBits.lowerBound
        while 1 << bits < max(setCells, writers * ShareLimits.participants) { bits += 1 }
        return bits
    }
    /// Pages of addresses in each task, with those that are not mapped.
    public var span: Int { pages + (hasPage ? 3 : 1) }
    /// Binary logarithm of the slots in which the root task keeps its parts: two for the mutex set
    /// or the notifications, one for the second area, and one for each page of the first.
    public var tableBits: Int {
        var bits = Limits.tableBits.lowerBound
        while 1 << bits < 3 + pages { bits += 1 }
        return bits
    }
    /// Bytes that the root task takes from the machine's memory for it.
    public var footprint: Int {
        var bytes = Footprint.descriptor(.capabilityTable, sizeBits: tableBits)
        bytes += (pages + (hasPage ? 1 : 0)) * (4096 + Footprint.descriptor(.frame))
        if kind == .ring {
            bytes += 2 * Footprint.descriptor(.notification)
        } else if setCells > 0 {
            bytes += Footprint.descriptor(.mutexSet, sizeBits: setBits)
        }
        return bytes
    }
    /// Bytes of its pages.
    public var memory: UInt64 { UInt64(pages + (hasPage ? 1 : 0)) * 4096 }

    /// Whether a user has the second area.
    public func hasPage(_ user: SharedUser) -> Bool {
        hasPage && (kind == .ring || user.isWriter)
    }
}

/// Why a share is refused.
public enum SharedFault: Sendable, Equatable {
    /// Another one before it has the same name.
    case duplicate
    case name
    case capacity
    case itemBytes
    case bytes
    case cells
    /// Too few tasks or too many, or one that is named twice.
    case users
    case unknownTask(Name)
    /// The task has the root task's view, which has no place for it.
    case rootView(Name)
    /// The task has more than `ShareLimits.ofTask`.
    case tooManyOfTask(Name)
}

/// What one task has of a share.
public struct SharePart: Sendable {
    /// Its number among the manifest's shares.
    public let index: Int
    /// The task's number among its users.
    public let user: Int
    /// Pages before its first area, from the start of the task's shared memory.
    public let page: Int
}

extension Manifest {
    /// The most shares of a manifest.
    public static let maximumShares = 32

    func checkShares() throws(ManifestError) {
        if shares.count > Manifest.maximumShares { throw .tooManyShares }
        for index in 0..<shares.count {
            if let fault = fault(of: index) { throw .badShare(index, fault) }
        }
    }

    private func fault(of index: Int) -> SharedFault? {
        let share = shares[index]
        for other in 0..<index where shares[other].name == share.name { return .duplicate }
        if let fault = share.fault { return fault }
        for user in share.users {
            guard let task = task(named: user.task) else { return .unknownTask(user.task) }
            if task.privileges.contains(.rootView) { return .rootView(user.task) }
            let before = shares[...index].filter { $0.users.contains { $0.task == user.task } }
            if before.count > ShareLimits.ofTask { return .tooManyOfTask(user.task) }
        }
        return nil
    }
}

extension SharedDescription {
    /// The rule that it breaks on its own.
    fileprivate var fault: SharedFault? {
        if name.isEmpty { return .name }
        let isPower = capacity & (capacity &- 1) == 0
        switch kind {
        case .memory where itemBytes != 1: return .itemBytes
        case .queue where capacity > SharedKind.queueMaximum: return .capacity
        case .ring where !isPower: return .capacity
        default: break
        }
        if capacity == 0 || capacity > SharedDescription.maximumBytes { return .capacity }
        if itemBytes == 0 || itemBytes > SharedDescription.maximumBytes { return .itemBytes }
        if bytes > SharedDescription.maximumBytes { return .bytes }
        if cells > (kind == .memory ? SharedDescription.maximumCells : 0) { return .cells }
        return areUsersGood ? nil : .users
    }

    private var areUsersGood: Bool {
        for index in 0..<users.count {
            for other in 0..<index where users[other].task == users[index].task { return false }
        }
        let writers = users.filter { $0.isWriter }.count
        if users.count < 2 || users.count > SharedDescription.maximumUsers { return false }
        switch kind {
        case .memory: return writers >= 1 && writers <= SharedDescription.maximumWriters
        case .queue:
            return writers == users.count && writers <= SharedDescription.maximumWriters
        case .ring: return users.count == 2 && users[0].isWriter && !users[1].isWriter
        }
    }

    func encode(to out: inout ByteWriter) {
        out.name(name)
        out.byte(kind.rawValue)
        out.word32(capacity)
        out.word32(itemBytes)
        out.byte(cells)
        out.byte(UInt8(truncatingIfNeeded: users.count))
        for user in users {
            out.name(user.task)
            out.byte(user.isWriter ? 1 : 0)
        }
    }

    static func decode(
        _ bytes: Span<UInt8>, _ reader: inout ByteReader, _ index: Int
    ) throws(ManifestError) -> SharedDescription {
        let name = try reader.name(bytes, index)
        guard let kind = SharedKind(rawValue: try reader.byte(bytes)) else {
            throw .badShare(index, .name)
        }
        var share = SharedDescription(
            name: name, kind: kind, capacity: try reader.word32(bytes))
        share.itemBytes = try reader.word32(bytes)
        share.cells = try reader.byte(bytes)
        for _ in 0..<(try reader.byte(bytes)) {
            let task = try reader.name(bytes, index)
            let flag = try reader.byte(bytes)
            if flag > 1 { throw .badShare(index, .users) }
            share.users.append(SharedUser(task: task, isWriter: flag == 1))
        }
        return share
    }
}

extension [SharedDescription] {
    /// What a task has of each share that names it, in the order of the shares.
    public func parts(of task: Name) -> [SharePart] {
        var parts: [SharePart] = []
        var page = 0
        for index in 0..<count {
            for user in 0..<self[index].users.count where self[index].users[user].task == task {
                parts.append(SharePart(index: index, user: user, page: page))
                page += self[index].span
            }
        }
        return parts
    }
}
