// The examples of a page become dialogues: what differs from the page is found, numbers are not.

import Foundation
import XCTest

@testable import ToolCore

final class DialogueExamplesTests: XCTestCase {
    private func matches(_ page: [String], _ said: String) -> Bool {
        said.range(of: "(?m)" + Dialogue.pattern(page), options: .regularExpression) != nil
    }

    func testABlockWithCommandsIsADialogue() {
        let page = """
            # A page
            ```
            no command
            ```
            Text, then a block:
            ```
            $ make run
            > ps
            TASK
            > sleep; irq
            ```
            <!-- not a test: it needs a card -->
            ```
            > disk
            ```
            <!-- on rpi3 -->
            <!-- cores 4 -->
            <!-- counted -->
            ```
            > poweroff
            swiftlet: power off, status 0
            ```
            """
        let dialogues = Dialogue.examples(page, prefix: "page")
        XCTAssertEqual(dialogues.map(\.name), ["page-1", "page-2"])
        XCTAssertEqual(
            dialogues[0].steps,
            [
                .type("ps"), .expect(Dialogue.pattern(["TASK"])), .type("sleep; irq"),
                .type("poweroff"),
            ])
        XCTAssertNil(dialogues[0].setup.machine)
        XCTAssertFalse(dialogues[0].setup.isCounted)
        XCTAssertEqual(dialogues[1].setup.machine, "rpi3")
        XCTAssertTrue(dialogues[1].setup.isCounted)
        XCTAssertEqual(dialogues.map(\.setup.cores), [1, 4])
        XCTAssertEqual(dialogues[1].steps.count, 2)
    }

    func testNumbersAndBlanksMayDiffer() {
        let page = ["TASK  NAME     CPU s", "   0  root     0.106"]
        XCTAssertTrue(matches(page, "x\nTASK  NAME  CPU s\n  10  root  12.4\n"))
        XCTAssertFalse(matches(page, "TASK  NAME  CPU s\n   0  log   0.1\n"))
        XCTAssertFalse(matches(page, "TASK  NAME  CPU s\n\n   0  root   0.1\n"))
        XCTAssertFalse(matches(page, "TASK  NAME  CPU s\n   0  root   0.1 more\n"))
        XCTAssertFalse(matches(page, "TASK  NAME  CPU s\n   -  root   0.1\n"))
        XCTAssertTrue(matches(["a.b (c)"], "a.b (c)\n"))
        XCTAssertFalse(matches(["a.b (c)"], "axb (c)\n"))
    }

    func testAddressesAreListsOfAnyLength() {
        XCTAssertTrue(matches(["  stack 0x0 0x40"], "  stack 0x0 0x4011c8 0x400a2c\n"))
        XCTAssertFalse(matches(["  stack 0x0 0x40"], "  stack 12\n"))
    }

    func testDotsStandForLines() {
        XCTAssertTrue(matches(["a", "...", "d"], "a\nb\nc\nd\n"))
        XCTAssertTrue(matches(["a", "...", "d"], "a\nd\n"))
        XCTAssertTrue(matches(["...", "d"], "a\nd\n"))
        XCTAssertTrue(matches(["a", "..."], "a\nd\n"))
        XCTAssertFalse(matches(["a", "...", "d"], "a\nb\n"))
    }

    func testALogLineMayClearThePrompt() {
        XCTAssertTrue(matches(["[1.121] pl061 restarted"], "> \u{1b}[K[0.4] pl061 restarted\n"))
        XCTAssertTrue(matches(["root: hello"], "> root: hello\n"))
    }
}
