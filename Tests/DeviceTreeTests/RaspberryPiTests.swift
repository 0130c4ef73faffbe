// The project's trees of the Raspberry Pi: which controller, timer and console the kernel finds,
// where devices and their lines are, and what the firmware must have filled in before.

import DeviceTree
import Foundation
import XCTest

final class RaspberryPiTests: TreeTestCase {
    /// A board's tree with memory, as its firmware hands it over; texts that occur in it once are
    /// replaced as well.
    private func tree(
        _ board: String, memory: String, _ changes: (String, String)...
    ) throws -> [UInt8] {
        let folder = TreeTestCase.sources
        var source = try String(
            contentsOf: folder.appendingPathComponent("raspberry-pi-\(board).dts"), encoding: .utf8)
        let shared = try String(
            contentsOf: folder.appendingPathComponent("bcm2837.dtsi"), encoding: .utf8)
        source = source.replacingOccurrences(of: "/include/ \"bcm2837.dtsi\"", with: shared)
        let node = try XCTUnwrap(
            source.range(of: "memory@0 {\n\t\tdevice_type = \"memory\";\n\t\treg = <"))
        let end = try XCTUnwrap(source.range(of: ">;", range: node.upperBound..<source.endIndex))
        source.replaceSubrange(node.upperBound..<end.lowerBound, with: memory)
        for (text, replacement) in changes {
            XCTAssertEqual(
                source.components(separatedBy: text).count, 2, "\(text) does not occur once")
            source = source.replacingOccurrences(of: text, with: replacement)
        }
        let changed = FileManager.default.temporaryDirectory.appendingPathComponent(
            "\(UUID().uuidString).dts")
        defer { try? FileManager.default.removeItem(at: changed) }
        try source.write(to: changed, atomically: true, encoding: .utf8)
        return try compile(changed)
    }
    private func pi3(_ change: (String, String) = ("non-removable;", "")) throws -> [UInt8] {
        try tree("3", memory: "0x0 0x3b400000", change)
    }

    func testPi3HasTwoControllersInAChain() throws {
        for board in ["3", "3-plus", "zero-2-w"] {
            try describe(tree(board, memory: "0x0 0x1c000000")) { _, machine in
                XCTAssertEqual(machine.controller, .bcm2836)
                XCTAssertEqual(machine.distributor, RegisterRange(base: 0x4000_0000, size: 0x100))
                XCTAssertEqual(machine.interface, RegisterRange(base: 0x3f00_b200, size: 0x200))
                XCTAssertEqual(machine.timerLine, 19, "line 3 of the cores' controller")
                XCTAssertEqual(machine.consoleKind, .miniUART)
                XCTAssertEqual(machine.console, RegisterRange(base: 0x3f21_5040, size: 0x40))
                XCTAssertEqual(machine.power, .none)
                XCTAssertEqual(machine.memory.count, 1)
                XCTAssertEqual(machine.memory[0], RegisterRange(base: 0, size: 0x1c00_0000))
            }
        }
    }

    func testPi4HasAGICAndIgnoresTheCoresController() throws {
        let memory = "0x0 0x0 0x3b400000>, <0x0 0x40000000 0xbc000000"
        try describe(tree("4", memory: memory)) { _, machine in
            XCTAssertEqual(machine.controller, .gicv2)
            XCTAssertEqual(machine.distributor, RegisterRange(base: 0xff84_1000, size: 0x1000))
            XCTAssertEqual(machine.interface, RegisterRange(base: 0xff84_2000, size: 0x2000))
            XCTAssertEqual(machine.chainedNode, -1)
            XCTAssertEqual(machine.timerLine, 27)
            XCTAssertEqual(machine.consoleKind, .miniUART)
            XCTAssertEqual(machine.console.base, 0xfe21_5040)
            XCTAssertEqual(machine.power, .none)
            XCTAssertEqual(machine.memory.count, 2)
        }
    }

