// The kernel's own output, polled. It works from the moment the console's registers are mapped, and
// in a panic.

import CAArch64
import DeviceTree
import HardwareInterface
import KernelCore
import MMIO
import PlatformDrivers

/// The console that the device tree names. Without one, output is discarded.
struct KernelConsole {
    private let device: AnyEarlyConsole<MMIORegisters>

    /// The console that boot code recorded. A panic writes to it.
    static var noted: KernelConsole {
        let kind =
            ConsoleKind(rawValue: UInt8(truncatingIfNeeded: swiftlet_console_kind())) ?? .none
        let registers = MMIORegisters(address: swiftlet_console_registers())
        return KernelConsole(device: AnyEarlyConsole(kind, registers: registers))
    }

    /// Writes a byte; a line feed after the carriage return that terminals want.
    func write(_ byte: UInt8) {
        if byte == 10 { device.write(13) }
        device.write(byte)
    }
    /// Writes a byte as it is, if there is room now.
    ///
    /// - Returns: false if there is none.
    func offer(_ byte: UInt8) -> Bool { device.offer(byte) }
    func write(_ text: StaticString) {
        var rounds = LoopBound(KernelLimits.reportText)
        for index in 0..<text.utf8CodeUnitCount {
            rounds.count()
            // Safety: the index is within the constant.
            write(unsafe text.utf8Start[index])
        }
    }
    /// Writes at most 64 bytes of unknown origin. A byte that is not printable becomes a dot.
    func write(printable text: UnsafeRawBufferPointer) {
        var rounds = LoopBound(64)
        for index in 0..<min(text.count, 64) {
            rounds.count()
            let byte = unsafe text[index]
            write(byte >= 32 && byte < 127 ? byte : UInt8(ascii: "."))
        }
    }
    func write(decimal value: UInt64) {
        var divisor: UInt64 = 1
        var digits = LoopBound(19)
        while value / divisor >= 10 {
            digits.count()
            divisor *= 10
        }
        var rounds = LoopBound(20)
        while divisor > 0 {
            rounds.count()
            write(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: value / divisor % 10))
            divisor /= 10
        }
    }
    /// Writes `digits` hexadecimal digits.
    func write(hexadecimal value: UInt64, digits: Int = 16) {
        var rounds = LoopBound(16)
        for digit in 1...digits {
            rounds.count()
            let nibble = UInt8(truncatingIfNeeded: (value >> UInt64(4 * (digits - digit))) & 15)
            write(nibble < 10 ? UInt8(ascii: "0") + nibble : UInt8(ascii: "a") + nibble - 10)
        }
    }
    func endLine() { write(10) }
}
