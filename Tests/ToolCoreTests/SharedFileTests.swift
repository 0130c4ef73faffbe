// [[shared]] of system.toml: what is wrong is said with the file, the line, the share and the rule.

import Protocols
import ServiceCores
import XCTest

@testable import ToolCore

final class SharedFileTests: XCTestCase {
    private static func task(_ name: String) -> String {
        """
        [[task]]
        name = "\(name)"
        binary = "Task"
        start = "boot"
        priority = 7
        reason = "because"
        stack = 4096
        arena_bits = 18

        """
    }
    private let good =
        task("source") + task("sink") + task("snoop") + """
            [[shared]]
            name = "samples"
            kind = "ring"
            capacity = 128
            item_bytes = 8
            producer = "source"
            consumer = "sink"

            [[shared]]
            name = "requests"
            kind = "queue"
            capacity = 4
            item_bytes = 24
            tasks = ["source", "sink"]

            [[shared]]
            name = "state"
            kind = "memory"
            bytes = 4096
            cells = 2
            writers = ["source", "sink"]
            readers = ["snoop"]

            """

    private func encode(_ toml: String) throws -> [UInt8] {
        let board = try SystemFile(toml: "[board]\ncompatible = [\"acme,board\"]\n")
        let platform = try Platform(
            common: [try SystemFile(toml: toml)], boards: [.init(name: "acme", file: board)])
        return try platform.manifests(binaries: ["Task"], methods: MethodList())[0].bytes
    }

    func testSharesAreEncoded() throws {
        let bytes = try encode(good)
        let shares = try Manifest.decode(bytes.span).shares
        XCTAssertEqual(shares.map(\.name), [Name("samples"), Name("requests"), Name("state")])
        XCTAssertEqual(shares.map(\.kind), [.ring, .queue, .memory])
        XCTAssertEqual(shares.map(\.capacity), [128, 4, 4096])
        XCTAssertEqual(shares.map(\.itemBytes), [8, 24, 1])
        XCTAssertEqual(shares.map(\.cells), [0, 0, 2])
        XCTAssertEqual(shares[2].users.map(\.task), [Name("source"), Name("sink"), Name("snoop")])
        XCTAssertEqual(
            shares.map { $0.users.map(\.isWriter) },
            [[true, false], [true, true], [true, true, false]])
    }

    /// The entries that the page gives to copy.
    func testTheEntriesOfThePageAreEncoded() throws {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        let page = try String(
            contentsOf: folder.appendingPathComponent("../../docs/reference/shared.md"),
            encoding: .utf8)
        let entry = try XCTUnwrap(page.components(separatedBy: "```toml\n").dropFirst().first)
        let text = try XCTUnwrap(entry.components(separatedBy: "```").first)
        let tasks = ["sampler", "filter", "display", "keys"].map(SharedFileTests.task).joined()
        let bytes = try encode(tasks + text)
        XCTAssertEqual(
            try Manifest.decode(bytes.span).shares.map(\.kind), [.ring, .queue, .memory])
    }

    func testWhatIsWrongIsSaidWithItsPlace() {
        for (text, replacement, line, words) in [
            (
                "\"ring\"", "\"rings\"", 27,
                "shared samples: kind is \"memory\", \"queue\" or \"ring\", not \"rings\""
            ),
            ("kind = \"ring\"\n", "", 25, "shared samples: kind is missing"),
            (
                "capacity = 128", "bytes = 128", 28,
                "shared samples: bytes is not for a ring, which has name, kind, capacity, "
                    + "item_bytes, producer, consumer"
            ),
            (
                "capacity = 128", "capacity = 100", 28,
                "shared samples: capacity of a ring is a power of two, at most 1048576"
            ),
            ("capacity = 128\n", "", 25, "shared samples: capacity is missing"),
            ("item_bytes = 8\n", "", 25, "shared samples: item_bytes is missing"),
            (
                "item_bytes = 8\n", "item_bytes = 0\n", 29,
                "shared samples: item_bytes is 1 to 1048576"
            ),
            (
                "item_bytes = 8\n", "item_bytes = 8192\n", 28,
                "shared samples: 128 items of 8192 bytes take 1048640 bytes; at most 1048576 are "
                    + "shared under one name"
            ),
            ("consumer = \"sink\"\n", "", 25, "shared samples: consumer is missing"),
            (
                "consumer = \"sink\"", "consumer = \"source\"", 31,
                "shared samples: consumer is another task than producer"
            ),
            (
                "consumer = \"sink\"", "consumer = \"drain\"", 31,
                "shared samples: no task of the board is called drain"
            ),
            (
                "\"requests\"", "\"samples\"", 34,
                "shared samples: another [[shared]] before it has the same name"
            ),
            ("\"requests\"", "\"\"", 34, "shared 2: name \"\" has 1 to 32 bytes"),
            (
                "capacity = 4\n", "capacity = 257\n", 36,
                "shared requests: capacity of a queue is 1 to 256"
            ),
            (
                "tasks = [\"source\", \"sink\"]", "tasks = [\"source\"]", 38,
                "shared requests: tasks has 2 to 15 tasks, each named once"
            ),
            ("bytes = 4096\n", "bytes = 0\n", 43, "shared state: bytes is 1 to 1048576"),
            ("cells = 2", "cells = 65", 44, "shared state: cells is 0 to 64"),
            ("cells = 2", "locks = 2", 44, "shared state: unknown key \"locks\""),
            (
                "writers = [\"source\", \"sink\"]", "writers = []", 45,
                "shared state: writers has 1 to 15 tasks, and with readers there are 2 to 32, "
                    + "each named once"
            ),
            (
                "readers = [\"snoop\"]", "readers = [\"spy\"]", 46,
                "shared state: no task of the board is called spy"
            ),
        ] {
            XCTAssertThrowsError(try encode(good.replacing(text, with: replacement)), words) {
                XCTAssertEqual("\($0)", "system.toml: line \(line): \(words)")
            }
        }
    }

    /// What is shared counts as memory of the board, and its page tables as the task's.
    func testSharedMemoryCounts() throws {
        var share = SharedDescription(name: Name("much"), kind: .memory, capacity: 1 << 20)
        share.users = [Name("a"), Name("b")].map { SharedUser(task: $0, isWriter: true) }
        XCTAssertEqual(share.memory, 1 << 20)
        XCTAssertEqual([share, share, share].parts(of: Name("b")).map(\.page), [0, 257, 514])
        XCTAssertEqual([share].parts(of: Name("c")).count, 0)
    }
}
