// What is wrong with a tree, and where: the cause, the node's path and the property are those of
// the fault.

import DeviceTree
import XCTest

@testable import TreeReport

final class TreeErrorTests: TreeTestCase {
    private let timer = "interrupts = <1 13 4>, <1 14 4>, <1 11 4>, <1 10 4>;"

    func testAnInterruptThatLeadsNowhereIsNamed() throws {
        let circle = "a: a { interrupt-parent = <&b>; }; b: b { interrupt-parent = <&a>; };"
        for parent in ["<&a>", "<0x7777>", "<&self>"] {
            let bytes = try compile(
                replacing: timer, with: timer + " interrupt-parent = \(parent);",
                and: ("\ttimer {", "self: timer {"),
                ("\tpsci {", circle + "psci {"))
            XCTAssertEqual(
                TreeReport(bytes).refusal,
                TreeReport.Problem(cause: .foreignInterrupt, path: "/timer", property: .interrupts),
                parent)
        }
    }

    func testAnInterruptOfAnExtendedListIsNamedByThat() throws {
        let lines = "<&gic 1 13 4>, <&gic 1 14 4>,"
        for (third, cause) in [
            ("<&gic 1 16 4>", DeviceTreeError.Cause.noSuchLine),
            ("<0x7777 1 11 4>", .foreignInterrupt),
        ] {
            let bytes = try compile(
                replacing: timer, with: "interrupts-extended = \(lines) \(third);")
            XCTAssertEqual(
                TreeReport(bytes).refusal,
                TreeReport.Problem(cause: cause, path: "/timer", property: .interruptsExtended),
                third)
        }
    }

    func testTheFirstTimerCounts() throws {
        let second =
            "timer2 { compatible = \"arm,armv8-timer\"; interrupts = <1 1 4>, <1 2 4>, <1 3 4>; };"
        try describe(compile(replacing: "\tbus {", with: second + "bus {")) { _, machine in
            XCTAssertEqual(machine.timerLine, 27)
        }
    }

    func testANumberOfCellsIsNamed() throws {
        let report = TreeReport(try compile("malformed/address-cells.dts"))
        XCTAssertEqual(
            report.refusal, TreeReport.Problem(cause: .badCells, path: "/", property: .addressCells)
        )
        let bus = try compile(
            replacing: "\t\t#address-cells = <1>;\n\t\t#size-cells = <1>;\n\t\tranges = <0x1000",
            with: "\t\t#address-cells = <0>;\n\t\t#size-cells = <1>;\n\t\tranges = <0x1000")
        let silent = TreeReport(bus)
        XCTAssertNil(silent.refusal, "the rest goes on without a console")
        XCTAssertEqual(
            silent.consoleProblem,
            TreeReport.Problem(cause: .badCells, path: "/bus", property: .addressCells))
        XCTAssertTrue(
            silent.text.contains(
                "  console      none: the device tree has a wrong number of cells, at /bus, "
                    + "property #address-cells\n"))
    }

    func testTheControllerInMemoryIsNamed() throws {
        for (base, path) in [
            ("0x08010000", "/interrupt-controller@8000000"), ("0x09000000", "/bus/pl011@1000"),
        ] {
            let bytes = try compile(
                replacing: "reg = <0x0 0x40000000 0x0 0x10000000>",
                with: "reg = <0x0 0x40000000 0x0 0x10000000>, <0x0 \(base) 0x0 0x1000>")
            XCTAssertEqual(
                TreeReport(bytes).refusal,
                TreeReport.Problem(cause: .registersInMemory, path: path, property: .reg))
        }
    }

    func testTheHeaderSaysWhatIsWrongWithItself() throws {
        let bytes = try compile("qemu-virt-gicv2.dts")
        XCTAssertEqual(cause(Array(bytes.dropLast())), .truncated)
        func stating(_ size: UInt32) -> [UInt8] {
            var bytes = bytes
            for index in 0..<4 {
                bytes[4 + index] = UInt8(truncatingIfNeeded: size >> UInt32(24 - 8 * index))
            }
            return bytes
        }
        XCTAssertEqual(cause(stating(2 << 20)), .truncated)
        XCTAssertEqual(cause(stating(2 << 20 + 1)), .tooLarge)
        XCTAssertEqual(cause(stating(100)), .malformed)
    }

    func testOnePhandleForTwoNodesIsTold() throws {
        var bytes = try compile(
            replacing: "pl031@11000 {", with: "pl031@11000 { phandle = <0x5555>;",
            and: ("pl061@31000 {", "pl061@31000 { phandle = <0x5556>;"))
        let places = bytes.indices.dropLast().filter { bytes[$0] == 0x55 && bytes[$0 + 1] == 0x56 }
        XCTAssertEqual(places.count, 1)
        bytes[places[0] + 1] = 0x55  // dtc would refuse it
        let report = TreeReport(bytes)
        XCTAssertEqual(report.sharedPhandles, [["/bus/pl031@11000", "/bus/pl061@31000"]])
        XCTAssertTrue(
            report.text.contains(
                "  one phandle  /bus/pl031@11000, /bus/pl061@31000: the first is taken\n"))
        try describe(bytes) { tree, _ in
            XCTAssertEqual(
                tree.node(phandle: 0x5555)?.offset, tree.node("/bus/pl031@11000")?.offset)
            XCTAssertEqual(tree.node(phandle: 0x5555)?.isEnabled, true, "what is above is known")
            XCTAssertNil(tree.node(phandle: 0x5556))
        }
    }

    func testPathsOfDeepNodesLeaveOutTheMiddle() throws {
        let open = (2...18).map { "level\($0) {" }.joined(separator: " ")
        let bytes = try compile(
            replacing: "\t\tpl031@",
            with: open + (2...18).map { _ in " };" }.joined() + "\t\tpl031@")
        try describe(bytes) { tree, _ in
            var depth = 0
            var node: DeviceNode? = tree.root
            var paths: [String] = []
            while let current = node {
                var path = ""
                current.eachName { path += "/" + String(decoding: $0, as: UTF8.self) }
                XCTAssertEqual(tree.node(at: current.offset)?.offset, current.offset)
                paths.append(path)
                node = tree.node(after: current, depth: &depth)
            }
            XCTAssertEqual(paths[0], "")
            XCTAssertTrue(paths.contains("/bus/pl031@11000"))
            let kept = "/bus/" + (2...15).map { "level\($0)" }.joined(separator: "/")
            XCTAssertTrue(paths.contains(kept + "/level16"))
            XCTAssertTrue(paths.contains(kept + "/.../level18"), "\(paths)")
            XCTAssertNil(tree.node(at: 4))
        }
    }

    func testWhatIsMemoryOrReservedIsNoDevice() throws {
        try describe(compile("qemu-virt-gicv2.dts")) { _, machine in
            XCTAssertTrue(machine.keeps(RegisterRange(base: 0x4fff_ffff, size: 1)))
            XCTAssertFalse(machine.keeps(RegisterRange(base: 0x5000_0000, size: 0x1000)))
        }
        let outside = try compile(
            replacing: "<0x0 0x4f000000 0x0 0x100000>", with: "<0x0 0x9000000 0x0 0x1000>")
        try describe(outside) { _, machine in
            XCTAssertTrue(machine.keeps(RegisterRange(base: 0x0900_0800, size: 0x1000)))
        }
    }
}
