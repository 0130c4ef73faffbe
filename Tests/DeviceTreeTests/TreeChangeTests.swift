// The reader on trees that differ from a good one in one place: what must not be handed out is
// known, or the tree is refused.

import DeviceTree
import Foundation
import XCTest

final class TreeChangeTests: TreeTestCase {
    func testInterruptNumbersThatNoControllerHasAreRefused() throws {
        for (specifier, line) in [("<1 15 4>", 31), ("<0 0 4>", 32), ("<0 987 4>", 1019)] {
            let bytes = try compile(replacing: "<0 2 4>", with: specifier)
            try describe(bytes) { tree, _ in
                XCTAssertEqual(
                    try XCTUnwrap(tree.node("/bus/pl031@11000")).interrupt(0)?.line, line)
            }
        }
        for specifier in [
            "<1 16 4>", "<1 17 4>", "<1 0xffffffff 4>", "<0 988 4>", "<0 0x80000000 4>",
        ] {
            let bytes = try compile(replacing: "<0 2 4>", with: specifier)
            try describe(bytes) { tree, _ in
                let clock = try XCTUnwrap(tree.node("/bus/pl031@11000"))
                XCTAssertThrowsError(try clock.interrupt(0), specifier) { error in
                    XCTAssertEqual(
                        error as? DeviceTreeError,
                        DeviceTreeError(.noSuchLine, .interrupts, node: clock.offset))
                }
            }
        }
    }

    func testTimerWithoutALineOfTheControllerIsRefused() throws {
        XCTAssertEqual(cause(try compile(replacing: "<1 11 4>", with: "<1 27 4>")), .noSuchLine)
        let second = """
            second: interrupt-controller@a000000 {
                compatible = "arm,gic-400";
                reg = <0x0 0x0a000000 0x0 0x1000>, <0x0 0x0a010000 0x0 0x2000>;
                interrupt-controller;
                #interrupt-cells = <3>;
            };
            """
        // The first controller is the kernel's: here not the one that the timer belongs to, and
        // here it is.
        let line = "interrupts = <1 13 4>, <1 14 4>, <1 11 4>, <1 10 4>;"
        let behind = try compile(
            replacing: line, with: line + " interrupt-parent = <&second>;",
            and: ("\tbus {", second + "bus {"))
        XCTAssertEqual(cause(behind), .foreignInterrupt)
        let before = try compile(
            replacing: line, with: line + " interrupt-parent = <&second>;",
            and: ("\tpsci {", second + "psci {"))
        try describe(before) { _, machine in XCTAssertEqual(machine.distributor.base, 0x0a00_0000) }
    }

    func testAChildOfAnInterruptControllerBelongsToIt() throws {
        // Its parent's own interrupts go on to the GIC: those of the child do not.
        let expander = """
            expander@40000 {
                reg = <0x40000 0x1000>; interrupts = <0 9 4>; interrupt-parent = <&gic>;
                interrupt-controller; #interrupt-cells = <3>;
                key { interrupts = <0 2 4>; };
                direct { interrupts = <0 3 4>; interrupt-parent = <&gic>; };
            };
            """
        let bytes = try compile(replacing: "\t\tpl031@", with: expander + "\t\tpl031@")
        try describe(bytes) { tree, _ in
            XCTAssertEqual(try XCTUnwrap(tree.node("/bus/expander")).interrupt(0)?.line, 41)
            let key = try XCTUnwrap(tree.node("/bus/expander/key"))
            XCTAssertEqual(key.interruptParent?.offset, tree.node("/bus/expander")?.offset)
            XCTAssertNil(try key.interrupt(0)?.line, "the expander's line 2 is not the GIC's")
            XCTAssertEqual(try XCTUnwrap(tree.node("/bus/expander/direct")).interrupt(0)?.line, 35)
        }
    }

    func testWhatIsOnADisabledBusIsNotThere() throws {
        let bus = "compatible = \"simple-bus\";"
        for (status, isEnabled) in [
            ("okay", true), ("ok", true), ("disabled", false), ("fail", false),
        ] {
            let bytes = try compile(replacing: bus, with: bus + " status = \"\(status)\";")
            try describe(bytes) { tree, machine in
                XCTAssertEqual(try XCTUnwrap(tree.node("/bus/pl031")).isEnabled, isEnabled, status)
                XCTAssertEqual(machine.consoleKind, isEnabled ? .pl011 : .none, status)
            }
        }
    }

