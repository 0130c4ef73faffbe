// The manifest's binary form. All numbers are little-endian; nothing is aligned, so that a reader
// trusts no offset.
//
//   magic "SWFMANI1" (8 bytes) · version (4) · taken where no other fits (1)
//   number of boards (1), each length (1) and bytes
//   number of tasks (4), then for each task
//   name (32) · binary (32) · provides (32)
//   start (1) · order (1) · priority (1) · maximum priority (1) · arenaBits (1) · untypedBits (1)
//   register count (1) · interrupt count (1) · core (1) · waiting (1) · flags (1): bit 0 shares a
//   page of registers, bit 1 a line, bit 2 may be above the supervisor
//   privileges (4) · stack (4) · heap (4) · persistent (4) · slice (4)
//   budget (4) · its period (4) · its background priority (1) · heartbeat (4) · log level (1)
//   restarts (4) · initial back-off (4) · maximum back-off (4) · stable run (4) · on giving up (1)
//   methods of the own service that are open to each client (4)
//   number of opens (1), each a name (32) · methods (4) · resources (8)
//   number of compatible (1), each length (1) and bytes
//   number of threads (1), each a name (32) · priority (1) · core (1), 255: none · stack (4)
//   number of shares (4), then for each share
//   name (32) · kind (1) · capacity (4) · bytes of an item (4) · cells (1)
//   number of users (1), each a task's name (32) · 1 if it writes (1)

import KernelABI

import Protocols

extension Manifest {
    static let magic: [UInt8] = [0x53, 0x57, 0x46, 0x4d, 0x41, 0x4e, 0x49, 0x31]
    static let version: UInt32 = 11

    /// The binary form, checked by the same rules as `decode`.
    public func encode() throws(ManifestError) -> [UInt8] {
        try check()
        var out = ByteWriter()
        for byte in Manifest.magic { out.byte(byte) }
        out.word32(Manifest.version)
        boards.encode(to: &out)
        out.word32(UInt32(tasks.count))
        for task in tasks { task.encode(to: &out) }
        out.word32(UInt32(shares.count))
        for share in shares { share.encode(to: &out) }
        return out.bytes
    }

    /// Reads a manifest. Total: any bytes give a manifest that keeps every rule, or an error.
    /// - Complexity: O(bytes + tasks²).
    public static func decode(_ bytes: Span<UInt8>) throws(ManifestError) -> Manifest {
        var reader = ByteReader()
        var manifest = Manifest(boards: try decodeHead(bytes, &reader))
        let count = try reader.word32(bytes)
        if count > UInt32(maximumTasks) { throw .tooManyTasks }
        for index in 0..<Int(count) {
            manifest.tasks.append(try TaskDescription.decode(bytes, &reader, index))
        }
        let shares = try reader.word32(bytes)
        if shares > UInt32(maximumShares) { throw .tooManyShares }
        for index in 0..<Int(shares) {
            manifest.shares.append(try SharedDescription.decode(bytes, &reader, index))
        }
        if reader.offset != bytes.count { throw .trailingBytes }
        try manifest.check()
        return manifest
    }

    /// Which boards a manifest is for: its head alone.
    public static func boards(of bytes: Span<UInt8>) throws(ManifestError) -> Boards {
        var reader = ByteReader()
        return try decodeHead(bytes, &reader)
    }

    private static func decodeHead(
        _ bytes: Span<UInt8>, _ reader: inout ByteReader
    ) throws(ManifestError) -> Boards {
        for expected in magic {
            if try reader.byte(bytes) != expected { throw .wrongMagic }
        }
        if try reader.word32(bytes) != version { throw .wrongVersion }
        return try Boards.decode(bytes, &reader)
    }

    /// Throws for the first rule that the manifest or a task breaks.
    public func check() throws(ManifestError) {
        try boards.check()
        if tasks.count > Manifest.maximumTasks { throw .tooManyTasks }
        for index in 0..<tasks.count {
            try tasks[index].check(index)
            if RootService(named: tasks[index].provides) != nil { throw .duplicate(task: index) }
            for entry in tasks[index].opens where entry.resources != 0 {
                let rules = tasks.resourceRules(of: entry.service)
                if rules.count > ResourceRule.maximumCount {
                    throw .badValue(task: index, .opens)
                }
            }
            for other in 0..<index {
                if tasks[other].name == tasks[index].name { throw .duplicate(task: index) }
                let service = tasks[index].provides
                if !service.isEmpty && service == tasks[other].provides {
                    throw .duplicate(task: index)
                }
                for value in tasks[index].compatible where tasks[other].compatible.contains(value) {
                    throw .duplicate(task: index)
                }
            }
        }
        try checkSupervisor()
        try checkShares()
    }

