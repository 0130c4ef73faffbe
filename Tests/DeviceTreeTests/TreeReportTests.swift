// The host's report on a tree: the same answers as the kernel's, the devices, and where a refused
// tree is wrong.

import DeviceTree
@testable import TreeReport
import XCTest

final class TreeReportTests: TreeTestCase {
    private let clock = "/bus/pl031@11000"
    private let uart = TreeReport.Driver(
        name: "pl011", compatible: ["arm,pl011"], registers: 1, interrupts: 1)
    private let driver = TreeReport.Driver(
        name: "clock", compatible: ["arm,pl031"], registers: 1, interrupts: 1)

    private func report(_ bytes: [UInt8], _ drivers: TreeReport.Driver...) -> TreeReport {
        TreeReport(bytes) { _ in
            TreeReport.Board(name: "virt", isFallback: true, drivers: drivers)
        }
    }

    func testATreeThatBoots() throws {
        let report = TreeReport(try compile("qemu-virt-gicv2.dts"))
        XCTAssertNil(report.refusal)
        XCTAssertEqual(report.model, "linux,dummy-virt")
        XCTAssertEqual(report.controller, .gicv2)
        XCTAssertEqual(report.distributor, RegisterRange(base: 0x0800_0000, size: 0x1_0000))
        XCTAssertEqual(report.timerLine, 27)
        XCTAssertEqual(report.console, .pl011)
        XCTAssertEqual(report.power, .hvc)
        XCTAssertEqual(report.memory, [RegisterRange(base: 0x4000_0000, size: 0x1000_0000)])
        XCTAssertEqual(report.reserved, [RegisterRange(base: 0x4f00_0000, size: 0x10_0000)])
        XCTAssertEqual(
            report.usable,
            [
                RegisterRange(base: 0x4000_0000, size: 0xf00_0000),
                RegisterRange(base: 0x4f10_0000, size: 0xf0_0000),
            ])
        XCTAssertEqual(report.unreachable, 0)
    }

    func testDevicesAreTheEnabledNodesWithRegisters() throws {
        let report = TreeReport(
            try compile(
                replacing: "firmware@4f000000 {",
                with: "firmware@4f000000 { compatible = \"acme,pool\";"))
        // The PL061 is disabled; the controller is the kernel's; a reservation is no device.
        XCTAssertEqual(
            report.devices,
            [
                TreeReport.Device(
                    path: "/bus/pl011@1000", compatible: ["arm,pl011", "arm,primecell"],
                    registers: [RegisterRange(base: 0x0900_0000, size: 0x1000)], lines: [33]),
                TreeReport.Device(
                    path: "/bus/pl031@11000", compatible: ["arm,pl031", "arm,primecell"],
                    registers: [RegisterRange(base: 0x0901_0000, size: 0x1000)], lines: [34]),
            ])
    }

    func testADamagedDeviceIsNamed() throws {
        for (text, replacement, problem, words) in [
            (
                "<0x11000 0x1000>", "<0x11000>",
                TreeReport.Problem(cause: .badLength, path: clock, property: .reg),
                "damaged: the device tree has a list that does not end with an entry, at "
                    + "/bus/pl031@11000, property reg"
            ),
            (
                "<0 2 4>", "<1 16 4>",
                TreeReport.Problem(cause: .noSuchLine, path: clock, property: .interrupts),
                "damaged: the device tree has an interrupt that its controller has not, at "
                    + "/bus/pl031@11000, property interrupts"
            ),
        ] {
            let report = report(try compile(replacing: text, with: replacement), uart)
            XCTAssertNil(report.refusal, "one device does not keep the kernel from booting")
            XCTAssertEqual(report.devices.last?.problem, problem)
            XCTAssertTrue(report.text.contains(words), report.text)
        }
    }