    func testWhatIsTooDeepIsNotLookedAt() throws {
        let levels = 2...18  // the bus is at depth 1
        let open = levels.map { "level\($0) { compatible = \"acme,level\";" }.joined(separator: " ")
        let bytes = try compile(
            replacing: "\t\tpl031@", with: open + levels.map { _ in " };" }.joined() + "\t\tpl031@")
        try describe(bytes) { tree, _ in
            var depth = 0
            var node: DeviceNode? = tree.root
            var deep = 0
            while let current = node {
                if current.isCompatible("acme,level") {
                    XCTAssertEqual(current.isEnabled, depth <= 16, "at depth \(depth)")
                    deep = max(deep, depth)
                }
                node = tree.node(after: current, depth: &depth)
            }
            XCTAssertEqual(deep, 18)
            XCTAssertTrue(
                try XCTUnwrap(tree.node("/bus/pl031")).isEnabled, "what follows is not deep")
        }
    }

    func testReservationsAreKeptWhateverIsAboveThem() throws {
        let list = "reserved-memory {"
        let off = " status = \"disabled\";"
        try describe(compile(replacing: list, with: list + off)) { _, machine in
            XCTAssertEqual(machine.reserved.count, 1)
        }
        let place = "reg = <0x0 0x4f000000 0x0 0x100000>;"
        try describe(compile(replacing: place, with: place + off)) { _, machine in
            XCTAssertEqual(machine.reserved.count, 0)
        }
    }

    func testRegistersStayWithinTheWindowOfTheirBus() throws {
        let whole = try compile(replacing: "<0x11000 0x1000>", with: "<0x11000 0xf0000>")
        try describe(whole) { tree, _ in
            let clock = try XCTUnwrap(tree.node("/bus/pl031@11000"))
            XCTAssertEqual(try clock.registers(0), RegisterRange(base: 0x0901_0000, size: 0xf_0000))
        }
        let beyond = try compile(replacing: "<0x11000 0x1000>", with: "<0x11000 0xf0001>")
        try describe(beyond) { tree, _ in
            XCTAssertNil(try XCTUnwrap(tree.node("/bus/pl031@11000")).registers(0))
        }
        // Two windows that touch are still two: behind the bus they may lie apart.
        let two = try compile(
            replacing: "<0x1000 0x0 0x09000000 0x100000>",
            with: "<0x1000 0x0 0x09000000 0x10800>, <0x11800 0x0 0x0a000000 0x100000>")
        try describe(two) { tree, _ in
            XCTAssertNil(try XCTUnwrap(tree.node("/bus/pl031@11000")).registers(0))
            XCTAssertEqual(
                try XCTUnwrap(tree.node("/bus/pl061@31000")).registers(0)?.base, 0x0a01_f800)
        }
    }

    func testAnAddressOfAnotherKindIsNoError() throws {
        let pci = """
            pcie@50000 {
                reg = <0x50000 0x1000>; ranges = <0x2000000 0x0 0x10000000 0x60000 0x0 0x10000>;
                #address-cells = <3>; #size-cells = <2>;
                network@0,1 { reg = <0x2000100 0x0 0x10000000 0x0 0x1000>; };
            };
            """
        let bytes = try compile(replacing: "\t\tpl031@", with: pci + "\t\tpl031@")
        try describe(bytes) { tree, _ in
            XCTAssertEqual(try XCTUnwrap(tree.node("/bus/pcie")).registers(0)?.base, 0x0904_f000)
            XCTAssertNil(try XCTUnwrap(tree.node("/bus/pcie/network@0,1")).registers(0))
        }
    }

    func testListsOfAWrongLengthAreRefused() throws {
        let registers = try compile(replacing: "<0x11000 0x1000>", with: "<0x11000 0x1000 0x12000>")
        try describe(registers) { tree, _ in
            let clock = try XCTUnwrap(tree.node("/bus/pl031@11000"))
            XCTAssertThrowsError(try clock.registers(0))
            XCTAssertThrowsError(try clock.registerCount())
        }
        let windows = try compile(
            replacing: "0x09000000 0x100000>", with: "0x09000000 0x100000 0x1>")
        try describe(windows) { _, machine in
            XCTAssertEqual(machine.consoleProblem?.cause, .badLength, "the console is on that bus")
            XCTAssertEqual(machine.consoleProblem?.property, .ranges)
        }
    }

    func testEveryPieceOfAReservationCounts() throws {
        let bytes = try compile(
            replacing: "<0x0 0x4f000000 0x0 0x100000>",
            with: "<0x0 0x4f000000 0x0 0x100000>, <0x0 0x4e000000 0x0 0x200000>")
        try describe(bytes) { _, machine in
            XCTAssertEqual(machine.reserved.count, 2)
            XCTAssertEqual(machine.reserved[0], RegisterRange(base: 0x4e00_0000, size: 0x20_0000))
        }
    }

