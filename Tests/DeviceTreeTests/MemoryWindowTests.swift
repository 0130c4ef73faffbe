// Where devices reach memory: `dma-ranges` of their bus, and what is wrong with one.

import DeviceTree
import XCTest

final class MemoryWindowTests: TreeTestCase {
    private func window(_ property: String) throws -> MemoryWindow {
        let bytes = try compile(
            replacing: "ranges = <0x1000 0x0 0x09000000 0x100000>;",
            with: "ranges = <0x1000 0x0 0x09000000 0x100000>; " + property)
        return try describe(bytes) { tree, _ in
            try XCTUnwrap(tree.node("/bus/pl011@1000")).memoryWindow()
        }
    }

    func testABusWithoutAWindowReachesAllMemory() throws {
        for property in ["", "dma-ranges;"] {
            XCTAssertEqual(
                try window(property), MemoryWindow(bus: 0, physical: 0, bytes: ~0), property)
        }
    }

    func testTheLargestWindowCounts() throws {
        let one = "<0xc0000000 0x0 0x80000000 0x3f000000>"
        let expected = MemoryWindow(bus: 0xc000_0000, physical: 0x8000_0000, bytes: 0x3f00_0000)
        for property in [
            one, "<0x7c000000 0x0 0xfc000000 0x3800000>, " + one, one + ", <0x0 0x0 0x0 0x1000>",
        ] {
            XCTAssertEqual(try window("dma-ranges = \(property);"), expected, property)
        }
    }

    /// The window of a device on a bus that lies on this one.
    private func nested(_ outer: String, _ inner: String) throws -> MemoryWindow {
        let bytes = try compile(
            replacing: "ranges = <0x1000 0x0 0x09000000 0x100000>;",
            with: "ranges = <0x1000 0x0 0x09000000 0x100000>; " + outer,
            and: (
                "\t\tpl031@",
                """
                inner { #address-cells = <2>; #size-cells = <2>; ranges; \(inner)
                    device { compatible = "acme,device"; reg = <0 0x5000 0 0x1000>; }; };
                \t\tpl031@
                """
            ))
        return try describe(bytes) { tree, _ in
            try XCTUnwrap(tree.node("/bus/inner/device")).memoryWindow()
        }
    }

    func testEveryBusAboveCounts() throws {
        let outer = "dma-ranges = <0x40000000 0x1 0x80000000 0x40000000>;"
        for (inner, bus, physical, bytes) in [
            // The inner bus passes all, by either way of saying so.
            ("", 0x4000_0000, 0x1_8000_0000, 0x4000_0000),
            ("dma-ranges;", 0x4000_0000, 0x1_8000_0000, 0x4000_0000),
            // It has other addresses, and fewer or more.
            ("dma-ranges = <0 0 0x40000000 0 0x1000000>;", 0, 0x1_8000_0000, 0x100_0000),
            (
                "dma-ranges = <0x10 0 0x3f000000 0x10 0>;", 0x10_0100_0000, 0x1_8000_0000,
                0x4000_0000
            ),
            ("dma-ranges = <0 0x1000 0x7ffff000 0 0x9000>;", 0x1000, 0x1_bfff_f000, 0x1000),
            // The largest does not lead on, or in part: the next largest counts.
            (
                "dma-ranges = <0 0 0x90000000 0 0x20000000>, <1 0 0x50000000 0 0x1000000>;",
                0x1_0000_0000, 0x1_9000_0000, 0x100_0000
            ),
            (
                "dma-ranges = <0 0 0x3f000000 0 0x1800000>, <1 0 0x50000000 0 0x1000000>;",
                0x1_0000_0000, 0x1_9000_0000, 0x100_0000
            ),
            // Nothing leads on.
            ("dma-ranges = <0 0 0x90000000 0 0x20000000>;", 0, 0, 0),
        ] as [(String, UInt64, UInt64, UInt64)] {
            XCTAssertEqual(
                try nested(outer, inner), MemoryWindow(bus: bus, physical: physical, bytes: bytes),
                inner)
        }
        XCTAssertEqual(
            try nested("", "dma-ranges = <0 0 0x80000000 0 0x1000>;"),
            MemoryWindow(bus: 0, physical: 0x8000_0000, bytes: 0x1000))
        XCTAssertThrowsError(try nested("dma-ranges = <0>;", ""))
    }

    func testWindowsAtTheEndOfAllAddresses() throws {
        XCTAssertEqual(
            try nested("dma-ranges = <0 0xffffffff 0xfffff000 0x2000>;", ""),
            MemoryWindow(bus: 0, physical: ~0xfff, bytes: 0xfff))
        XCTAssertEqual(
            try nested(
                "dma-ranges = <0x1000 0xffffffff 0xfffff800 0x1000>;",
                "dma-ranges = <0 0 0 0xffffffff 0xffffffff>;"),
            MemoryWindow(bus: 0x1000, physical: 0xffff_ffff_ffff_f800, bytes: 0x7ff))
    }

    func testManyEntriesTakeNoTime() throws {
        let many = (0..<4000).map { "<\($0 * 16) 0 \($0 * 16) 16>" }.joined(separator: ", ")
        let wide = (0..<4000).map { "<0 \($0 * 16) \($0 * 16) 0 16>" }.joined(separator: ", ")
        let window = try nested("dma-ranges = \(many);", "dma-ranges = \(wide);")
        XCTAssertEqual(window, MemoryWindow(bus: 0, physical: 0, bytes: 16))
    }

    func testAWindowOfTheWrongLengthIsRefused() throws {
        XCTAssertThrowsError(try window("dma-ranges = <0xc0000000 0x0 0x80000000>;")) { error in
            XCTAssertEqual((error as? DeviceTreeError)?.cause, .badLength)
        }
    }
}