    /// The words are those of the console, where the same trees are booted
    /// (Tests/OnTarget/tree-tests).
    func testADriverThatWouldNotStartIsToldWithTheReason() throws {
        let foreign =
            "an interrupt that leads to no controller of the kernel, at \(clock), property "
            + "interrupts"
        for (old, new, cause, words) in [
            (
                "<0 2 4>;", "<0 2 4>; interrupt-parent = <0x7777>;",
                DeviceTreeError.Cause.foreignInterrupt, "has \(foreign)"
            ),
            (
                "interrupts = <0 2 4>;", "interrupts-extended = <0x7777 0 2 4>;", .foreignInterrupt,
                "has \(foreign)-extended"
            ),
            (
                "interrupts = <0 2 4>;", "interrupts-extended = <&gic 0 1000 4>;", .noSuchLine,
                "has an interrupt that its controller has not, at \(clock), property "
                    + "interrupts-extended"
            ),
            (
                "interrupts = <0 2 4>;", "", .tooFewInterrupts,
                "names too few interrupts, at \(clock), property interrupts"
            ),
            (
                "ranges = <0x1000 0x0 0x09000000 0x100000>",
                "ranges = <0x1000 0x0 0x09000000 0x10000>", .unreachable,
                "has an address that does not reach the processor, at \(clock), property reg"
            ),
            (
                "firmware@4f000000 {\n\t\t\treg = <0x0 0x4f000000",
                "firmware@4f000000 {\n\t\t\treg = <0x0 0x09010000",
                .reservedRegisters,
                "calls a device's registers memory, or reserves them, at \(clock), property reg"
            ),
        ] {
            let report = report(try compile(replacing: old, with: new), uart, driver)
            XCTAssertNil(report.refusal, new)
            let device = report.devices.first { $0.path == clock }
            XCTAssertEqual(device?.driver, "clock", new)
            XCTAssertEqual(device?.problem?.cause, cause, new)
            XCTAssertTrue(
                report.text.contains(
                    "arm,primecell  clock does not start: the device tree \(words)\n"), report.text)
        }
    }

    func testWhatADriverDoesNotNeedDoesNotKeepItFromStarting() throws {
        var quiet = driver
        quiet.interrupts = 0
        let report = report(try compile(replacing: "<0 2 4>", with: "<1 16 4>"), quiet)
        XCTAssertEqual(report.devices.last?.driver, "clock")
        XCTAssertNil(report.devices.last?.problem)
    }

    func testADeviceOnASharedPageHasNoDriverThatDoesNotSaySo() throws {
        var sharing = driver
        sharing.sharesPage = true
        let words =
            "clock does not start: other devices have registers in its page (see shares_page)"
        // The PL061 is disabled: its registers are there all the same. The very same range is the
        // same device.
        for (reg, isShared) in [
            ("<0x11800 0x100>", true), ("<0x10f00 0x200>", true), ("<0x10000 0x1001>", true),
            ("<0x10000 0x1000>", false), ("<0x12000 0x1000>", false), ("<0x11000 0x1000>", false),
        ] {
            let bytes = try compile(replacing: "<0x31000 0x1000>", with: reg)
            XCTAssertEqual(
                report(bytes, driver).devices.last?.refusal, isShared ? .pageShared : nil, reg)
            XCTAssertEqual(report(bytes, driver).text.contains(words), isShared, reg)
            XCTAssertNil(report(bytes, sharing).devices.last?.refusal, reg)
        }
    }

    func testAGreatRangeOfRegistersHasNoDriver() throws {
        let words = "clock does not start: a range of the device's registers is larger than 256 KiB"
        for (reg, isTooLarge) in [
            ("<0x41000 0x40000>", false), ("<0x41fff 0x3f001>", false), ("<0x41fff 0x3f002>", true),
            ("<0x41000 0x40001>", true), ("<0x41000 0xc0000>", true),
        ] {
            let report = report(try compile(replacing: "<0x11000 0x1000>", with: reg), driver)
            let device = report.devices.first { $0.driver != nil }
            XCTAssertEqual(device?.refusal, isTooLarge ? .registersTooLarge : nil, reg)
            XCTAssertEqual(report.text.contains(words), isTooLarge, reg)
        }
    }