    func testReservationThatCannotBePlacedIsRefused() throws {
        XCTAssertEqual(cause(try compile(replacing: "\t\tranges;\n", with: "")), .unreachable)
        let second = try compile(
            replacing: "\t\tranges;\n",
            with: "\t\tranges = <0x0 0x4f000000 0x0 0x4f000000 0x0 0x100000>;\n",
            and: (
                "<0x0 0x4f000000 0x0 0x100000>;\n\t\t}",
                "<0x0 0x4f000000 0x0 0x100000>, <0x0 0x4e000000 0x0 0x1000>;\n\t\t}"
            ))
        XCTAssertEqual(cause(second), .unreachable)
        let half = try compile(
            replacing: "<0x0 0x4f000000 0x0 0x100000>",
            with: "<0x0 0x4f000000 0x0 0x100000>, <0x0 0x4e000000 0x0>")
        XCTAssertEqual(cause(half), .badLength)
    }

    func testAReservationWithoutAPlaceKeepsNothing() throws {
        let bytes = try compile(
            replacing: "reg = <0x0 0x4f000000 0x0 0x100000>", with: "size = <0x0 0x100000>")
        try describe(bytes) { _, machine in XCTAssertEqual(machine.reserved.count, 0) }
    }

    func testAnyNumberOfReservationsIsKept() throws {
        // Apart from one another, and touching: those are one.
        for (count, step, expected) in [
            (31, 0x2000, 32), (60, 0x2000, 61), (1000, 0x2000, 1001), (1000, 0x1000, 2),
        ] {
            let lines = (0..<count).map { "/memreserve/ \(0x4100_0000 + $0 * step) 0x1000;" }
            let bytes = try compile(
                replacing: "/dts-v1/;", with: "/dts-v1/;\n" + lines.joined(separator: "\n"))
            try describe(bytes) { _, machine in
                XCTAssertEqual(machine.reserved.count, expected)
                for index in 0..<count {
                    let page = RegisterRange(base: UInt64(0x4100_0000 + index * step), size: 0x1000)
                    XCTAssertTrue(machine.keeps(page), "\(index) of \(count)")
                }
            }
        }
    }

    /// Memory in many nodes that follow each other, in descending order (33 nodes: virtme-ng's
    /// issue 56).
    func testMemoryInManyNodesIsOneRange() throws {
        let source = try compile(replacing: "/dts-v1/;", with: "/dts-v1/;")
        var first: RegisterRange?
        try describe(source) { _, machine in first = machine.memory[0] }
        let end = try XCTUnwrap(first).end
        let nodes = (0..<200).reversed().map { index -> String in
            let base = end + UInt64(index) << 20
            return "/ { memory@\(String(base, radix: 16)) { device_type = \"memory\"; "
                + "reg = <0x0 \(base) 0x0 0x100000>; }; };"
        }
        let text = "/dts-v1/;\n" + nodes.joined(separator: "\n") + "\n"
        try describe(try compile(replacing: "/dts-v1/;", with: text)) { _, machine in
            XCTAssertEqual(machine.memory.count, 1)
            XCTAssertEqual(machine.memory[0].end, end + 200 << 20)
        }
    }

    /// A boot loader may reserve the initial RAM disk: it is the kernel's to use, and its
    /// neighbour is not.
    func testTheInitialDiskIsNotKept() throws {
        let chosen =
            "/ { chosen { linux,initrd-start = <0x44000000>; linux,initrd-end = <0x44002000>; }; };"
        let lines = "/memreserve/ 0x44000000 0x2000;\n/memreserve/ 0x44002000 0x1000;\n"
        let bytes = try compile(replacing: "/dts-v1/;", with: "/dts-v1/;\n" + lines + chosen)
        try describe(bytes) { tree, machine in
            XCTAssertEqual(tree.initialDisk, RegisterRange(base: 0x4400_0000, size: 0x2000))
            XCTAssertTrue(
                (0..<machine.reserved.count).contains { machine.reserved[$0].base == 0x4400_2000 })
            XCTAssertFalse(
                (0..<machine.reserved.count).contains { machine.reserved[$0].base == 0x4400_0000 })
        }
    }

