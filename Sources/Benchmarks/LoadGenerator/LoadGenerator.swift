// Load for measurements: tables of system calls that a thread makes one after the other, for ever.
//
// A load is data, so that the loop that plays it is ten instructions of assembly in any address
// space, needs no stack and no heap, and is the same on every run. The tables hold no random
// number: with QEMU's counted instructions a measurement under load repeats to the instruction.

import KernelABI

/// What keeps the kernel busy.
public enum Load: Sendable {
    /// Calls of 0, 8 and 120 words to a server.
    case messages
    /// A frame is mapped, protected and unmapped; capabilities are copied and revoked.
    case mappings
    /// Objects of several kinds are made and reclaimed.
    case objects
    /// Lines on the kernel's console.
    case console
    /// Capabilities are copied, one from the other, and all revoked at once.
    case revocation
}

/// What the calls of a load name. All are the load's own, but for the table and the address space.
public struct LoadObjects: Sendable {
    public var endpoint: Slot
    public var addressSpace: Slot
    /// A frame of 4 KiB that no capability maps.
    public var frame: Slot
    /// A page-aligned address whose tables exist.
    public var address: UInt64
    /// At least 64 KiB that hold nothing else.
    public var arena: Slot
    /// The first of 16 empty slots.
    public var slots: Slot
    public var systemControl: Slot

    public init(
        endpoint: Slot, addressSpace: Slot, frame: Slot, address: UInt64, arena: Slot, slots: Slot,
        systemControl: Slot
    ) {
        self.endpoint = endpoint
        self.addressSpace = addressSpace
        self.frame = frame
        self.address = address
        self.arena = arena
        self.slots = slots
        self.systemControl = systemControl
    }
}

/// A table of calls, 12 words each: x0 to x10, and one that is not used.
@safe public struct LoadTable: ~Copyable {
    /// Words of one call.
    public static var stride: Int { 12 }
    /// Calls that a page holds.
    public static var capacity: Int { 4096 / (8 * LoadTable.stride) }

    /// Where the playing thread finds it.
    public let address: UInt64
    public private(set) var count = 0

    /// - Parameter address: a page that can be written here and read where the table is played.
    public init(at address: UInt64) { self.address = address }

    /// Append one call; ignored where the table is full.
    public mutating func add(
        _ control: ControlWord, _ second: UInt64 = 0, _ third: UInt64 = 0,
        _ rest: InlineArray<8, UInt64> = InlineArray(repeating: 0)
    ) {
        if count == LoadTable.capacity { return }
        let place = UInt(address) + UInt(8 * count * LoadTable.stride)
        // Safety: the call lies within the page, which the initialiser's caller provided.
        guard let words = unsafe UnsafeMutablePointer<UInt64>(bitPattern: place) else { return }
        unsafe words[0] = control.raw
        unsafe words[1] = second
        unsafe words[2] = third
        for index in 0..<8 { unsafe words[3 + index] = rest[index] }
        count += 1
    }

    /// Give a call that was appended another second argument.
    public func set(second: UInt64, ofCall index: Int) {
        if index >= count { return }
        // Safety: the call lies within the page, which the initialiser's caller provided.
        let words = unsafe UnsafeMutablePointer<UInt64>(
            bitPattern: UInt(address) + UInt(8 * index * LoadTable.stride))
        unsafe words?[1] = second
    }

    /// Append the calls of a load.
    public mutating func add(_ load: Load, _ objects: LoadObjects) {
        switch load {
        case .messages: addMessages(objects)
        case .mappings: addMappings(objects)
        case .objects: addObjects(objects)
        case .console: addConsole(objects)
        case .revocation: addRevocation(objects)
        }
    }

    private mutating func addMessages(_ objects: LoadObjects) {
        call(objects, length: 0)
        call(objects, length: 8)
        call(objects, length: 120)
    }

    private mutating func call(_ objects: LoadObjects, length: Int) {
        add(ControlWord(.call, objects.endpoint, length: length))
    }

    private mutating func addMappings(_ objects: LoadObjects) {
        let frame = UInt64(objects.frame.index)
        let rights = UInt64((Rights.read | Rights.write).raw)
        add(ControlWord(invoke: .map, objects.addressSpace), frame, objects.address, words(rights))
        add(ControlWord(invoke: .protect, objects.addressSpace), frame, UInt64(Rights.read.raw))
        add(ControlWord(invoke: .unmap, objects.addressSpace), frame)
        for index in 0..<8 as Range<UInt64> {
            add(
                ControlWord(invoke: .copy, .ownTable), UInt64(objects.endpoint.index),
                UInt64(Slot.ownTable.index),
                words(UInt64(objects.slots.index) + index, UInt64(Rights.all.raw)))
        }
        for index in 0..<8 as Range<UInt64> {
            add(ControlWord(invoke: .delete, .ownTable), UInt64(objects.slots.index) + index)
        }
    }

    private mutating func addRevocation(_ objects: LoadObjects) {
        for index in 0..<15 as Range<UInt64> {
            let last = UInt64(objects.slots.index) + index
            add(
                ControlWord(invoke: .copy, .ownTable),
                index == 0 ? UInt64(objects.endpoint.index) : last - 1,
                UInt64(Slot.ownTable.index), words(last, UInt64(Rights.all.raw)))
        }
        add(ControlWord(invoke: .revoke, .ownTable), UInt64(objects.endpoint.index))
    }

    private mutating func addObjects(_ objects: LoadObjects) {
        let first = UInt64(objects.slots.index)
        retype(objects, .endpoint, count: 8, at: first)
        retype(objects, .thread, count: 4, at: first + 8)
        retype(objects, .pageTable, count: 4, at: first + 12)
        add(ControlWord(invoke: .reclaim, objects.arena))
    }
    private mutating func retype(
        _ objects: LoadObjects, _ kind: ObjectKind, count: UInt64, at index: UInt64
    ) {
        add(
            ControlWord(invoke: .retype, objects.arena), UInt64(kind.rawValue), count,
            words(UInt64(Slot.ownTable.index), index, UInt64(Slot.none.index)))
    }

    /// Lines that begin with `#.`, which readers of the figures skip.
    private mutating func addConsole(_ objects: LoadObjects) {
        let dots: UInt64 = 0x2e2e_2e2e_2e2e_2e2e
        var line = InlineArray<8, UInt64>(repeating: dots)
        line[0] = dots - 0x2e + 0x23
        line[7] = dots & 0x00ff_ffff_ffff_ffff | 0x0a00_0000_0000_0000
        add(ControlWord(invoke: .consoleWrite, objects.systemControl), 64, 0, line)
    }

    private func words(_ a: UInt64, _ b: UInt64 = 0, _ c: UInt64 = 0) -> InlineArray<8, UInt64> {
        [a, b, c, 0, 0, 0, 0, 0]
    }
}
