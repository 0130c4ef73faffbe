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
    private func board(
        _ name: String, _ head: String, _ tasks: String = ""
    ) throws -> Platform.Board {
        try Platform.Board(
            name: name,
            file: try SystemFile(toml: "[board]\n\(head)\n\(tasks)", path: "\(name).toml"))
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
            board("acme", "compatible = [\"acme,one\", \"acme,two\"]", uart),
            board("b", "compatible = [\"b\"]"),
        ]
        let manifests = try platform(boards).manifests(binaries: ["Binary"], methods: MethodList())
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
        XCTAssertEqual(
            try boards.choice(for: ["acme,plus", "acme,chip"])?.drivers.map(\.name), [Name("uart")])
        XCTAssertEqual(try boards.choice(for: ["acme,minus", "acme,chip"])?.board, "chip")
        XCTAssertEqual(try boards.choice(for: ["acme,minus", "acme,chip"])?.isFallback, false)
        XCTAssertEqual(try boards.choice(for: ["acme,plu"])?.board, "chip")
        XCTAssertEqual(try boards.choice(for: [])?.isFallback, true)
        XCTAssertNil(
            try platform([board("plus", "compatible = [\"acme,plus\"]")]).choice(for: ["acme,chip"])
        )
    }

    func testABoardAddsToTheCommonTasks() throws {
        let clock = task(
            "clock", "start = \"device\"\ncompatible = [\"acme,clock\"]\nprovides = \"clock\"")
        let more =
            "[[addition]]\ntask = \"shell\"\nopens = [\"clock.1\"]\nprivileges = "
            + "[\"system.power\"]\n"
        let boards = try [
            board("a", "compatible = [\"a\"]", clock + more),
            board("b", "compatible = [\"b\"]", clock),
        ]
        let shell = task(
            "shell", "start = \"boot\"\nopens = [\"clock\"]\nprivileges = [\"system.trace\"]")
        let manifests = try platform(boards, common: shell).manifests(
            binaries: ["Binary"], methods: MethodList())
        let shells = try manifests.map { try Manifest.decode($0.bytes.span).tasks[0] }
        XCTAssertEqual(shells[0].opens.map(\.service), [Name("clock"), Name("clock.1")])
        XCTAssertEqual(shells[0].privileges, .systemTrace | .systemPower)
        XCTAssertEqual(shells[1].opens.map(\.service), [Name("clock")])
        XCTAssertEqual(shells[1].privileges, .systemTrace)
        XCTAssertEqual(
            refusal {
                _ = try platform([board("b", "compatible = [\"b\"]")], common: shell).manifests(
                    binaries: ["Binary"], methods: MethodList())
            },
            "system.toml: line 9: task shell: opens \"clock\", which no task provides on the "
                + "board b")
        XCTAssertEqual(
            refusal {
                _ = try platform(boards).manifests(binaries: ["Binary"], methods: MethodList())
            },
            "a.toml: line 14: addition to shell: no task of every board is called so")
        XCTAssertEqual(
            refusal {
                _ = try board("a", "compatible = [\"a\"]", more.replacing("opens", with: "open"))
            },
            "a.toml: line 5: addition to shell: unknown key \"open\"; is it \"opens\"?")
        let opens = more.replacing("clock.1", with: "lock")
        XCTAssertEqual(
            refusal {
                let boards = try [board("a", "compatible = [\"a\"]", clock + opens)]
                _ = try platform(boards, common: shell).manifests(
                    binaries: ["Binary"], methods: MethodList())
            },
            "a.toml: line 15: addition to shell: opens \"lock\", which no task provides on the "
                + "board a")
    }

    func testATaskThatMaySilenceTheShellIsWarnedOf() throws {
        let heartbeat = "start = \"boot\"\nheartbeat_ms = 1000"
        func warnings(_ more: String) throws -> [String] {
            try platform([], common: task("shell", heartbeat) + task("loop", more)).warnings
        }
        XCTAssertEqual(
            try warnings("start = \"boot\""),
            [
                "system.toml: line 13: task loop: heartbeat_ms is missing; its priority is 7, the "
                    + "shell's 7: if it hangs, nobody can type, and nothing ends it"
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
            refusal {
                _ = try platform([one, other]).manifests(
                    binaries: ["Binary"], methods: MethodList())
            }
        }
        XCTAssertEqual(
            manifests(try board("two", "compatible = [\"b\"]")),
            "two.toml: line 2: board: \"b\" is named by one.toml too")
        XCTAssertEqual(
            manifests(try board("two", "compatible = [\"c\"]\nfallback = true")),
            "two.toml: line 3: board: one.toml is the fallback already")
        XCTAssertEqual(
            refusal { _ = try board("two", "") },
            "two.toml: line 1: board: compatible has 1 to 16 values of 1 to 64 bytes")
        XCTAssertEqual(
            refusal { _ = try board("two", "compatible = [\"\"]") },
            "two.toml: line 2: board: compatible has 1 to 16 values of 1 to 64 bytes")
        XCTAssertEqual(
            refusal { _ = try board("two", "colour = 1") },
            "two.toml: line 2: board: unknown key \"colour\"")
        XCTAssertEqual(
            refusal { _ = try Platform.Board(name: "a", file: try SystemFile(toml: task("a"))) },
            "system.toml: line 1: [board] is missing, which says what boards this file is for")
        XCTAssertEqual(
            refusal {
                _ = try platform([one], common: "[[addition]]\ntask = \"log\"\n" + task("log"))
            },
            "system.toml: line 1: [board] and [[addition]] are for a file of one board: "
                + "platform/BOARD/system.toml")
        XCTAssertEqual(
            refusal { _ = try platform([one], common: "[board]\ncompatible = [\"a\"]") },
            "system.toml: line 1: [board] and [[addition]] are for a file of one board: "
                + "platform/BOARD/system.toml")
    }

    /// The project's own files, and the roots of its own trees and of QEMU's `virt`.
    func testTheProjectsBoardsAreTheirOwn() throws {
        let folder =
            URL(fileURLWithPath: #filePath).deletingLastPathComponent().path + "/../../platform"
        let boards = try Platform(folder: folder)
        XCTAssertEqual(try boards.choice(for: ["linux,dummy-virt"])?.board, "virt")
        for root in [
            ["raspberrypi,3-model-b", "brcm,bcm2837"],
            ["raspberrypi,3-model-b-plus", "brcm,bcm2837"],
            ["raspberrypi,model-zero-2-w", "brcm,bcm2837"],
            ["raspberrypi,4-model-b", "brcm,bcm2711"], ["raspberrypi,5-model-b", "brcm,bcm2712"],
        ] {
            XCTAssertEqual(try boards.choice(for: root)?.board, "rpi")
            XCTAssertEqual(try boards.choice(for: root)?.isFallback, false)
        }
        XCTAssertEqual(try boards.choice(for: ["acme,board"])?.board, "virt")
        XCTAssertEqual(try boards.choice(for: ["acme,board"])?.isFallback, true)
        XCTAssertEqual(boards.warnings, [])
        XCTAssertThrowsError(try Platform(folder: folder + "/none"))
    }

    /// Stack, heap and arena are held against each other, against the binary, and against
    /// the board.
    func testMemoryThatDoesNotFit() throws {
        let file = PlatformTests.elfFile(pages: 8)
        func refusal(
            _ change: (String, String), memory: String = "memory = 1048576"
        ) throws -> String {
            let common = task("log").replacing(change.0, with: change.1)
            let boards = try [board("a", "compatible = [\"a\"]\n\(memory)")]
            let platform = try platform(boards, common: common)
            return self.refusal { try platform.checkMemory(entries: [("Binary", file)]) }
        }
        XCTAssertEqual(try refusal(("7", "7")), "nothing")
        XCTAssertEqual(
            try refusal(("stack = 4096", "stack = 262144")),
            "system.toml: line 6: task log: stack = 262144 does not fit its arena of 262144 bytes "
                + "(arena_bits = 18)")
        XCTAssertEqual(
            try refusal(("stack = 4096", "stack = 4096\nheap = 1048576")),
            "system.toml: line 7: task log: heap = 1048576 does not fit its arena of 262144 bytes "
                + "(arena_bits = 18)")
        XCTAssertEqual(
            try refusal(("arena_bits = 18", "arena_bits = 16")),
            "system.toml: line 7: task log: arena_bits = 16 is 65536 bytes; the task needs 79744: "
                + "write 17")
        XCTAssertEqual(try refusal(("arena_bits = 18", "arena_bits = 17")), "nothing")
        XCTAssertEqual(
            try refusal(("arena_bits = 18", "arena_bits = 21")),
            "system.toml: line 7: task log: arena_bits = 21 is 2097152 bytes; the board a has "
                + "1048576")
        XCTAssertEqual(try refusal(("arena_bits = 18", "arena_bits = 21"), memory: ""), "nothing")
        XCTAssertEqual(
            try refusal(("arena_bits = 18", "arena_bits = 18\nuntyped_bits = 22")),
            "system.toml: line 8: task log: untyped_bits = 22 is 4194304 bytes; the board a has "
                + "1048576")
        XCTAssertEqual(
            try refusal(("arena_bits = 18", "arena_bits = 18\nuntyped_bits = 20")),
            "system.toml: line 7: task log: up to this one the tasks that start at boot, and what "
                + "is shared, take 1310720 bytes; the board a has 1048576")
        XCTAssertEqual(
            self.refusal {
                try platform([board("a", "compatible = [\"a\"]")]).checkMemory(entries: [
                    ("Binary", [1, 2])
                ])
            },
            "system.toml: line 3: task log: its binary Binary is not a task's ELF file: truncated")
    }

    /// An ELF file with one segment of code.
    private static func elfFile(pages: Int) -> [UInt8] {
        var file = [UInt8](repeating: 0, count: 4096)
        for (offset, value, bytes) in [
            (0, 0x0001_0102_464c_457f, 8), (16, 2, 2), (18, 183, 2), (24, 0x40_0000, 8),
            (32, 64, 8), (54, 56, 2),
            (56, 1, 2), (64, 1, 4), (68, 5, 4), (80, 0x40_0000, 8), (96, 4096, 8),
            (104, pages * 4096, 8),
        ] {
            for index in 0..<bytes {
                file[offset + index] = UInt8(truncatingIfNeeded: value >> (8 * index))
            }
        }
        return file
    }
}
