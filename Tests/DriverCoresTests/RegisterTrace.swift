// A device for tests: registers that record every load and store, with values that a test sets.
import MMIO

/// What a driver did with a register.
enum Access: Equatable {
    case load(Int)
    case store(Int, UInt32)
}

/// Registers by offset. `queue`d values are loaded once each, in order; then the register's
/// plain value.
final class TraceDevice {
    var values: [Int: UInt32] = [:]
    var queue: [Int: [UInt32]] = [:]
    var accesses: [Access] = []
    var stores: [Access] { accesses.filter { if case .store = $0 { true } else { false } } }

    func load(_ offset: Int) -> UInt32 {
        accesses.append(.load(offset))
        if let first = queue[offset]?.first {
            queue[offset]?.removeFirst()
            return first
        }
        return values[offset] ?? 0
    }
}

/// The device as a driver's core sees it; only 32-bit accesses are legal for these devices.
struct TraceRegisters: RegisterAccess {
    let device: TraceDevice
    func read32(_ offset: Int) -> UInt32 { device.load(offset) }
    func write32(_ offset: Int, _ value: UInt32) {
        device.accesses.append(.store(offset, value))
        device.values[offset] = value
    }
}
