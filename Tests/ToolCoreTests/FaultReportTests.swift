// Reports as the kernel and the supervisor print them, and the dialogues of the system tests.

import XCTest

@testable import ToolCore

final class FaultReportTests: XCTestCase {
    /// A panic's report, as `make run` showed it; the registers between are left out.
    let panic = """
        swiftlet: kernel panic: trap instruction
          pc 0xffffffffc000be50 lr 0xffffffffc000a0b4
          esr 0x00000000f2000001 far 0x0000000000000000
          x28 ffffff804026a038 x29 ffffffffc001d910 x30 ffffffffc000a0b4
          stack 0xffffffffc000be50 0xffffffffc0009f2c 0x0000000000401ae8\r
        swiftlet: halted
        """

    func testPanicsAddressesAreFound() {
        var report = FaultReport()
        let found = panic.split(whereSeparator: \.isNewline).flatMap { report.read(String($0)) }
        XCTAssertEqual(found.map(\.label), ["pc", "lr", "#0", "#1", "#2"])
        XCTAssertEqual(
            found.map(\.place),
            [
                0xffff_ffff_c000_be50, 0xffff_ffff_c000_a0b0, 0xffff_ffff_c000_be50, 0xffff_ffff_c000_9f28, 0x40_1ae4,
            ])
        XCTAssertEqual(found.map(\.isKernel), [true, true, true, true, false])
        XCTAssertNil(report.task)
    }

    func testTasksFaultNamesItsTask() {
        var report = FaultReport()
        XCTAssertEqual(report.read("[0.121] pl011.1 faulted: jump to memory that is not its code, address 0x0"), [])
        XCTAssertEqual(report.task, "pl011")
        let found = report.read("[0.144]   pc 0x0 lr 0x400988 sp 0x1ffffd30 fp 0x1ffffd70 esr 0x82000007")
        XCTAssertEqual(found.map(\.label), ["pc", "lr"])
        XCTAssertEqual(found.map(\.text), ["0x0", "0x400988"])
    }

    func testEndOfAPanicIsSeen() {
        XCTAssertEqual(ConsoleEvent(line: "swiftlet: halted\r"), .halted)
        XCTAssertEqual(ConsoleEvent(line: "> swiftlet: power off, status 3"), .powerOff(status: 3))
    }

    func testDialogueIsRead() throws {
        let text = """
            # comment
            test one
            memory 64M
            counted
            run ps; poweroff 3
            type ps
            keys a\\x03\\e[A\\r
            expect ^ok
            absent panic
            status 3

            test two
            status panic
            """
        let tests = try Dialogue.read(text)
        XCTAssertEqual(tests.map(\.name), ["one", "two"])
        XCTAssertEqual(tests[0].setup.memory, "64M")
        XCTAssertTrue(tests[0].setup.isCounted)
        XCTAssertEqual(tests[0].setup.append, "run=\"ps; poweroff 3\"")
        XCTAssertEqual(tests[0].steps, [.type("ps"), .keys([97, 3, 27, 91, 65, 13]), .expect("^ok")])
        XCTAssertEqual(tests[0].absent, ["panic"])
        XCTAssertEqual(tests[0].end, .status(3))
        XCTAssertEqual(tests[1].end, .panic)
    }

    func testDialoguesErrorsNameTheLine() {
        for (text, line) in [
            ("type ps", 1), ("test a\n\nfrob x", 3), ("test a\nstatus maybe", 2), ("test a\nexpect", 2),
        ] {
            XCTAssertThrowsError(try Dialogue.read(text)) {
                XCTAssertTrue("\($0)".hasPrefix("line \(line): "), "\($0)")
            }
        }
    }
}