    func testPi5IsFoundBeyondFourGigabytes() throws {
        try describe(tree("5", memory: "0x0 0x0 0x0 0x3fc00000")) { _, machine in
            XCTAssertEqual(machine.controller, .gicv2)
            XCTAssertEqual(machine.distributor, RegisterRange(base: 0x10_7fff_9000, size: 0x1000))
            XCTAssertEqual(machine.interface, RegisterRange(base: 0x10_7fff_a000, size: 0x2000))
            XCTAssertEqual(machine.timerLine, 27)
            XCTAssertEqual(machine.consoleKind, .pl011)
            XCTAssertEqual(machine.console, RegisterRange(base: 0x10_7d00_1000, size: 0x200))
            XCTAssertEqual(machine.power, .smc)
            XCTAssertEqual(machine.reserved.count, 1)
            XCTAssertEqual(machine.reserved[0], RegisterRange(base: 0, size: 0x8_0000))
        }
    }

    func testDevicesAndTheirLinesOnAPi3() throws {
        let expected: [(StaticString, UInt64, [Int])] = [
            ("/soc/timer@7e003000", 0x3f00_3000, [32, 33, 34, 35]),
            ("/soc/mailbox@7e00b880", 0x3f00_b880, [97]),
            ("/soc/rng@7e104000", 0x3f10_4000, [93]),
            ("/soc/gpio@7e200000", 0x3f20_0000, [81, 82, 83, 84]),
            ("/soc/serial@7e201000", 0x3f20_1000, [89]), ("/soc/mmc@7e202000", 0x3f20_2000, [88]),
            ("/soc/serial@7e215040", 0x3f21_5040, [61]), ("/soc/mmc@7e300000", 0x3f30_0000, [94]),
            ("/soc/interrupt-controller@7e00b200", 0x3f00_b200, [24]),
        ]
        try describe(pi3()) { tree, _ in try check(tree, expected) }
    }

    func testDevicesAndTheirLinesOnAPi4() throws {
        let expected: [(StaticString, UInt64, [Int])] = [
            ("/soc/timer@7e003000", 0xfe00_3000, [96, 97, 98, 99]),
            ("/soc/mailbox@7e00b880", 0xfe00_b880, [65]),
            ("/soc/gpio@7e200000", 0xfe20_0000, [145, 146, 147, 148]),
            ("/soc/serial@7e201000", 0xfe20_1000, [153]),
            ("/soc/serial@7e201400", 0xfe20_1400, [153]),
            ("/soc/serial@7e215040", 0xfe21_5040, [125]),
            ("/soc/mmc@7e300000", 0xfe30_0000, [158]),
            ("/emmc2bus/mmc@7e340000", 0xfe34_0000, [158]),
            ("/soc/interrupt-controller@40000000", 0xff80_0000, []),
        ]
        try describe(tree("4", memory: "0x0 0x0 0x3b400000")) { tree, _ in
            try check(tree, expected)
        }
    }

    private func check(_ tree: DeviceTree, _ expected: [(StaticString, UInt64, [Int])]) throws {
        for (path, base, lines) in expected {
            let node = try XCTUnwrap(tree.node(path), "\(path)")
            XCTAssertEqual(try node.registers(0)?.base, base, "\(path)")
            var found: [Int] = []
            while let interrupt = try node.interrupt(found.count) {
                XCTAssertFalse(interrupt.isEdge, "\(path)")
                found.append(try XCTUnwrap(interrupt.line))
            }
            XCTAssertEqual(found, lines, "\(path)")
        }
    }

    func testLinesThatDoNotExistAreErrors() throws {
        let clock = "interrupts = <1 0>, <1 1>, <1 2>, <1 3>;"
        for wrong in ["<3 0>", "<0 8>", "<1 32>", "<2 32>", "<0x80000000 0>"] {
            try describe(pi3((clock, "interrupts = \(wrong);"))) { tree, _ in
                XCTAssertThrowsError(try tree.node("/soc/timer@7e003000")?.interrupt(0), wrong)
            }
        }
        for (right, line) in [("<0 7>", 103), ("<1 31>", 63), ("<2 31>", 95)] {
            try describe(pi3((clock, "interrupts = \(right);"))) { tree, _ in
                XCTAssertEqual(try tree.node("/soc/timer@7e003000")?.interrupt(0)?.line, line)
            }
        }
        let counters = "interrupts = <9 4>;"
        try describe(pi3((counters, "interrupts = <10 4>;"))) { tree, _ in
            XCTAssertThrowsError(try tree.node("/arm-pmu")?.interrupt(0))
        }
        try describe(pi3()) { tree, _ in
            XCTAssertEqual(try tree.node("/arm-pmu")?.interrupt(0)?.line, 25)
        }
    }

