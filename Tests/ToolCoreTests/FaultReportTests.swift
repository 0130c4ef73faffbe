// Reports as the kernel and the supervisor print them, and the dialogues of the system tests.

import ServiceCores
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
                0xffff_ffff_c000_be50, 0xffff_ffff_c000_a0b0, 0xffff_ffff_c000_be50,
                0xffff_ffff_c000_9f28, 0x40_1ae4,
            ])
        XCTAssertEqual(found.map(\.isKernel), [true, true, true, true, false])
        XCTAssertNil(report.task)
    }

    func testTasksFaultNamesItsTask() {
        var report = FaultReport()
        XCTAssertEqual(
            report.read(
                "[0.121] pl011.1 faulted: jump to memory that is not its code, address 0x0"), [])
        XCTAssertEqual(report.task, "pl011")
        let found = report.read(
            "[0.144]   pc 0x0 lr 0x400988 sp 0x1ffffd30 fp 0x1ffffd70 esr 0x82000007")
        XCTAssertEqual(found.map(\.label), ["pc", "lr"])
        XCTAssertEqual(found.map(\.text), ["0x0", "0x400988"])
    }

    /// What the supervisor writes is what the tool reads.
    func testSupervisorsLinesAreRead() {
        let cause = FaultCause.fault(.alignment, address: 3)
        let forged = Array("log faulted: pc 0x400000 stack 0x400000".utf8)
        var lines = FaultLines(Name("pl031.2"), faulted: cause.words, saying: forged)
        lines.add(programCounter: 0x40_0100, linkRegister: 0x40_0204)
        lines.add(stackPointer: 0x1fff_fc00, framePointer: 0x1fff_fc40, syndrome: 0x9200_0021)
        lines.add(stack: 0x40_0100, [0x40_0300, 0x40_0404])
        XCTAssertEqual(
            lines.lines.map { String(decoding: $0, as: UTF8.self) },
            [
                "pl031.2 faulted: unaligned access, address 0x3",
                "  text \"log faulted: pc 0x400000 stack 0x400000\"",
                "  pc 0x400100 lr 0x400204 sp 0x1ffffc00 fp 0x1ffffc40 esr 0x92000021",
                "  stack 0x400100 0x400300 0x400404",
            ])
        var report = FaultReport()
        let found = lines.lines.flatMap {
            report.read("[12.345] " + String(decoding: $0, as: UTF8.self))
        }
        XCTAssertEqual(report.task, "pl031")
        XCTAssertEqual(found.map(\.label), ["pc", "lr", "#0", "#1", "#2"])
        XCTAssertEqual(found.map(\.place), [0x40_0100, 0x40_0200, 0x40_0100, 0x40_02fc, 0x40_0400])
        XCTAssertEqual(
            report.read(String(decoding: FaultLines(hangs: Name("log")).lines[0], as: UTF8.self)),
            [])
        XCTAssertEqual(report.task, "log")
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

            test three
            status none
            """
        let tests = try Dialogue.read(text)
        XCTAssertEqual(tests.map(\.name), ["one", "two", "three"])
        XCTAssertEqual(tests[0].setup.memory, "64M")
        XCTAssertTrue(tests[0].setup.isCounted)
        XCTAssertEqual(tests[0].setup.commands, "ps; poweroff 3")
        XCTAssertEqual(
            tests[0].steps, [.type("ps"), .keys([97, 3, 27, 91, 65, 13]), .expect("^ok")])
        XCTAssertEqual(tests[0].absent, ["panic"])
        XCTAssertEqual(tests[0].end, .status(3))
        XCTAssertEqual(tests[1].end, .panic)
        XCTAssertEqual(tests[2].end, .none)
    }

    func testDialoguesErrorsNameTheLine() {
        for (text, line) in [
            ("type ps", 1), ("test a\n\nfrob x", 3), ("test a\nstatus maybe", 2),
            ("test a\nexpect", 2),
        ] {
            XCTAssertThrowsError(try Dialogue.read(text)) {
                XCTAssertTrue("\($0)".hasPrefix("line \(line): "), "\($0)")
            }
        }
    }
}