    func testARefusedTreesDriversAreNamed() throws {
        let foreign = try compile(
            replacing: "<0 2 4>;", with: "<0 2 4>; interrupt-parent = <0x7777>;")
        let memory = report(
            try compile(
                replacing: "device_type = \"memory\";", with: "",
                and: ("<0 2 4>;", "<0 2 4>; interrupt-parent = <0x7777>;")), uart, driver)
        XCTAssertEqual(memory.refusal?.cause, .noMemory)
        XCTAssertEqual(memory.devices.map(\.driver), ["pl011", "clock"])
        XCTAssertEqual(memory.devices.map { $0.problem?.cause }, [nil, .foreignInterrupt])
        XCTAssertEqual(
            memory.devices.last?.problem, report(foreign, uart, driver).devices.last?.problem)
        let controller = report(
            try compile(replacing: "arm,cortex-a15-gic", with: "acme,gic"), uart)
        XCTAssertEqual(controller.refusal?.cause, .noInterruptController)
        XCTAssertEqual(controller.devices.first { $0.path == "/bus/pl011@1000" }?.driver, "pl011")
        XCTAssertNil(controller.devices.first { $0.path == "/bus/pl011@1000" }?.problem)
    }

    func testPowerBySecureMonitorCall() throws {
        let report = TreeReport(try compile(replacing: "\"hvc\"", with: "\"smc\""))
        XCTAssertEqual(report.power, .smc)
        XCTAssertTrue(report.text.contains("\n  power        PSCI by smc\n"), report.text)
        let none = TreeReport(try compile(replacing: "\t\tmethod = \"hvc\";\n", with: ""))
        XCTAssertEqual(none.power, .none)
    }

    func testARefusalNamesItsPlace() throws {
        let parent = TreeReport(try compile(replacing: "\t\tranges;\n", with: ""))
        XCTAssertEqual(
            parent.refusal,
            TreeReport.Problem(
                cause: .unreachable, path: "/reserved-memory/firmware@4f000000", property: .reg))
        XCTAssertEqual(
            parent.verdict,
            "refused: the device tree has an address that does not reach the processor, at "
                + "/reserved-memory/firmware@4f000000, property reg")
        XCTAssertTrue(
            parent.text.contains(
                "\n  remedy       compare it with ranges of each bus above\n"))
        let memory = TreeReport(try compile("malformed/no-memory.dts"))
        XCTAssertEqual(memory.refusal, TreeReport.Problem(cause: .noMemory))
        XCTAssertEqual(memory.controller, .gicv2, "what was found is told")
        XCTAssertEqual(memory.devices.count, 2)
        XCTAssertEqual(TreeReport([]).refusal, TreeReport.Problem(cause: .noMagic))
        XCTAssertEqual(
            TreeReport([UInt8](repeating: 0, count: 64)).verdict, "refused: there is no device tree"
        )
    }

    func testTheTextSaysWhatHasADriver() throws {
        let text = report(try compile("qemu-virt-gicv3.dts"), uart).text
        for line in [
            "  boots\n", "  manifest     virt, for want of one for this board\n",
            "  controller   GICv3, 0x8000000 64 KiB, 0x80a0000 15744 KiB\n",
            "  timer        line 27\n",
            "  console      PL011, 0x9000000 4 KiB\n", "  power        PSCI by hvc\n",
            "  memory       0x40000000 256 MiB\n",
            "  device       /bus/pl011@1000  0x9000000  irq 33  arm,pl011, arm,primecell  pl011\n",
            "  device       /bus/pl031@11000  0x9010000  irq 34  arm,pl031, arm,primecell  (no "
                + "driver)\n",
        ] {
            XCTAssertTrue(text.contains(line), "\(line) is missing in\n\(text)")
        }
    }

    func testDamagedTreesAreReportedWithoutACrash() throws {
        let bytes = try compile("qemu-virt-gicv2.dts")
        var state: UInt64 = 0x9e37_79b9_7f4a_7c15
        var refused = 0
        for _ in 0..<1_000 {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            var damaged = bytes
            damaged[Int(state % UInt64(bytes.count))] ^= UInt8(truncatingIfNeeded: state >> 32) | 1
            let report = report(damaged, uart, driver)
            if report.refusal != nil { refused += 1 }
            XCTAssertFalse(report.text.isEmpty)
        }
        XCTAssertGreaterThan(refused, 50, "hardly any damage was noticed")
        XCTAssertLessThan(refused, 950, "hardly any tree was read")
    }
}