    func testThePageOfTheSpinTableIsKept() throws {
        for board in ["3", "3-plus", "4"] {
            let memory = board != "4" ? "0x0 0x3b400000" : "0x0 0x0 0x3b400000"
            let reservation = ("/memreserve/ 0x0 0x1000;", "")
            try describe(tree(board, memory: memory, reservation)) { _, machine in
                XCTAssertEqual(machine.reserved.count, 1, "four cores wait in one page")
                XCTAssertEqual(machine.reserved[0], RegisterRange(base: 0, size: 4096))
            }
            try describe(tree(board, memory: memory)) { _, machine in
                XCTAssertEqual(machine.reserved.count, 1)
                XCTAssertEqual(machine.reserved[0], RegisterRange(base: 0, size: 4096))
            }
            let far = (
                "cpu-release-addr = <0x0 0xe8>;",
                "cpu-release-addr = <0x0 0x10ffc>; status = \"disabled\";"
            )
            try describe(tree(board, memory: memory, far)) { _, machine in
                XCTAssertEqual(machine.reserved.count, 2)
                XCTAssertEqual(machine.reserved[1], RegisterRange(base: 0x1_0000, size: 4096))
            }
            for wrong in ["cpu-release-addr;", "cpu-release-addr = <1 0 0xe8>;"] {
                let bytes = try tree(
                    board, memory: memory, ("cpu-release-addr = <0x0 0xe8>;", wrong))
                XCTAssertEqual(cause(bytes), .badLength, wrong)
            }
        }
    }

    func testTheFirmwareMustNameTheMemory() throws {
        for board in ["3", "3-plus", "zero-2-w", "4", "5"] {
            XCTAssertEqual(cause(try compile("raspberry-pi-\(board).dts")), .noMemory, board)
        }
        let all = try tree("3", memory: "0x0 0x40000000")
        XCTAssertEqual(cause(all), .registersInMemory, "a Pi 3's registers lie in its last 16 MiB")
    }

    func testAGICIsTakenWhereverItStands() throws {
        let chain = """
            cores@a000000 { compatible = "brcm,bcm2836-l1-intc"; reg = <0 0x0a000000 0 0x100>; };
            peripherals@a001000 {
                compatible = "brcm,bcm2836-armctrl-ic";
                reg = <0 0x0a001000 0 0x200>;
            };
            """
        for place in ["\tgic: interrupt-controller", "\tbus {"] {
            try describe(compile(replacing: place, with: chain + place)) { _, machine in
                XCTAssertEqual(machine.controller, .gicv2)
                XCTAssertEqual(machine.distributor.base, 0x0800_0000)
                XCTAssertEqual(machine.interface.base, 0x0801_0000)
                XCTAssertEqual(machine.chainedNode, -1)
                XCTAssertEqual(machine.timerLine, 27)
            }
        }
    }

    func testHalfAChainIsNoController() throws {
        let missing = try pi3(
            ("compatible = \"brcm,bcm2836-armctrl-ic\";", "compatible = \"acme,ic\";"))
        XCTAssertEqual(cause(missing), .noInterruptController)
        let rootless = try pi3(
            ("compatible = \"brcm,bcm2836-l1-intc\";", "compatible = \"acme,ic\";"))
        XCTAssertEqual(cause(rootless), .noInterruptController)
        for (reg, wrong) in [
            ("reg = <0x40000000 0x100>;", "reg = <0x40000000 0x60>;"),
            ("reg = <0x7e00b200 0x200>;", "reg = <0x7e00b200 0x20>;"),
        ] {
            XCTAssertEqual(cause(try pi3((reg, wrong))), .tooFewRegisters, wrong)
        }
    }
}
