// What tasks share by a name of the manifest. The root task makes it once, from its own memory, so
// it survives the tasks. Each life of a task gets its capabilities and pages anew.

import Interfaces
import KernelABI
import Protocols
import ServiceCores
import UserRuntime

/// The table in which the root task keeps all parts of a share (`SharedDescription.tableBits`).
enum SharePlace {
    /// The mutex set, or the notification on which a ring's producer waits.
    static let first = Slot(0)
    /// The notification on which a ring's consumer waits.
    static let second = Slot(1)
    /// The frame of the mutex set's page, or of the ring's consumer.
    static let page = Slot(2)
    static func area(_ page: Int) -> Slot { Slot(3 + UInt32(page)) }
}

extension Factory {
    /// Makes all shares. If the memory does not suffice for a share, the root task reports that, no
    /// task gets the share, and nothing is taken for it.
    mutating func makeShares(_ descriptions: [SharedDescription]) {
        for description in descriptions {
            var held = Slot.none
            do throws(FactoryFailure) { held = try make(description) } catch {
                report(description.name, error, " is not shared: ")
            }
            shares.append(description)
            sharesHeld.append(held)
        }
    }

    /// Makes the parts of a share.
    ///
    /// - Returns: the slot of the table that keeps them.
    private mutating func make(_ share: SharedDescription) throws(FactoryFailure) -> Slot {
        try memory.require(share.footprint)
        guard let held = slots.own() else { throw FactoryFailure(.exhausted) }
        try memory.make(.capabilityTable, sizeBits: share.tableBits, at: held)
        for page in 0..<share.pages {
            try put(.frame, sizeBits: 12, to: SharePlace.area(page), in: held)
        }
        if share.hasPage { try put(.frame, sizeBits: 12, to: SharePlace.page, in: held) }
        if share.kind == .ring {
            try put(.notification, to: SharePlace.first, in: held)
            try put(.notification, to: SharePlace.second, in: held)
        } else if share.setCells > 0 {
            try put(.mutexSet, sizeBits: share.setBits, to: SharePlace.first, in: held)
            try bindPage(of: held)
        }
        return held
    }

    /// Makes an object from the machine's memory, and moves it to a table.
    private mutating func put(
        _ kind: ObjectKind, sizeBits: Int = 0, to place: Slot, in table: Slot
    ) throws(FactoryFailure) {
        try slots.outgoing.use { (slot) throws(FactoryFailure) in
            try memory.make(kind, sizeBits: sizeBits, at: slot)
            do throws(KernelError) {
                try CapabilityTable.own.move(slot, to: place, in: CapabilityTable(table))
            } catch { throw FactoryFailure(.kernel(error)) }
        }
    }

    /// Gives a share's mutex set its page. The set keeps the frame no longer than the capability
    /// that named it, so that one moves here and back.
    private func bindPage(of held: Slot) throws(FactoryFailure) {
        let table = CapabilityTable(held)
        do throws(KernelError) {
            try slots.outgoing.use { (set) throws(KernelError) in
                try table.copy(SharePlace.first, to: set, in: .own)
                try slots.frame.use { (frame) throws(KernelError) in
                    try table.move(SharePlace.page, to: frame, in: .own)
                    try MutexSet(set).bindPage(Frame(frame))
                    try CapabilityTable.own.move(frame, to: SharePlace.page, in: table)
                }
            }
        } catch { throw FactoryFailure(.kernel(error)) }
    }

    /// What a task has of each share that was made.
    func parts(of number: Int) -> [SharePart] {
        let name = tasks[number].description.name
        // A driver's further devices have tasks of the same description.
        if tasks.firstIndex(where: { $0.description.name == name }) != number { return [] }
        return shares.parts(of: name).filter { sharesHeld[$0.index] != .none }
    }

    /// Maps the areas of all shares of a task. Nobody may execute them.
    func mapShares(_ number: Int, _ builder: inout TaskBuilder) throws(FactoryFailure) {
        for part in parts(of: number) {
            let share = shares[part.index]
            let user = share.users[part.user]
            let held = CapabilityTable(sharesHeld[part.index])
            let rights: Rights = user.isWriter ? .read | .write : .read
            for page in 0..<share.pages {
                try builder.share(
                    SharePlace.area(page), from: held, at: part.area + UInt64(page * 4096), rights)
            }
            // The consumer's area is the producer's to read.
            if let page = part.page(of: share) {
                try builder.share(
                    SharePlace.page, from: held, at: page,
                    share.kind == .ring && user.isWriter ? .read : .read | .write)
            }
        }
    }

    /// The capabilities of all shares of a task. Its first thread becomes a participant.
    mutating func giveShares(_ number: Int) throws(KernelError) {
        let place = slots.task(number)
        for (index, part) in parts(of: number).enumerated() {
            let share = shares[part.index]
            let isWriter = share.users[part.user].isWriter
            let held = CapabilityTable(sharesHeld[part.index])
            let slot = StartSlot.share(index)
            if share.kind == .ring {
                let (own, other) =
                    isWriter
                    ? (SharePlace.first, SharePlace.second)
                    : (SharePlace.second, SharePlace.first)
                // It may bind its own to its thread.
                try lend(own, of: held, to: slot, of: number, rights: .read | .manage)
                // The other side's other bits are of its timers and interrupts.
                try lend(
                    other, of: held, to: Slot(slot.index + 1), of: number, rights: .write,
                    badge: RingEnd.itemBit)
            } else if share.setCells > 0 && isWriter {
                try held.copy(
                    SharePlace.first, to: slot, in: CapabilityTable(place.table),
                    rights: .read | .write)
                try join(Thread(place.thread), as: part.firstParticipant(of: share), part)
            }
        }
    }

