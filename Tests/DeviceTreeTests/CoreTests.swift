// The cores of a tree: which there are, how each is started, and why one is left out.

import DeviceTree
import Foundation
import XCTest

@testable import TreeReport

final class CoreTests: TreeTestCase {
    private func cores(_ bytes: [UInt8]) throws -> [CoreDescription] {
        try describe(bytes) { _, machine in (0..<machine.cores.count).map { machine.cores[$0] } }
    }
    /// The GICv2 tree with another text for the fourth core.
    private func fourth(_ text: String, more: String = "") throws -> [CoreDescription] {
        let node = """
            cpu@3 {
            \t\t\tdevice_type = "cpu";
            \t\t\tcompatible = "arm,cortex-a53";
            \t\t\treg = <0x3>;
            \t\t\tenable-method = "psci";
            \t\t};
            """
        return try cores(compile(replacing: node, with: "cpu@3 { \(text) }; \(more)"))
    }
    private func problem(_ core: CoreDescription?) -> DeviceTreeError? {
        if case .leftOut(let error) = core?.start { return error }
        return nil
    }

    func testTheCoresOfVirtStartByPSCI() throws {
        for name in ["qemu-virt-gicv2.dts", "qemu-virt-gicv3.dts"] {
            try describe(compile(name)) { _, machine in
                XCTAssertEqual(machine.cores.count, 4)
                XCTAssertEqual(machine.cores.total, 4)
                XCTAssertEqual(machine.firmware.method, .hvc)
                XCTAssertEqual(machine.firmware.coreOn, 0xc400_0003)
                for index in 0..<4 {
                    XCTAssertEqual(machine.cores[index].affinity, UInt64(index))
                    XCTAssertEqual(machine.cores[index].start, .firmware)
                }
            }
        }
    }

    func testTheCoresOfRaspberryPiBoards() throws {
        let memory = "memory@0 { reg = <0x0 0x3b400000>; };"
        for (board, text) in [("3", memory), ("4", "memory@0 { reg = <0x0 0x0 0x3b400000>; };")] {
            let source = FileManager.default.temporaryDirectory.appendingPathComponent(
                "\(UUID().uuidString).dts")
            defer { try? FileManager.default.removeItem(at: source) }
            let tree = try String(
                contentsOf: TreeTestCase.sources.appendingPathComponent(
                    "raspberry-pi-\(board).dts"), encoding: .utf8)
            let shared = try String(
                contentsOf: TreeTestCase.sources.appendingPathComponent("bcm2837.dtsi"),
                encoding: .utf8)
            try
                (tree.replacingOccurrences(of: "/include/ \"bcm2837.dtsi\"", with: shared)
                + "/ { \(text) };").write(
                    to: source, atomically: true, encoding: .utf8)
            let cores = try cores(compile(source))
            XCTAssertEqual(cores.map(\.affinity), [0, 1, 2, 3], board)
            XCTAssertEqual(
                cores.map(\.start), [0xd8, 0xe0, 0xe8, 0xf0].map { CoreStart.spinTable($0) }, board)
        }
        let source = FileManager.default.temporaryDirectory.appendingPathComponent(
            "\(UUID().uuidString).dts")
        defer { try? FileManager.default.removeItem(at: source) }
        let five = try String(
            contentsOf: TreeTestCase.sources.appendingPathComponent("raspberry-pi-5.dts"),
            encoding: .utf8)
        try (five + "/ { memory@0 { reg = <0x0 0x0 0x0 0x3fc00000>; }; };").write(
            to: source, atomically: true, encoding: .utf8)
        try describe(compile(source)) { _, machine in
            XCTAssertEqual(
                (0..<machine.cores.count).map { machine.cores[$0].affinity },
                [0, 0x100, 0x200, 0x300])
            XCTAssertEqual(machine.firmware.method, .smc)
            for index in 0..<4 { XCTAssertEqual(machine.cores[index].start, .firmware) }
        }
    }

    func testAffinityHasOneCellOrTwo() throws {
        let wide = try compile(
            replacing: "\t\t#address-cells = <1>;\n\t\t#size-cells = <0>;",
            with: "\t\t#address-cells = <2>;\n\t\t#size-cells = <0>;",
            and: ("reg = <0x0>;", "reg = <0 0>;"),
            ("reg = <0x1>;", "reg = <0x3 0x20100>;"), ("reg = <0x2>;", "reg = <0x100 0>;"),
            ("reg = <0x3>;", "reg = <0 0x1000000>;"))
        let found = try cores(wide)
        XCTAssertEqual(found[1].affinity, 0x3_0002_0100)
        XCTAssertEqual(found[1].start, .firmware)
        for core in found[2...] {
            XCTAssertEqual(problem(core), DeviceTreeError(.noSuchCore, .reg, node: core.node))
        }
        let three = try compile(
            replacing: "\t\t#address-cells = <1>;\n\t\t#size-cells = <0>;",
            with: "\t\t#address-cells = <3>;\n\t\t#size-cells = <0>;")
        XCTAssertEqual(
            try cores(three).map { problem($0)?.cause },
            [.badCells, .badCells, .badCells, .badCells])
        XCTAssertEqual(
            try problem(fourth("device_type = \"cpu\"; enable-method = \"psci\";")[3])?.cause,
            .badLength)
    }

