// What boot handed over, against the device tree: every reservation looked at by itself,
// in no list.

import DeviceTree
import KernelABI
import UserRuntime

/// Calls `body` for each range that must not be handed out.
private func eachReservation(
    _ tree: DeviceTree, _ body: (UInt64, UInt64) throws(Failure) -> Void
) throws(Failure) {
    var index = 0
    while let (base, size) = tree.reservation(index) {
        try body(base, size)
        index += 1
    }
    guard let area = tree.node("/reserved-memory") else { return }
    var depth = 0
    var node = tree.node(after: area, depth: &depth)
    while let current = node, depth > 0 {
        var entry = 0
        while let range = try? current.registers(entry) {
            try body(range.base, range.size)
            entry += 1
        }
        node = tree.node(after: current, depth: &depth)
    }
}

func bootTests(_ runner: inout Runner, _ information: UnsafePointer<BootInformation>) {
    runner.test("boot.free-memory-is-the-trees") { c throws(Failure) in
        let base = unsafe UnsafeRawPointer(bitPattern: UInt(c.boot.deviceTreeAddress))
            .unsafelyUnwrapped
        // Safety: the kernel mapped that many bytes of the tree there.
        guard let tree = try? unsafe DeviceTree(at: base, limit: Int(c.boot.deviceTreeSize)) else {
            throw Failure(line: #line, text: "no tree", value: 0)
        }
        // Safety: `untypedCount` regions follow the head.
        let regions = unsafe UnsafeBufferPointer(
            start: UnsafeRawPointer(information + 1).assumingMemoryBound(to: UntypedRegion.self),
            count: Int(c.boot.untypedCount))
        var kept: UInt64 = 0
        try eachReservation(tree) { (place, size) throws(Failure) in
            kept += ((place + size + 4095) & ~4095) - (place & ~4095)
            for index in 0..<regions.count where unsafe size > 0 && regions[index].isDevice == 0 {
                let start = unsafe regions[index].physicalBase
                if unsafe place < start + 1 << UInt64(regions[index].sizeBits)
                    && place + (size - 1) >= start
                {
                    throw Failure(line: #line, text: "a reservation is given away", value: place)
                }
            }
        }
        var given: UInt64 = 0
        var count: UInt64 = 0
        for index in 0..<regions.count where unsafe regions[index].isDevice == 0 {
            given += unsafe 1 << UInt64(regions[index].sizeBits)
            count += 1
        }
        try c.expect(given <= c.boot.ramBytes, "more than there is", given)
        // The image, its bundle, the tree, and the objects of the root task.
        try c.expect(given + kept + 6 << 20 >= c.boot.ramBytes, "memory is not given away", given)
        let console = SystemControl(RootSlot.systemControl)
        console.write(
            "# regions of memory, pages of the list:",
            [count, (UInt64(regions.count) * 16 + 120 + 4095) / 4096] as InlineArray<2, UInt64>)
    }
}
