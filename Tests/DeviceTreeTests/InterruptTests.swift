// Where interrupts lead: by name, by interrupts-extended, and through the maps of nexuses.

import DeviceTree
import Foundation
@testable import TreeReport
import XCTest

final class InterruptTests: TreeTestCase {
    private let timer = "interrupts = <1 13 4>, <1 14 4>, <1 11 4>, <1 10 4>;"

    /// The lines of a node that is put on the bus, nil where one leads to no controller of a
    /// known kind.
    private func lines(_ node: String, _ more: String = "") throws -> [Int?] {
        let bytes = try compile(
            replacing: "\t\tpl031@",
            with: "device@50000 { reg = <0x50000 0x1000>; \(node) };\t\tpl031@",
            and: ("\tpsci {", more + "\tpsci {"))
        return try describe(bytes) { tree, _ in
            let device = try XCTUnwrap(tree.node("/bus/device@50000"))
            var list = try device.interrupts()
            var lines: [Int?] = []
            while let interrupt = try list?.next() {
                XCTAssertEqual(interrupt, try device.interrupt(lines.count), "at \(lines.count)")
                lines.append(interrupt.line)
            }
            XCTAssertNil(try device.interrupt(lines.count == 0 ? 0 : lines.count + 1)?.line)
            return lines
        }
    }

    func testTheTimersInterruptIsFoundByItsName() throws {
        for (interrupts, names) in [
            ("<1 14 4>, <1 11 4>, <1 10 4>", "\"phys\", \"virt\", \"hyp-phys\""),
            ("<1 14 4>, <1 11 4>", "\"phys\", \"virt\""),
            ("<1 11 4>", "\"virt\""),
            (
                "<1 10 4>, <1 13 4>, <1 14 4>, <1 11 4>",
                "\"hyp-phys\", \"sec-phys\", \"phys\", \"virt\""
            ),
            (
                "<1 11 4>, <1 12 4>, <1 13 4>, <1 14 4>",
                "\"virt\", \"hyp-virt\", \"sec-phys\", \"phys\""
            ),
        ] {
            for (property, gic) in [("interrupts", ""), ("interrupts-extended", "&gic ")] {
                let list = interrupts.replacingOccurrences(of: "<", with: "<" + gic)
                let bytes = try compile(
                    replacing: timer, with: "\(property) = \(list); interrupt-names = \(names);")
                try describe(bytes) { _, machine in XCTAssertEqual(machine.timerLine, 27, names) }
            }
        }
    }

    func testATimerWithoutAVirtualInterruptIsRefused() throws {
        for (text, property) in [
            ("interrupts = <1 13 4>, <1 14 4>;", DeviceTreeError.Property.interrupts),
            (timer + " interrupt-names = \"sec-phys\", \"phys\";", .interruptNames),
            ("interrupts = <1 14 4>; interrupt-names = \"phys\", \"virt\";", .interrupts),
            ("interrupts-extended = <&gic 1 14 4>;", .interruptsExtended), ("", .interrupts),
        ] {
            let report = TreeReport(try compile(replacing: timer, with: text))
            XCTAssertEqual(
                report.refusal,
                TreeReport.Problem(cause: .tooFewInterrupts, path: "/timer", property: property))
        }
    }

    func testExtendedInterruptsOfSeveralControllers() throws {
        let other =
            "other: other { compatible = \"acme,intc\"; interrupt-controller; #interrupt-cells = "
            + "<2>; };"
        let expected: [Int?] = [34, nil, 35, nil, 36]
        XCTAssertEqual(
            try lines(
                "interrupts-extended = <&gic 0 2 4>, <&other 2 4>, <&gic 0 3 4>, <&other 3 4>, "
                    + "<&gic 0 4 4>;",
                other),
            expected)
        XCTAssertEqual(
            try lines("interrupts-extended = <&gic 0 2 4>, <0x7777 9 9>, <&gic 0 3 4>;"),
            [34, nil], "behind a phandle of nobody's, nothing can be read")
        XCTAssertEqual(try lines("interrupts = <0 9 4>; interrupts-extended = <&gic 0 2 4>;"), [34])
        XCTAssertThrowsError(try lines("interrupts-extended = <&gic 0 2>;"))
        XCTAssertThrowsError(try lines("interrupts-extended = [00 00];"))
        XCTAssertThrowsError(try lines("interrupts = <0 2 4>, <0 3>;"))
    }