    func testTheMethodIsTheCoresOwnOrItsParents() throws {
        let cell = "device_type = \"cpu\"; reg = <3>;"
        let method = "#size-cells = <0>; enable-method = \"spin-table\";"
        let inherited = try compile(
            replacing: "\t\t#size-cells = <0>;\n\n\t\tcpu@0", with: "\(method)\ncpu@0",
            and: (
                "reg = <0x3>;\n\t\t\tenable-method = \"psci\";",
                "reg = <3>; cpu-release-addr = <0x40000ff8>;"
            ))
        XCTAssertEqual(
            try cores(inherited).map(\.start),
            [.firmware, .firmware, .firmware, .spinTable(0x4000_0ff8)])
        for (place, start) in [
            ("<0x40000ff8>", CoreStart.spinTable(0x4000_0ff8)),
            ("<0x1 0x10>", .spinTable(0x1_0000_0010)),
        ] {
            let found = try fourth(
                "\(cell) enable-method = \"spin-table\"; cpu-release-addr = \(place);")
            XCTAssertEqual(found[3].start, start)
        }
    }

    func testOlderFirmwareSaysTheNumberOfItsFunction() throws {
        let psci = "compatible = \"arm,psci-1.0\", \"arm,psci-0.2\";"
        let old = try compile(
            replacing: psci, with: "compatible = \"arm,psci\"; cpu_on = <0x95c1ba60>;")
        try describe(old) { _, machine in
            XCTAssertEqual(machine.firmware.coreOn, 0x95c1_ba60)
            XCTAssertEqual(machine.firmware.method, .hvc)
            XCTAssertEqual(machine.power, .none, "it cannot be asked to switch off")
            XCTAssertEqual(machine.cores[1].start, .firmware)
        }
        let both = try compile(
            replacing: psci,
            with: "compatible = \"arm,psci-0.2\", \"arm,psci\"; cpu_on = <0x95c1ba60>;")
        try describe(both) { _, machine in XCTAssertEqual(machine.firmware.coreOn, 0xc400_0003) }
        let silent = try compile(replacing: psci, with: "compatible = \"arm,psci\";")
        XCTAssertEqual(
            try cores(silent).map { problem($0)?.cause }, Array(repeating: .unknownStart, count: 4))
    }

    func testACoreThatCannotBeStartedIsLeftOut() throws {
        let cell = "device_type = \"cpu\"; reg = <3>;"
        for (text, cause, property) in [
            (cell, DeviceTreeError.Cause.unknownStart, DeviceTreeError.Property.enableMethod),
            ("\(cell) enable-method = \"acme,bell\";", .unknownStart, .enableMethod),
            ("\(cell) enable-method = \"brcm,bcm2836-smp\";", .unknownStart, .enableMethod),
            ("\(cell) enable-method = \"spin-table\";", .noReleaseAddress, .releaseAddress),
            (
                "\(cell) enable-method = \"spin-table\"; cpu-release-addr = <0x40000ffc>;",
                .noReleaseAddress, .releaseAddress
            ),
            (
                "device_type = \"cpu\"; reg = <1>; enable-method = \"psci\";", .sameCore, .reg
            ),
        ] {
            let found = try fourth(text)
            XCTAssertEqual(
                problem(found[3]), DeviceTreeError(cause, property, node: found[3].node), text)
            XCTAssertEqual(found[..<3].map(\.start), [.firmware, .firmware, .firmware], text)
        }
    }

    func testADisabledCoreIsNoneAndNineAreEight() throws {
        let disabled =
            "device_type = \"cpu\"; reg = <3>; enable-method = \"psci\"; status = \"disabled\";"
        XCTAssertEqual(try fourth(disabled).count, 3)
        let more = (3..<12).map {
            "cpu@\($0)00 { device_type = \"cpu\"; reg = <0x\($0)00>; enable-method = \"psci\"; };"
        }
        let bytes = try compile(replacing: "\t\tcpu@3 {", with: more.joined() + "cpu@3 {")
        try describe(bytes) { _, machine in
            XCTAssertEqual(machine.cores.count, 8)
            XCTAssertEqual(machine.cores.total, 13)
        }
        XCTAssertTrue(
            TreeReport(bytes).text.contains("  more cores   5: the kernel runs on 8 at most\n"))
    }

    func testTheReportNamesTheCores() throws {
        let report = TreeReport(try compile(replacing: "reg = <0x3>;", with: "reg = <0x2>;"))
        XCTAssertTrue(
            report.text.contains("  core         0x1  /cpus/cpu@1  PSCI by hvc\n"), report.text)
        XCTAssertTrue(
            report.text.contains(
                "  core         0x2  /cpus/cpu@3  left out: the device tree names a core twice, "
                    + "at /cpus/cpu@3, " + "property reg\n"), report.text)
    }

    func testTheCommandLineLimitsTheCores() throws {
        for (line, limit) in [
            ("", DeviceTree.CoreLimit.absent), ("cores=4", .limit(4)),
            ("a=b cores=1 run=\\\"ps\\\"", .limit(1)),
            ("cores=2 cores=8", .limit(8)), ("cores=\\\"3\\\"", .limit(3)),
            ("run=\\\"x cores=4 y\\\"", .absent),
            ("xcores=4", .absent), ("cores", .absent), ("cores=", .wrong), ("cores=0", .wrong),
            ("cores=9", .wrong),
            ("cores=4x", .wrong), ("cores=-1", .wrong), ("cores=99999999999999999999", .wrong),
            ("cores=4 \\\"open", .absent), ("cores=04\\t", .limit(4)),
        ] {
            let bytes = try compile(
                replacing: "\tchosen {", with: "\tchosen {\n\t\tbootargs = \"\(line)\";")
            try describe(bytes) { tree, _ in XCTAssertEqual(tree.coreLimit, limit, line) }
        }
        try describe(compile("qemu-virt-gicv2.dts")) { tree, _ in
            XCTAssertEqual(tree.coreLimit, .absent)
        }
    }
}