    func testAnEmptyReservationDoesNotEndTheList() throws {
        let bytes = try compile(
            replacing: "/dts-v1/;",
            with: "/dts-v1/;\n/memreserve/ 0x41000000 0;\n/memreserve/ 0x42000000 0x1000;")
        try describe(bytes) { _, machine in
            XCTAssertEqual(machine.reserved.count, 2)
            XCTAssertEqual(machine.reserved[0].base, 0x4200_0000)
        }
    }

    func testMemoryInAnyNumberOfPiecesIsTaken() throws {
        for count in [32, 33, 300] {
            let ranges = (0..<count).map { "<0x0 \(0x4000_0000 + $0 << 20) 0x0 0x80000>" }
            let bytes = try compile(
                replacing: "reg = <0x0 0x40000000 0x0 0x10000000>",
                with: "reg = " + ranges.joined(separator: ", "))
            try describe(bytes) { _, machine in
                XCTAssertEqual(machine.memory.count, count)
                XCTAssertEqual(machine.memory.lost, 0)
            }
        }
    }

    func testMemoryWithoutBytesIsNone() throws {
        let bytes = try compile(
            replacing: "0x40000000 0x0 0x10000000>", with: "0x40000000 0x0 0x0>")
        XCTAssertEqual(cause(bytes), .noMemory)
    }

    func testMemoryThatCoversTheKernelsDevicesIsRefused() throws {
        for base in ["0x08000000", "0x08010000", "0x09000000"] {
            let bytes = try compile(
                replacing: "reg = <0x0 0x40000000 0x0 0x10000000>",
                with: "reg = <0x0 0x40000000 0x0 0x10000000>, <0x0 \(base) 0x0 0x1000>")
            XCTAssertEqual(cause(bytes), .registersInMemory, base)
        }
    }

    /// Every node's registers and interrupts: an answer or a typed error, whatever byte is wrong.
    func testDamagedNodesNeverCrash() throws {
        let bytes = try compile("qemu-virt-gicv2.dts")
        var state: UInt64 = 0x2545_f491_4f6c_dd1d
        var read = 0
        for _ in 0..<3_000 {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            var damaged = bytes
            damaged[Int(state % UInt64(bytes.count))] ^= UInt8(truncatingIfNeeded: state >> 32) | 1
            let memory = UnsafeMutableRawBufferPointer.allocate(
                byteCount: damaged.count, alignment: 8)
            defer { memory.deallocate() }
            memory.copyBytes(from: damaged)
            guard
                let tree = try? DeviceTree(
                    at: UnsafeRawPointer(memory.baseAddress!), limit: damaged.count)
            else { continue }
            var depth = 0
            var node: DeviceNode? = tree.root
            while let current = node {
                for index in 0..<4 {
                    _ = try? current.registers(index)
                    _ = try? current.interrupt(index)
                }
                read += 1
                node = tree.node(after: current, depth: &depth)
            }
        }
        XCTAssertGreaterThan(read, 1_000, "hardly any damaged tree was read")
    }

    /// The tree that QEMU itself makes says what the project's own says.
    func testQEMUsOwnTrees() throws {
        for version in [2, 3] {
            let output = FileManager.default.temporaryDirectory.appendingPathComponent(
                "\(UUID().uuidString).dtb")
            defer { try? FileManager.default.removeItem(at: output) }
            let process = Process()
            process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
            process.arguments = [
                "qemu-system-aarch64", "-machine",
                "virt,gic-version=\(version),dumpdtb=\(output.path)",
                "-cpu", "cortex-a53", "-m", "256M", "-nographic", "-nodefaults",
            ]
            process.standardOutput = FileHandle.nullDevice
            process.standardError = FileHandle.nullDevice
            try process.run()
            process.waitUntilExit()
            guard process.terminationStatus == 0, let data = try? Data(contentsOf: output) else {
                throw XCTSkip("qemu-system-aarch64 is not installed")
            }
            try describe(compile("qemu-virt-gicv\(version).dts")) { _, own in
                try describe([UInt8](data)) { _, machine in
                    XCTAssertEqual(machine.controller, version == 2 ? .gicv2 : .gicv3)
                    XCTAssertEqual(machine.distributor, own.distributor)
                    XCTAssertEqual(machine.interface, own.interface)
                    XCTAssertEqual(machine.timerLine, own.timerLine)
                    XCTAssertEqual(machine.consoleKind, own.consoleKind)
                    XCTAssertEqual(machine.console, own.console)
                    XCTAssertEqual(machine.power, own.power)
                    XCTAssertEqual(machine.memory.count, 1)
                    XCTAssertEqual(machine.memory[0], own.memory[0])
                }
            }
        }
    }
}
