// Registers for tests: several windows and the system registers write one record, in the order in
// which they are accessed.

import MMIO
import PlatformDrivers

/// Which registers.
enum Window: Hashable {
    case distributor, interface, redistributors, local, own, peripherals, console
}

/// What a driver did.
enum Access: Equatable {
    case load(Window, Int)
    case store(Window, Int, UInt64)
    /// An interrupt was taken by ICC_IAR1_EL1.
    case take
    case system(GICSystemRegister, UInt64)
    case synchronize
}

/// A register's place.
struct Place: Hashable {
    let window: Window
    let offset: Int
}

/// Plain memory with a record; `queue`d values are loaded once each, in order, before the
/// plain one.
final class Record {
    var values: [Place: UInt64] = [:]
    var queue: [Place: [UInt64]] = [:]
    /// Bits that read as one whatever was stored.
    var stuck: [Place: UInt64] = [:]
    /// What ICC_IAR1_EL1 reads, in order; then no interrupt.
    var taken: [UInt64] = []
    var accesses: [Access] = []
    var loads = 0
    /// A driver that polls makes too many accesses to keep.
    var keepsLoads = true

    subscript(window: Window, offset: Int) -> UInt64 {
        get { values[Place(window: window, offset: offset)] ?? 0 }
        set { values[Place(window: window, offset: offset)] = newValue }
    }
    var stores: [Access] { accesses.filter { if case .load = $0 { false } else { true } } }
    /// What was stored to one register, in order.
    func stores(_ window: Window, _ offset: Int) -> [UInt64] {
        accesses.compactMap {
            if case .store(window, offset, let value) = $0 { value } else { nil }
        }
    }
    /// Where in the record a store is, the first of its kind.
    func index(_ access: Access) -> Int? { accesses.firstIndex(of: access) }

    func load(_ window: Window, _ offset: Int) -> UInt64 {
        loads += 1
        if keepsLoads { accesses.append(.load(window, offset)) }
        let place = Place(window: window, offset: offset)
        if let first = queue[place]?.first {
            queue[place]?.removeFirst()
            return first
        }
        return (values[place] ?? 0) | (stuck[place] ?? 0)
    }
    func store(_ window: Window, _ offset: Int, _ value: UInt64) {
        accesses.append(.store(window, offset, value))
        self[window, offset] = value
    }
}

/// One window of the record. A GIC and these consoles have 32-bit registers, and the GICv3 a
/// few of 64.
struct TraceRegisters: RegisterAccess {
    let record: Record
    let window: Window
    func read32(_ offset: Int) -> UInt32 {
        precondition(offset % 4 == 0)
        return UInt32(truncatingIfNeeded: record.load(window, offset))
    }
    func write32(_ offset: Int, _ value: UInt32) {
        precondition(offset % 4 == 0)
        record.store(window, offset, UInt64(value))
    }
    func read64(_ offset: Int) -> UInt64 {
        precondition(offset % 8 == 0)
        return record.load(window, offset)
    }
    func write64(_ offset: Int, _ value: UInt64) {
        precondition(offset % 8 == 0)
        record.store(window, offset, value)
    }
    func write8(_ offset: Int, _ value: UInt8) { record.store(window, offset, UInt64(value)) }
}

/// The system registers of the record.
struct TraceCore: GICSystemRegisters {
    let record: Record
    func readAcknowledge() -> UInt64 {
        record.accesses.append(.take)
        return record.taken.isEmpty ? 1023 : record.taken.removeFirst()
    }
    func readPending() -> UInt64 { UInt64(record.taken.first ?? 1023) }
    func write(_ register: GICSystemRegister, _ value: UInt64) {
        record.accesses.append(.system(register, value))
    }
    func synchronize() { record.accesses.append(.synchronize) }
}
