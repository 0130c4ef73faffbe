// The boards' files together: which board gets which manifest, and what they may not say.

import ServiceCores
import XCTest

@testable import ToolCore

final class PlatformTests: XCTestCase {
    private func task(_ name: String, _ more: String = "start = \"boot\"") -> String {
        """
        [[task]]
        name = "\(name)"
        binary = "Binary"
        priority = 7
        reason = "because"
        stack = 4096
        arena_bits = 18
        \(more)

        """
    }
    private func board(_ name: String, _ head: String, _ tasks: String = "") throws -> Platform.Board {
        try Platform.Board(name: name, path: "\(name).toml", file: try SystemFile(toml: "[board]\n\(head)\n\(tasks)"))
    }
    private func platform(_ boards: [Platform.Board], common: String? = nil) throws -> Platform {
        try Platform(common: [try SystemFile(toml: common ?? task("log"))], boards: boards)
    }
    private func refusal(_ work: () throws -> Void) -> String {
        do { try work() } catch { return "\(error)" }
        return "nothing"
    }

    func testEachBoardHasTheCommonTasksAndItsOwn() throws {
        let uart = task("uart", "start = \"device\"\ncompatible = [\"acme,uart\"]")
        let boards = try [
            board("acme", "compatible = [\"acme,one\", \"acme,two\"]", uart), board("b", "compatible = [\"b\"]"),
        ]
        let manifests = try platform(boards).manifests(binaries: ["Binary"])
        XCTAssertEqual(manifests.map(\.name), ["acme", "b"])
        let decoded = try manifests.map { try Manifest.decode($0.bytes.span) }
        XCTAssertEqual(decoded[0].tasks.map(\.name), [Name("log"), Name("uart")])
        XCTAssertEqual(decoded[1].tasks.map(\.name), [Name("log")])
        XCTAssertEqual(decoded[0].boards.compatible.count, 2)
        XCTAssertEqual(try platform(boards).taskBinaries, ["log": "Binary", "uart": "Binary"])
    }

    func testTheMostSpecificNameDecides() throws {
        let uart = task("uart", "start = \"device\"\ncompatible = [\"acme,uart\"]")
        let boards = try platform([
            board("chip", "compatible = [\"acme,chip\"]\nfallback = true"),
            board("plus", "compatible = [\"acme,plus\"]", uart),
        ])
        XCTAssertEqual(try boards.choice(for: ["acme,plus", "acme,chip"])?.board, "plus")
        XCTAssertEqual(try boards.choice(for: ["acme,plus", "acme,chip"])?.drivers.map(\.name), [Name("uart")])
        XCTAssertEqual(try boards.choice(for: ["acme,minus", "acme,chip"])?.board, "chip")
        XCTAssertEqual(try boards.choice(for: ["acme,minus", "acme,chip"])?.isFallback, false)
        XCTAssertEqual(try boards.choice(for: ["acme,plu"])?.board, "chip")
        XCTAssertEqual(try boards.choice(for: [])?.isFallback, true)
        XCTAssertNil(try platform([board("plus", "compatible = [\"acme,plus\"]")]).choice(for: ["acme,chip"]))
    }

    func testABoardAddsToTheCommonTasks() throws {
        let clock = task("clock", "start = \"device\"\ncompatible = [\"acme,clock\"]\nprovides = \"clock\"")
        let more = "[[addition]]\ntask = \"shell\"\nopens = [\"clock.1\"]\nprivileges = [\"factory.power\"]\n"
        let boards = try [board("a", "compatible = [\"a\"]", clock + more), board("b", "compatible = [\"b\"]", clock)]
        let shell = task("shell", "start = \"boot\"\nopens = [\"clock\"]\nprivileges = [\"factory.inspect\"]")
        let manifests = try platform(boards, common: shell).manifests(binaries: ["Binary"])
        let shells = try manifests.map { try Manifest.decode($0.bytes.span).tasks[0] }
        XCTAssertEqual(shells[0].opens, [Name("clock"), Name("clock.1")])
        XCTAssertEqual(shells[0].privileges, .factoryInspect | .factoryPower)
        XCTAssertEqual(shells[1].opens, [Name("clock")])
        XCTAssertEqual(shells[1].privileges, .factoryInspect)
        XCTAssertEqual(
            refusal {
                _ = try platform([board("b", "compatible = [\"b\"]")], common: shell).manifests(binaries: ["Binary"])
            },
            "manifest of b: task shell: opens \"clock\", which no task provides")
        XCTAssertEqual(
            refusal { _ = try platform(boards).manifests(binaries: ["Binary"]) },
            "manifest of a: addition to shell: no task of every board is called so")
        XCTAssertEqual(
            refusal { _ = try board("a", "compatible = [\"a\"]", more.replacing("opens", with: "open")) },
            "addition to shell: unknown key \"open\"")
    }

