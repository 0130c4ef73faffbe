// The kernel's own consoles: polled output for boot, the root task's first messages and panics.

import DeviceTree
import HardwareInterface
import MMIO

/// PL011 (Arm DDI 0183): as the firmware or the loader set it up.
public struct PL011Console: EarlyConsole {
    let registers: MMIORegisters
    static let data = 0x00
    static let flags = 0x18
    static let transmitFull: UInt32 = 1 << 5
    public init(registers: MMIORegisters) { self.registers = registers }
    public func write(_ byte: UInt8) {
        var rounds = 0
        while registers.read32(PL011Console.flags) & PL011Console.transmitFull != 0, rounds < earlyConsolePatience {
            rounds += 1
        }
        registers.write32(PL011Console.data, UInt32(byte))
    }
}

/// The BCM2835's mini-UART (BCM2835 ARM Peripherals, 2.2).
public struct MiniUARTConsole: EarlyConsole {
    let registers: MMIORegisters
    static let data = 0x40
    static let lineStatus = 0x54
    static let transmitEmpty: UInt32 = 1 << 5
    public init(registers: MMIORegisters) { self.registers = registers }
    public func write(_ byte: UInt8) {
        var rounds = 0
        while registers.read32(MiniUARTConsole.lineStatus) & MiniUARTConsole.transmitEmpty == 0,
            rounds < earlyConsolePatience
        {
            rounds += 1
        }
        registers.write32(MiniUARTConsole.data, UInt32(byte))
    }
}

/// Polls until a byte is given up: a console that does not drain must not hang the kernel.
let earlyConsolePatience = 1_000_000

/// The console that the tree names, or none.
public enum AnyEarlyConsole: EarlyConsole {
    case none
    case pl011(PL011Console)
    case miniUART(MiniUARTConsole)

    /// - Parameter address: where the registers are mapped.
    public init(_ kind: ConsoleKind, address: UInt64) {
        switch kind {
        case .none: self = .none
        case .pl011: self = .pl011(PL011Console(registers: MMIORegisters(address: address)))
        case .miniUART: self = .miniUART(MiniUARTConsole(registers: MMIORegisters(address: address)))
        }
    }
    public func write(_ byte: UInt8) {
        switch self {
        case .none: break
        case .pl011(let console): console.write(byte)
        case .miniUART(let console): console.write(byte)
        }
    }
}
