// Where devices reach memory: `dma-ranges` of their bus, and what is wrong with one.

import DeviceTree
import XCTest

final class MemoryWindowTests: TreeTestCase {
    private func window(_ property: String) throws -> MemoryWindow {
        let bytes = try compile(
            replacing: "ranges = <0x1000 0x0 0x09000000 0x100000>;",
            with: "ranges = <0x1000 0x0 0x09000000 0x100000>; " + property)
        return try describe(bytes) { tree, _ in try XCTUnwrap(tree.node("/bus/pl011@1000")).memoryWindow() }
    }

    func testABusWithoutAWindowReachesAllMemory() throws {
        for property in ["", "dma-ranges;"] {
            XCTAssertEqual(try window(property), MemoryWindow(bus: 0, physical: 0, bytes: ~0), property)
        }
    }

    func testTheLargestWindowCounts() throws {
        let one = "<0xc0000000 0x0 0x80000000 0x3f000000>"
        let expected = MemoryWindow(bus: 0xc000_0000, physical: 0x8000_0000, bytes: 0x3f00_0000)
        for property in [one, "<0x7c000000 0x0 0xfc000000 0x3800000>, " + one, one + ", <0x0 0x0 0x0 0x1000>"] {
            XCTAssertEqual(try window("dma-ranges = \(property);"), expected, property)
        }
    }

    func testAWindowOfTheWrongLengthIsRefused() throws {
        XCTAssertThrowsError(try window("dma-ranges = <0xc0000000 0x0 0x80000000>;")) { error in
            XCTAssertEqual((error as? DeviceTreeError)?.cause, .badLength)
        }
    }
}
