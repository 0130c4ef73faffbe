// The device-tree reader on the project's own trees, and on trees that are wrong in every way that
// a tree can be.

import DeviceTree
import XCTest

final class DeviceTreeTests: TreeTestCase {
    func testVirtWithGICv2() throws {
        try describe(compile("qemu-virt-gicv2.dts")) { _, machine in
            XCTAssertEqual(machine.controller, .gicv2)
            XCTAssertEqual(machine.distributor, RegisterRange(base: 0x0800_0000, size: 0x1_0000))
            XCTAssertEqual(machine.interface, RegisterRange(base: 0x0801_0000, size: 0x1_0000))
            XCTAssertEqual(machine.timerLine, 27)
            XCTAssertEqual(machine.memory.count, 1)
            XCTAssertEqual(machine.memory[0], RegisterRange(base: 0x4000_0000, size: 0x1000_0000))
            XCTAssertEqual(machine.power, .hvc)
        }
    }

    func testVirtWithGICv3() throws {
        try describe(compile("qemu-virt-gicv3.dts")) { _, machine in
            XCTAssertEqual(machine.controller, .gicv3)
            XCTAssertEqual(machine.interface, RegisterRange(base: 0x080a_0000, size: 0xf6_0000))
        }
    }

    func testReservedMemoryIsFound() throws {
        try describe(compile("qemu-virt-gicv2.dts")) { _, machine in
            XCTAssertEqual(machine.reserved.count, 1)
            XCTAssertEqual(machine.reserved[0], RegisterRange(base: 0x4f00_0000, size: 0x10_0000))
        }
    }

    func testAddressesGoThroughRanges() throws {
        try describe(compile("qemu-virt-gicv2.dts")) { tree, _ in
            let uart = try XCTUnwrap(tree.node("/bus/pl011@1000"))
            XCTAssertEqual(try uart.registers(0), RegisterRange(base: 0x0900_0000, size: 0x1000))
            XCTAssertNil(try uart.registers(1))
            let clock = try XCTUnwrap(tree.node("/bus/pl031@11000"))
            XCTAssertEqual(try clock.registers(0)?.base, 0x0901_0000)
        }
    }

    func testInterruptsComeFromTheInheritedController() throws {
        try describe(compile("qemu-virt-gicv2.dts")) { tree, _ in
            let clock = try XCTUnwrap(tree.node("/bus/pl031@11000"))
            XCTAssertEqual(try clock.interrupt(0)?.line, 34)
            XCTAssertEqual(try clock.interrupt(0)?.isEdge, false)
            XCTAssertNil(try clock.interrupt(1))
            let pins = try XCTUnwrap(tree.node("/bus/pl061@31000"))
            XCTAssertEqual(try pins.interrupt(0)?.isEdge, true)
        }
    }

    func testStatusIsHonoured() throws {
        try describe(compile("qemu-virt-gicv2.dts")) { tree, _ in
            XCTAssertTrue(try XCTUnwrap(tree.node("/bus/pl011@1000")).isEnabled)
            XCTAssertFalse(try XCTUnwrap(tree.node("/bus/pl061@31000")).isEnabled)
        }
    }

    func testMissingPartsAreNamed() throws {
        XCTAssertEqual(cause(try compile("malformed/no-memory.dts")), .noMemory)
        XCTAssertEqual(
            cause(try compile("malformed/unknown-controller.dts")), .noInterruptController)
        XCTAssertEqual(cause(try compile("malformed/no-timer.dts")), .noTimer)
        XCTAssertEqual(cause(try compile("malformed/address-cells.dts")), .badCells)
    }

    func testInterruptParentCycleEnds() throws {
        try describe(compile("malformed/interrupt-parent-cycle.dts")) { tree, machine in
            XCTAssertEqual(machine.controller, .gicv2)
            XCTAssertNotNil(tree.node("/bus/pl011@1000"))
        }
    }

    func testNoTreeAtAll() {
        XCTAssertEqual(cause([]), .noMagic)
        XCTAssertEqual(cause([UInt8](repeating: 0, count: 4096)), .noMagic)
    }

    func testTruncatedTreesAreRefused() throws {
        let bytes = try compile("qemu-virt-gicv2.dts")
        for length in stride(from: 0, to: bytes.count, by: 16) {
            XCTAssertNotNil(cause(Array(bytes[0..<length])), "a tree of \(length) bytes was taken")
        }
    }

    func testDamagedTreesNeverCrash() throws {
        let bytes = try compile("qemu-virt-gicv3.dts")
        var state: UInt64 = 0x9e37_79b9_7f4a_7c15
        for _ in 0..<5_000 {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            var damaged = bytes
            damaged[Int(state % UInt64(bytes.count))] = UInt8(truncatingIfNeeded: state >> 32)
            _ = cause(damaged)
        }
    }
}