    /// Gives a task a notification of a ring for as long as it lives. The holding table has one
    /// that ends with the task's arena, and all that the task hands over goes with it: nothing that
    /// the task has registered by it outlives the task.
    private mutating func lend(
        _ notification: Slot, of held: CapabilityTable, to slot: Slot, of number: Int,
        rights: Rights, badge: UInt64 = 0
    ) throws(KernelError) {
        let holding = CapabilityTable(slots.task(number).holding)
        let lent = Slot(tasks[number].held)
        try held.mint(notification, to: lent, in: holding, rights: rights, badge: badge)
        tasks[number].held += 1
        try holding.copy(
            lent, to: slot, in: CapabilityTable(slots.task(number).table), rights: rights)
    }

    /// Whether threads that the task starts may use a mutex set: it asks the root task to make them
    /// participants.
    func joinsSets(_ number: Int) -> Bool {
        tasks[number].description.startsThreads
            && parts(of: number).contains {
                let share = shares[$0.index]
                return share.setCells > 0 && share.users[$0.user].isWriter
            }
    }

    /// Makes a thread a participant of a share's mutex set.
    func join(
        _ thread: Thread, as participant: Int, _ part: SharePart
    ) throws(KernelError) {
        try slots.joined.use { (set) throws(KernelError) in
            try CapabilityTable(sharesHeld[part.index]).copy(SharePlace.first, to: set, in: .own)
            try MutexSet(set).join(thread, as: participant)
        }
    }

    /// Wakes the threads that wait for what a task shared with them, after its death. A thread that
    /// died when it was just woken took the wake-up along, and one that died before it woke another
    /// left that one asleep. Those that wake look again.
    func wakeSharers(of number: Int) {
        for part in parts(of: number) {
            let share = shares[part.index]
            let held = CapabilityTable(sharesHeld[part.index])
            let isWriter = share.users[part.user].isWriter
            slots.outgoing.use { slot in
                do throws(KernelError) {
                    if share.kind == .ring {
                        let other = isWriter ? SharePlace.second : SharePlace.first
                        try held.copy(other, to: slot, in: .own)
                        try Notification(slot).signal(RingEnd.itemBit)
                    } else if share.setCells > 0 && isWriter {
                        try held.copy(SharePlace.first, to: slot, in: .own)
                        try wakeAll(MutexSet(slot), of: share, in: held)
                    }
                } catch { report(share.name, FactoryFailure(.kernel(error)), " wakes nobody: ") }
            }
        }
    }

    /// Wakes the threads that wait at the conditions of a share's mutex set.
    private func wakeAll(
        _ set: MutexSet, of share: SharedDescription, in held: CapabilityTable
    ) throws(KernelError) {
        unsafe try window.look(at: SharePlace.page, in: held) { words in
            let page = UInt64(UInt(bitPattern: words.baseAddress))
            for cell in 0..<share.setCells {
                // Other kinds of cells refuse it.
                try? Condition(Cell(set, cell, page: page)).broadcast(rounds: 1 << share.setBits)
            }
        }
    }

    /// Writes what a task shares behind its start information.
    static func list(
        _ parts: [SharePart], of shares: [SharedDescription],
        in words: UnsafeMutableBufferPointer<UInt64>
    ) {
        let start = Int(TaskAddress.listedShares - TaskAddress.information) / 8
        // Safety: the manifest has at most 8 shares a task, so all of them fit in the page.
        unsafe words[start] = UInt64(parts.count)
        for (index, part) in parts.enumerated() {
            let at = start + 1 + ListedShare.words * index
            let share = ListedShare(part, of: shares[part.index], number: index)
            let rest = share.rest
            for word in 0..<4 {
                unsafe words[at + word] = share.name[word]
                unsafe words[at + 4 + word] = rest[word]
            }
        }
    }
}

extension SharePart {
    /// Where the first area is mapped.
    var area: UInt64 { TaskAddress.shared + UInt64(page * 4096) }
    /// Where the second area is mapped; nil if the task has none.
    func page(of share: SharedDescription) -> UInt64? {
        share.hasPage(share.users[user]) ? area + UInt64((share.pages + 1) * 4096) : nil
    }
    /// The number of the task's first thread in the mutex set.
    func firstParticipant(of share: SharedDescription) -> Int {
        share.users[..<user].filter { $0.isWriter }.count * ShareLimits.participants
    }
}

extension ListedShare {
    fileprivate init(_ part: SharePart, of share: SharedDescription, number: Int) {
        let name = share.name
        self.init(
            name: [name.word0, name.word1, name.word2, name.word3], kind: share.kind,
            isWriter: share.users[part.user].isWriter, number: number,
            firstParticipant: part.firstParticipant(of: share), capacity: Int(share.capacity),
            itemBytes: Int(share.itemBytes), area: part.area, page: part.page(of: share) ?? 0)
    }
}
