// Finds a console without the device tree's help, to report what is wrong with the tree.
//
// It reads the identification registers of a PL011 where boards that may run this kernel have one.
// Where nothing answers, the load aborts, and the probe survives it.

import AArch64
import CAArch64
import DeviceTree

enum ConsoleProbe {
    /// Returns the PL011's address on QEMU `virt`, Raspberry Pi 3, 4 and 5.
    private static func candidate(_ index: Int) -> UInt64 {
        switch index {
        case 0: return 0x0900_0000
        case 1: return 0x3f20_1000
        case 2: return 0xfe20_1000
        default: return 0x10_7d00_1000
        }
    }

    /// Records the first PL011 found as the console.
    static func findConsole(_ map: inout KernelMap) {
        for index in 0..<4 {
            guard let address = try? map.mapDevice(candidate(index), bytes: 4096) else { return }
            if isPL011(address) {
                swiftlet_set_console(UInt64(ConsoleKind.pl011.rawValue), address)
                return
            }
        }
    }

    /// Tests UARTPeriphID0 and 1, UARTPCellID0 to 3 (Arm DDI 0183, 3.3).
    private static func isPL011(_ address: UInt64) -> Bool {
        swiftlet_probe(address + 0xfe0) & 0xff == 0x11
            && swiftlet_probe(address + 0xfe4) & 0xff == 0x10
            && swiftlet_probe(address + 0xff0) & 0xff == 0x0d
            && swiftlet_probe(address + 0xff4) & 0xff == 0xf0
            && swiftlet_probe(address + 0xff8) & 0xff == 0x05
            && swiftlet_probe(address + 0xffc) & 0xff == 0xb1
    }
}
