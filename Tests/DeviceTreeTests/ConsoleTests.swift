// Which console the kernel finds: what /chosen names, the alias, any that is there; and what it
// does with none.

import DeviceTree
import XCTest

final class ConsoleTests: TreeTestCase {
    private func console(_ bytes: [UInt8]) throws -> (ConsoleKind, UInt64) {
        try describe(bytes) { _, machine in (machine.consoleKind, machine.console.base) }
    }
    /// The tree with these consoles on its bus, besides the PL011 at 0x1000.
    private func tree(
        chosen: String, alias: String = "serial0 = &uart;", more: String = ""
    ) throws -> [UInt8] {
        try compile(
            replacing: "stdout-path = \"serial0:115200n8\";", with: chosen,
            and: ("serial0 = &uart;", alias), ("\t\tpl031@", more + "\t\tpl031@"))
    }
    private let first = "first: serial@500 { compatible = \"arm,pl011\"; reg = <0x2000 0x1000>; };"
    private let mini = """
        mini: serial@215040 { compatible = "brcm,bcm2835-aux-uart"; reg = <0x15040 0x40>; };
        """

    func testTheChosenConsoleIsTaken() throws {
        for chosen in [
            "stdout-path = \"/bus/pl011@1000\";", "stdout-path = \"/bus/pl011:115200n8\";",
            "stdout-path = \"serial7\";",
        ] {
            let bytes = try tree(
                chosen: chosen, alias: "serial7 = &uart; serial0 = &mini;", more: mini)
            XCTAssertTrue(try console(bytes) == (.pl011, 0x0900_0000), chosen)
        }
        let bytes = try tree(chosen: "stdout-path = &mini;", more: mini)
        XCTAssertTrue(try console(bytes) == (.miniUART, 0x0901_4040))
    }

    func testWithoutAChosenConsoleTheAliasIsTaken() throws {
        for chosen in [
            "", "stdout-path;", "stdout-path = \"/nowhere\";", "stdout-path = \"serial9\";",
            "stdout-path = \"/\";", "stdout-path = \"/bus/pl031@11000\";",
        ] {
            let bytes = try tree(chosen: chosen, alias: "serial0 = &mini;", more: mini)
            XCTAssertTrue(try console(bytes) == (.miniUART, 0x0901_4040), chosen)
        }
    }

    func testWithoutAnAliasTheFirstEnabledConsoleIsTaken() throws {
        XCTAssertTrue(try console(tree(chosen: "", alias: "")) == (.pl011, 0x0900_0000))
        let disabled = "reg = <0x1000 0x1000>; status = \"disabled\";"
        let cases: [(String, UInt64)] = [("", 0x0901_4040), ("serial0 = &uart;", 0x0901_4040)]
        for (alias, base) in cases {
            let bytes = try compile(
                replacing: "stdout-path = \"serial0:115200n8\";", with: "stdout-path = &uart;",
                and: ("serial0 = &uart;", alias), ("reg = <0x1000 0x1000>;", disabled),
                ("\t\tpl031@", mini + "\t\tpl031@"))
            XCTAssertTrue(try console(bytes) == (.miniUART, base), "a disabled console was taken")
        }
    }

    func testADamagedConsoleIsPassedOverOrNamed() throws {
        let damaged = "reg = <0x1000>;"
        let other = try compile(
            replacing: "reg = <0x1000 0x1000>;", with: damaged,
            and: ("\t\tpl031@", first + "\t\tpl031@"))
        XCTAssertTrue(try console(other) == (.pl011, 0x0900_1000))
        for (reg, cause) in [
            (damaged, .badLength), ("reg = <0x1000 0x10>;", .tooFewRegisters),
            ("reg = <0x900000 0x1000>;", .tooFewRegisters), ("", .tooFewRegisters),
        ] as [(String, DeviceTreeError.Cause)] {
            let bytes = try compile(replacing: "reg = <0x1000 0x1000>;", with: reg)
            XCTAssertTrue(try console(bytes) == (.none, 0), "the rest of the machine is described")
            try describe(bytes) { tree, machine in
                let node = try XCTUnwrap(tree.node("/bus/pl011@1000")).offset
                XCTAssertEqual(machine.consoleProblem, DeviceTreeError(cause, .reg, node: node))
            }
        }
    }

    func testAMachineWithoutConsoleIsNoError() throws {
        let bytes = try compile(
            replacing: "\"arm,pl011\", \"arm,primecell\"", with: "\"acme,uart\"")
        XCTAssertTrue(try console(bytes) == (.none, 0))
    }

    func testTheKernelsRegistersAreThereInFull() throws {
        let interface = "<0x0 0x08010000 0x0 0x10000>"
        for size in ["0x0", "0x1000"] {
            let bytes = try compile(replacing: interface, with: "<0x0 0x08010000 0x0 \(size)>")
            XCTAssertEqual(
                cause(bytes), .tooFewRegisters, "DIR lies in the second page, not in \(size) bytes")
        }
        let whole = try compile(replacing: interface, with: "<0x0 0x08010000 0x0 0x2000>")
        XCTAssertNil(cause(whole))
        let beyond = try compile(
            replacing: interface, with: "<0x0 0x08010000 0xffffffff 0xf0000000>")
        XCTAssertEqual(cause(beyond), .unreachable)
        let missing = try compile(replacing: ", " + interface, with: "")
        XCTAssertEqual(cause(missing), .tooFewRegisters)
    }
}