    func testAMapLeadsOn() throws {
        let bus = """
            nexus: nexus {
                #address-cells = <2>; #interrupt-cells = <1>; interrupt-map-mask = <0 0 63>;
                interrupt-map = <0 0 5 &gic 0 1 4>, <0 0 4 &gic 0 2 1>, <0 0 6 &nobody 1>,
                    <0 0 7 &gic 0 3 4>;
            };
            nobody: nobody { interrupt-controller; #interrupt-cells = <1>; };
            """
        let expected: [Int?] = [33, 34, nil, 35, nil, 33]
        XCTAssertEqual(
            try lines(
                "interrupt-parent = <&nexus>; interrupts = <5>, <4>, <6>, <7>, <8>, <69>;", bus),
            expected,
            "6 leads to a controller of no known kind, 8 has no entry, and 69 has bits that do "
                + "not count")
        XCTAssertEqual(try lines("interrupts-extended = <&nexus 4>, <&gic 0 9 4>;", bus), [34, 41])
    }

    func testAMapAsksForTheDevicesPlace() throws {
        let nexus = """
            nexus: nexus {
                #address-cells = <1>; #interrupt-cells = <1>; MASK
                interrupt-map = <0x40000 1 &gic 0 1 4>, <0x50000 1 &gic 0 2 4>,
                    <0x50800 1 &gic 0 3 4>;
            };
            """
        for (mask, line) in [
            ("", 34), ("interrupt-map-mask = <0xf0000 7>;", 34),
            ("interrupt-map-mask = <0 7>;", 33),
        ] {
            let device = "interrupt-parent = <&nexus>; interrupts = <1>;"
            XCTAssertEqual(
                try lines(device, nexus.replacingOccurrences(of: "MASK", with: mask)), [line], mask)
        }
    }

    func testNexusesWithDifferentNumbersOfCells() throws {
        // Three cells of address in the second, and in the first none: its own address stands in
        // the first's entry.
        let nexuses = """
            first: first {
                #address-cells = <0>; #interrupt-cells = <2>; interrupt-map-mask = <0xff 0>;
                interrupt-map = <1 0 &off 9>, <1 0 &second 0x800 0 7 9>, <2 0 &gic 0 6 4>;
            };
            second: second {
                #address-cells = <3>; #interrupt-cells = <1>; interrupt-map-mask = <0x1800 0 7 15>;
                interrupt-map = <0 0 7 9 &gic 0 7 4>, <0x800 0 7 9 &gic 0 8 4>;
            };
            off: off { status = "disabled"; interrupt-controller; #interrupt-cells = <1>; };
            """
        XCTAssertEqual(
            try lines(
                "interrupt-parent = <&first>; interrupts = <1 0x55>, <2 1>, <0x101 0>;", nexuses),
            [40, 38, 40])
    }

    func testMapsThatAreWrong() throws {
        for map in ["<1 &gic 0 2>", "<1>", "<1 &gic 0 2 4>, <1>"] {
            let nexus =
                "nexus: nexus { #address-cells = <0>; #interrupt-cells = <1>; interrupt-map = "
                + "\(map); };"
            let device = "interrupt-parent = <&nexus>; interrupts = <2>;"
            XCTAssertThrowsError(try lines(device, nexus)) { error in
                let error = error as? DeviceTreeError
                XCTAssertEqual(error?.cause, .badLength, map)
                XCTAssertEqual(error?.property, .interruptMap, map)
            }
        }
        let cells =
            "nexus: nexus { #address-cells = <0>; #interrupt-cells = <5>; interrupt-map = <0>; };"
        XCTAssertThrowsError(try lines("interrupt-parent = <&nexus>; interrupts = <2>;", cells))
        let circle = """
            a: a { #address-cells = <0>; #interrupt-cells = <1>; interrupt-map = <2 &b 2>; };
            b: b { #address-cells = <0>; #interrupt-cells = <1>; interrupt-map = <2 &a 2>; };
            """
        XCTAssertEqual(try lines("interrupt-parent = <&a>; interrupts = <2>;", circle), [nil])
    }

