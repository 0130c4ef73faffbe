// The kernel's own consoles: polled output for boot, the root task's first messages and panics.

import DeviceTree
import HardwareInterface
import MMIO

/// The PL011's data and flags (Arm DDI 0183, 3.2). The firmware or the loader has set the device
/// up.
private enum PL011Register {
    static let data = 0x00
    static let flags = 0x18
    static let transmitFull: UInt32 = 1 << 5
}

/// The BCM2835's mini-UART (BCM2835 ARM Peripherals, 2.2): data and line status, as offsets from
/// the first register of its node.
private enum MiniUARTRegister {
    static let data = 0x00
    static let lineStatus = 0x14
    static let transmitEmpty: UInt32 = 1 << 5
}

/// The console that the tree names, or none.
public enum AnyEarlyConsole<Registers: RegisterAccess>: EarlyConsole {
    case none
    case pl011(Registers)
    case miniUART(Registers)

    /// Creates the console of a kind.
    ///
    /// - Parameter registers: the mapped first range of the console's node.
    public init(_ kind: ConsoleKind, registers: Registers) {
        switch kind {
        case .none: self = .none
        case .pl011: self = .pl011(registers)
        case .miniUART: self = .miniUART(registers)
        }
    }

    /// Writes a byte. Waits for room first, but not for ever: a console without progress must not
    /// hang the kernel.
    public func write(_ byte: UInt8) {
        for _ in 0..<consolePatience where offer(byte) { return }
        put(byte)
    }

    public func offer(_ byte: UInt8) -> Bool {
        let hasRoom: Bool
        switch self {
        case .none: hasRoom = true
        case .pl011(let registers):
            hasRoom = registers.read32(PL011Register.flags) & PL011Register.transmitFull == 0
        case .miniUART(let registers):
            hasRoom =
                registers.read32(MiniUARTRegister.lineStatus) & MiniUARTRegister.transmitEmpty != 0
        }
        if hasRoom { put(byte) }
        return hasRoom
    }

    private func put(_ byte: UInt8) {
        switch self {
        case .none: break
        case .pl011(let registers): registers.write32(PL011Register.data, UInt32(byte))
        case .miniUART(let registers): registers.write32(MiniUARTRegister.data, UInt32(byte))
        }
    }
}

/// The polls before a byte is sent regardless. They take longer than a byte at 9600 baud (1 ms),
/// however fast a load from a device is. Yet a hundred bytes to a UART that is switched off cost
/// seconds, not minutes.
let consolePatience = 100_000