    func testATaskThatMaySilenceTheShellIsWarnedOf() throws {
        let heartbeat = "start = \"boot\"\nheartbeat_ms = 1000"
        func warnings(_ more: String) throws -> [String] {
            try platform([], common: task("shell", heartbeat) + task("loop", more)).warnings
        }
        XCTAssertEqual(
            try warnings("start = \"boot\""),
            [
                "task loop: heartbeat_ms is missing; its priority is 7, the shell's 7: if it hangs, nobody can type, "
                    + "and nothing ends it"
            ])
        XCTAssertEqual(try warnings(heartbeat), [])
        XCTAssertEqual(try warnings("start = \"demand\""), [])
        XCTAssertEqual(try warnings("start = \"boot\"\nprovides = \"supervisor\""), [])
        let driver = task("uart", "start = \"device\"\ncompatible = [\"acme,uart\"]")
        let boards = try [board("acme", "compatible = [\"acme,one\"]", driver)]
        XCTAssertEqual(try platform(boards, common: task("shell", heartbeat)).warnings.count, 1)
        let common = task("shell", heartbeat).replacing("priority = 7", with: "priority = 8")
        XCTAssertEqual(try platform(boards, common: common).warnings, [])
    }

    func testWhatBoardsMayNotSay() throws {
        let one = try board("one", "compatible = [\"a\", \"b\"]\nfallback = true")
        func manifests(_ other: Platform.Board) -> String {
            refusal { _ = try platform([one, other]).manifests(binaries: ["Binary"]) }
        }
        XCTAssertEqual(
            manifests(try board("two", "compatible = [\"b\"]")), "two.toml: board \"b\" is named by one.toml too")
        XCTAssertEqual(
            manifests(try board("two", "compatible = [\"c\"]\nfallback = true")),
            "two.toml: one.toml is the fallback already")
        XCTAssertEqual(
            manifests(try board("two", "")),
            "manifest of two: board: compatible has 1 to 16 values of 1 to 64 bytes")
        XCTAssertEqual(
            manifests(try board("two", "compatible = [\"\"]")),
            "manifest of two: board: compatible has 1 to 16 values of 1 to 64 bytes")
        XCTAssertEqual(refusal { _ = try board("two", "colour = 1") }, "board: unknown key \"colour\"")
        XCTAssertEqual(
            refusal { _ = try Platform.Board(name: "a", path: "a", file: try SystemFile(toml: task("a"))) },
            "[board] is missing, which says what boards this file is for")
        XCTAssertEqual(
            refusal { _ = try platform([one], common: "[[addition]]\ntask = \"log\"\n" + task("log")) },
            "[board] and [[addition]] are for a file of one board: platform/BOARD/system.toml")
        XCTAssertEqual(
            refusal { _ = try platform([one], common: "[board]\ncompatible = [\"a\"]") },
            "[board] and [[addition]] are for a file of one board: platform/BOARD/system.toml")
    }

    /// The project's own files, and the roots of its own trees and of QEMU's `virt`.
    func testTheProjectsBoardsAreTheirOwn() throws {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().path + "/../../platform"
        let boards = try Platform(folder: folder)
        XCTAssertEqual(try boards.choice(for: ["linux,dummy-virt"])?.board, "virt")
        for root in [
            ["raspberrypi,3-model-b", "brcm,bcm2837"], ["raspberrypi,3-model-b-plus", "brcm,bcm2837"],
            ["raspberrypi,model-zero-2-w", "brcm,bcm2837"], ["raspberrypi,4-model-b", "brcm,bcm2711"],
            ["raspberrypi,5-model-b", "brcm,bcm2712"],
        ] {
            XCTAssertEqual(try boards.choice(for: root)?.board, "rpi")
            XCTAssertEqual(try boards.choice(for: root)?.isFallback, false)
        }
        XCTAssertEqual(try boards.choice(for: ["acme,board"])?.board, "virt")
        XCTAssertEqual(try boards.choice(for: ["acme,board"])?.isFallback, true)
        XCTAssertEqual(boards.warnings, [])
        XCTAssertThrowsError(try Platform(folder: folder + "/none"))
    }
}
