// The kernel's own consoles: polled output for boot, the root task's first messages and panics.

import DeviceTree
import HardwareInterface
import MMIO

/// PL011 (Arm DDI 0183, 3.2): data and flags. As the firmware or the loader set it up.
private enum PL011Register {
    static let data = 0x00
    static let flags = 0x18
    static let transmitFull: UInt32 = 1 << 5
}

/// The BCM2835's mini-UART (BCM2835 ARM Peripherals, 2.2): data and line status, from the first register of its node on.
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

    /// - Parameter registers: the node's first range, as it is mapped.
    public init(_ kind: ConsoleKind, registers: Registers) {
        switch kind {
        case .none: self = .none
        case .pl011: self = .pl011(registers)
        case .miniUART: self = .miniUART(registers)
        }
    }

    /// Waits for room first, but not for ever: a console that does not drain must not hang the kernel.
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

/// Polls until a byte is sent regardless: longer than a byte takes at 9600 baud (1 ms), whatever a load from a device takes; a text of
/// a hundred bytes to a UART that is switched off costs seconds, and not minutes.
let consolePatience = 100_000