    /// No task keeps the supervisor from running without saying why, and none keeps its watch.
    private func checkSupervisor() throws(ManifestError) {
        guard let supervisor else { return }
        for index in 0..<tasks.count where tasks[index].name != supervisor.name {
            let task = tasks[index]
            if (task.maximumPriority >= supervisor.priority) != task.isAboveSupervisor {
                throw .badValue(task: index, .aboveSupervisor)
            }
            // A task with the root task's view has the machine for itself: the watch rests
            // meanwhile.
            let isAbove = task.maximumPriority >= TaskDescription.watchPriority
            if isAbove && !task.privileges.contains(.rootView) {
                throw .badValue(task: index, .priority)
            }
        }
    }
}

extension TaskDescription {
    func encode(to out: inout ByteWriter) {
        out.name(name)
        out.name(binary)
        out.name(provides)
        out.byte(start.rawValue)
        out.byte(order)
        out.byte(priority)
        out.byte(maximumPriority)
        out.byte(arenaBits)
        out.byte(untypedBits)
        out.byte(registerCount)
        out.byte(interruptCount)
        out.byte(core)
        out.byte(waiting)
        out.byte((sharesPage ? 1 : 0) | (sharesLine ? 2 : 0) | (isAboveSupervisor ? 4 : 0))
        out.word32(privileges.raw)
        out.word32(stackBytes)
        out.word32(heapBytes)
        out.word32(persistentBytes)
        out.word32(sliceMicroseconds)
        out.word32(budget.limit)
        out.word32(budget.period)
        out.byte(budget.background)
        out.word32(heartbeat)
        out.byte(logLevel.rawValue)
        out.word32(UInt32(restart.maximumRestarts))
        out.word32(restart.initialBackOff)
        out.word32(restart.maximumBackOff)
        out.word32(restart.stableRun)
        out.byte(restart.onGiveUp.rawValue)
        out.word32(openMethods)
        out.byte(UInt8(truncatingIfNeeded: opens.count))
        for access in opens {
            out.name(access.service)
            out.word32(access.methods)
            out.word32(UInt32(truncatingIfNeeded: access.resources))
            out.word32(UInt32(truncatingIfNeeded: access.resources >> 32))
        }
        out.values(compatible)
        out.byte(UInt8(truncatingIfNeeded: threads.count))
        for thread in threads {
            out.name(thread.name)
            out.byte(thread.priority)
            out.byte(thread.core ?? .max)
            out.word32(thread.stackBytes)
        }
    }

    static func decode(
        _ bytes: Span<UInt8>, _ reader: inout ByteReader, _ index: Int
    ) throws(ManifestError) -> TaskDescription {
        let name = try reader.name(bytes, index)
        var task = TaskDescription(name: name, binary: try reader.name(bytes, index))
        task.provides = try reader.name(bytes, index)
        guard let start = StartMode(rawValue: try reader.byte(bytes)) else {
            throw .badValue(task: index, .start)
        }
        task.start = start
        task.order = try reader.byte(bytes)
        task.priority = try reader.byte(bytes)
        task.maximumPriority = try reader.byte(bytes)
        task.arenaBits = try reader.byte(bytes)
        task.untypedBits = try reader.byte(bytes)
        task.registerCount = try reader.byte(bytes)
        task.interruptCount = try reader.byte(bytes)
        task.core = try reader.byte(bytes)
        task.waiting = try reader.byte(bytes)
        let flags = try reader.byte(bytes)
        if flags > 7 { throw .badValue(task: index, .shares) }
        task.sharesPage = flags & 1 != 0
        task.sharesLine = flags & 2 != 0
        task.isAboveSupervisor = flags & 4 != 0
        task.privileges = Privileges(raw: try reader.word32(bytes))
        task.stackBytes = try reader.word32(bytes)
        task.heapBytes = try reader.word32(bytes)
        task.persistentBytes = try reader.word32(bytes)
        task.sliceMicroseconds = try reader.word32(bytes)
        task.budget.limit = try reader.word32(bytes)
        task.budget.period = try reader.word32(bytes)
        task.budget.background = try reader.byte(bytes)
        task.heartbeat = try reader.word32(bytes)
        guard let level = LogLevel(rawValue: try reader.byte(bytes)) else {
            throw .badValue(task: index, .logLevel)
        }
        task.logLevel = level
        let restarts = try reader.word32(bytes)
        guard restarts <= UInt32(UInt16.max) else { throw .badValue(task: index, .restart) }
        task.restart.maximumRestarts = UInt16(restarts)
        task.restart.initialBackOff = try reader.word32(bytes)
        task.restart.maximumBackOff = try reader.word32(bytes)
        task.restart.stableRun = try reader.word32(bytes)
        guard let onGiveUp = GiveUp(rawValue: try reader.byte(bytes)) else {
            throw .badValue(task: index, .onGiveUp)
        }
        task.restart.onGiveUp = onGiveUp
        try task.decodeLists(bytes, &reader, index)
        return task
    }