    /// Each search for a phandle goes through the whole tree, so their number is limited.
    func testSearchesAreLimited() throws {
        let parents = (0..<300).map {
            "p\($0): p\($0) { interrupt-controller; #interrupt-cells = <1>; };"
        }.joined()
        func nexus(_ entries: Int) -> String {
            let entries = (0..<entries).map { "<\($0) &p\($0) 1>" }.joined(separator: ", ")
            return "n: n { #address-cells = <0>; #interrupt-cells = <1>;"
                + " interrupt-map = \(entries), <1000 &gic 0 2 4>; };"
        }
        let device = "interrupt-parent = <&n>; interrupts = <1000>;"
        XCTAssertEqual(try lines(device, parents + nexus(255)), [34])
        XCTAssertEqual(try lines(device, parents + nexus(256)), [nil])
        let extended = (0..<255).map { "<&p\($0) 1>" }.joined(separator: ", ")
        let expected = [Int?](repeating: nil, count: 255)
        XCTAssertEqual(
            try lines("interrupts-extended = \(extended), <&gic 0 2 4>;", parents), expected + [34])
        XCTAssertEqual(
            try lines("interrupts-extended = \(extended), <&p255 1>, <&gic 0 2 4>;", parents),
            expected + [nil, nil])
        // The last ones are kept: many interrupts in turn of two, one of them through a map.
        let pairs = (0..<600).map { _ in "<&n 1000>, <&gic 0 3 4>" }.joined(separator: ", ")
        let found = try lines("interrupts-extended = \(pairs);", parents + nexus(1))
        XCTAssertEqual(found, (0..<1200).map { $0 % 2 == 0 ? 34 : 35 })
    }

    func testInterruptsAreLimited() throws {
        let all = [Int?](repeating: 34, count: 4096)
        let list = Array(repeating: "<0 2 4>", count: 4096).joined(separator: ", ")
        XCTAssertEqual(try lines("interrupts = \(list);"), all)
        XCTAssertEqual(try lines("interrupts = \(list), <0 2 4>, <0 2 4>;"), all + [nil])
    }

    func testEntriesOfMapsAreLimited() throws {
        let entries = (0..<1024).map { "<\($0) &gic 0 2 4>" }.joined(separator: ", ")
        let nexus =
            "n: n { #address-cells = <0>; #interrupt-cells = <1>; interrupt-map = \(entries); };"
        let list = Array(repeating: "<1023>", count: 258).joined(separator: ", ")
        let device = "reg = <0x50000 0x1000>; interrupt-parent = <&n>; interrupts = \(list);"
        let bytes = try compile(
            replacing: "\t\tpl031@", with: "device@50000 { \(device) };\t\tpl031@",
            and: ("\tpsci {", nexus + "\tpsci {"))
        try describe(bytes) { tree, _ in
            var interrupts = try XCTUnwrap(tree.node("/bus/device@50000")).interrupts()
            var lines: [Int?] = []
            while let interrupt = try interrupts?.next() { lines.append(interrupt.line) }
            XCTAssertEqual(lines, [Int?](repeating: 34, count: 256) + [nil, nil])
        }
    }

    func testAControllerThatHasAMapKeepsItsInterrupts() throws {
        let controller = """
            pin: pin { interrupt-controller; #address-cells = <0>; #interrupt-cells = <1>;
                interrupt-map = <2 &gic 0 2 4>; };
            """
        XCTAssertEqual(try lines("interrupt-parent = <&pin>; interrupts = <2>;", controller), [nil])
    }

    func testInterruptsElsewhereArePassedOver() throws {
        let clock = TreeReport.Driver(
            name: "clock", compatible: ["arm,pl031"], registers: 1, interrupts: 1)
        let other =
            "other: other { compatible = \"acme,intc\"; interrupt-controller; #interrupt-cells = "
            + "<1>; };"
        for (interrupts, lines, foreign, problem) in [
            ("interrupts-extended = <&other 7>, <&gic 0 2 4>;", [34], 1, nil),
            (
                "interrupts-extended = <&other 7>, <&other 8>;", [], 2,
                DeviceTreeError.Cause.foreignInterrupt
            ),
        ] {
            let bytes = try compile(
                replacing: "interrupts = <0 2 4>;", with: interrupts,
                and: ("\tpsci {", other + "\tpsci {"))
            let report = TreeReport(bytes) { _ in
                TreeReport.Board(name: "virt", isFallback: true, drivers: [clock])
            }
            let device = try XCTUnwrap(report.devices.first { $0.path == "/bus/pl031@11000" })
            XCTAssertEqual(device.lines, lines)
            XCTAssertEqual(device.foreignInterrupts, foreign)
            XCTAssertEqual(device.problem?.cause, problem)
            let words = (lines.map(String.init) + ["(\(foreign) elsewhere)"]).joined(separator: " ")
            XCTAssertTrue(report.text.contains("0x9010000  irq \(words)  arm,pl031"), report.text)
        }
    }

    func testAllInterruptsOfADeviceAreTold() throws {
        let all = (0..<293).map { "<0 \($0 + 100) 4>" }.joined(separator: ", ")
        let report = TreeReport(
            try compile(replacing: "interrupts = <0 2 4>;", with: "interrupts = \(all);"))
        XCTAssertEqual(report.devices.last?.lines, (0..<293).map { $0 + 132 })
        XCTAssertTrue(report.text.contains(" 423 424  arm,pl031"), report.text)
    }
}