    private mutating func decodeLists(
        _ bytes: Span<UInt8>, _ reader: inout ByteReader, _ index: Int
    ) throws(ManifestError) {
        openMethods = try reader.word32(bytes)
        for _ in 0..<(try reader.byte(bytes)) {
            let service = try reader.name(bytes, index)
            let methods = try reader.word32(bytes)
            let low = try reader.word32(bytes)
            let resources = UInt64(low) | UInt64(try reader.word32(bytes)) << 32
            opens.append(ServiceAccess(service, methods: methods, resources: resources))
        }
        compatible = try reader.values(bytes)
        for _ in 0..<(try reader.byte(bytes)) {
            let name = try reader.name(bytes, index)
            var thread = ThreadDescription(name: name, priority: try reader.byte(bytes))
            let core = try reader.byte(bytes)
            thread.core = core == .max ? nil : core
            thread.stackBytes = try reader.word32(bytes)
            threads.append(thread)
        }
    }

    /// Throws for the first rule that this description breaks; `index` names it in the error.
    func check(_ index: Int) throws(ManifestError) {
        if name.isEmpty || binary.isEmpty { throw .badName(task: index) }
        if maximumPriority < priority { throw .badValue(task: index, .maximumPriority) }
        if core >= TaskDescription.cores { throw .badValue(task: index, .core) }
        if !budget.isGood(priority) { throw .badValue(task: index, .budget) }
        if privileges.raw & ~Privileges.known.raw != 0 { throw .badValue(task: index, .privileges) }
        try checkMemory(index)
        let backOff = restart.initialBackOff
        if restart.maximumRestarts > 0 && (backOff == 0 || backOff > restart.maximumBackOff) {
            throw .badValue(task: index, .restart)
        }
        if restart.maximumRestarts == 0 && restart.onGiveUp == .keepTrying {
            throw .badValue(task: index, .onGiveUp)
        }
        try checkOpens(index)
        let isTooLong = compatible.count > TaskDescription.maximumCompatible
        if isTooLong || (start == .device) == compatible.isEmpty {
            throw .badValue(task: index, .compatible)
        }
        for value in compatible where !value.isGood { throw .badValue(task: index, .compatible) }
        try checkThreads(index)
    }

    private func checkOpens(_ index: Int) throws(ManifestError) {
        if opens.count > TaskDescription.maximumOpens { throw .badValue(task: index, .opens) }
        for number in 0..<opens.count {
            let access = opens[number]
            if access.service.isEmpty { throw .badName(task: index) }
            if access.methods == 0 { throw .badValue(task: index, .opens) }
            for other in opens[..<number] where other.service == access.service {
                if other.methods & access.methods != 0 || other.resources == access.resources {
                    throw .badValue(task: index, .opens)
                }
            }
        }
    }

    private func checkThreads(_ index: Int) throws(ManifestError) {
        let isTooMany = threads.count > ThreadMemory.maximumCount
        // Such a task's table and memory are laid out as the root task's: the runtime lists none.
        if isTooMany || !threads.isEmpty && privileges.contains(.rootView) {
            throw .badValue(task: index, .threads)
        }
        for number in 0..<threads.count {
            if threads[number].name.isEmpty { throw .badName(task: index) }
            if !threads[number].isGood(self) { throw .badValue(task: index, .threads) }
            for other in 0..<number where threads[other].name == threads[number].name {
                throw .badValue(task: index, .threads)
            }
        }
        let memory = untypedBits == 0 ? 0 : 1 << Int(untypedBits)
        if threadMemory > memory { throw .badValue(task: index, .threadMemory) }
    }

    private func checkMemory(_ index: Int) throws(ManifestError) {
        let page: UInt32 = 4096
        let most = TaskDescription.maximumMemory
        if stackBytes == 0 || stackBytes % page != 0 || stackBytes > most {
            throw .badValue(task: index, .stackBytes)
        }
        if heapBytes % page != 0 || heapBytes > most { throw .badValue(task: index, .heapBytes) }
        if persistentBytes % page != 0 || persistentBytes > TaskDescription.maximumPersistent {
            throw .badValue(task: index, .persistentBytes)
        }
        if arenaBits < 16 || arenaBits > 28 { throw .badValue(task: index, .arenaBits) }
        if untypedBits != 0 && (untypedBits < 12 || untypedBits > 28) {
            throw .badValue(task: index, .untypedBits)
        }
        if registerCount > 4 { throw .badValue(task: index, .registerCount) }
        if Int(interruptCount) > TaskDescription.maximumInterrupts {
            throw .badValue(task: index, .interruptCount)
        }
        let holds = CallerLimits.least...CallerLimits.most
        if !holds.contains(Int(waiting)) { throw .badValue(task: index, .waiting) }
        if heartbeat != 0 && heartbeat < 10 { throw .badValue(task: index, .heartbeat) }
    }
}
