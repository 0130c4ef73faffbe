// `opens`: entries name services, methods and numbers, and what is wrong with one is said with the
// file, the line and what there is.

import Protocols
import ServiceCores
import XCTest

@testable import ToolCore

final class OpensTests: XCTestCase {
    private let methods = """
        [[method]]
        service = "clock"
        name = "now"
        number = 1
        access = "open"

        [[method]]
        service = "clock"
        name = "sleep"
        number = 3
        access = "open"

        [[method]]
        service = "clock"
        name = "set"
        number = 2
        access = "restricted"

        [[method]]
        service = "clock"
        name = "halt"
        number = 32
        access = "rootOnly"

        [[method]]
        service = "serial"
        name = "write"
        number = 1
        access = "open"

        [[method]]
        service = "serial"
        name = "read"
        number = 4
        access = "restricted"

        """

    private func task(_ name: String, _ more: String) -> String {
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
    private func list(_ toml: String) throws -> MethodList {
        var list = MethodList()
        try list.add(toml: toml, path: "methods.toml")
        return list
    }
    /// The manifest of a client of all services.
    ///
    /// - Parameter more: behind the list of methods.
    private func manifest(
        _ opens: String, addition: String? = nil, more: String = ""
    ) throws -> Manifest {
        var tasks = task("client", "start = \"boot\"\nopens = [\(opens)]")
        for service in ["gpio", "clock"] {
            tasks += task(
                service,
                "start = \"device\"\ncompatible = [\"\(service)\"]\nprovides = \"\(service)\"")
        }
        for service in ["serial", "time", "log"] {
            tasks += task(service, "start = \"boot\"\nprovides = \"\(service)\"")
        }
        var board = "[board]\ncompatible = [\"acme,board\"]\n"
        if let addition { board += "[[addition]]\ntask = \"client\"\nopens = [\(addition)]" }
        let platform = try Platform(
            common: [try SystemFile(toml: tasks)],
            boards: [
                .init(name: "acme", file: try SystemFile(toml: board, path: "acme.toml"))
            ])
        let list = try list(methods + more)
        let bytes = try platform.manifests(binaries: ["Binary"], methods: list)[0].bytes
        return try Manifest.decode(bytes.span)
    }
    private func opens(_ text: String, addition: String? = nil) throws -> [ServiceAccess] {
        try manifest(text, addition: addition).tasks[0].opens
    }
    private func refusal(_ work: () throws -> Void) -> String {
        do { try work() } catch { return "\(error)" }
        return "nothing"
    }
    private func refusal(_ opens: String, addition: String? = nil) -> String {
        refusal { _ = try self.opens(opens, addition: addition) }
    }

    func testAServiceOpensWhatIsNotRestricted() throws {
        XCTAssertEqual(
            try opens("\"clock\", \"log\""),
            [ServiceAccess(Name("clock"), methods: 0b101), ServiceAccess(Name("log"))])
        XCTAssertEqual(
            try opens("\"serial\", \"time\"").map(\.methods), [1, .max])
    }
    func testMethodsUnite() throws {
        for (text, methods) in [
            ("\"clock.now\"", 1), ("\"clock.set\"", 2), ("\"clock.sleep\"", 4),
            ("\"clock\", \"clock.set\"", 7), ("\"clock.set\", \"clock.now\"", 3),
            ("\"serial\", \"serial.read\"", 9), ("\"serial.write\"", 1),
        ] as [(String, UInt32)] {
            XCTAssertEqual(try opens(text).map(\.methods), [methods], text)
        }
        XCTAssertEqual(try opens("\"clock\"", addition: "\"clock.set\"").map(\.methods), [7])
    }
    func testNumbers() throws {
        for (text, resources) in [
            ("\"gpio\"", 0), ("\"gpio:17\"", 1 << 17), ("\"gpio:0\"", 1), ("\"gpio:63\"", 1 << 63),
            ("\"gpio:0-63\"", .max), ("\"gpio:17,20-22\"", 1 << 17 | 7 << 20),
            ("\"gpio:1\", \"gpio:3\"", 10), ("\"gpio:5-5,5\"", 32),
        ] as [(String, UInt64)] {
            XCTAssertEqual(try opens(text).map(\.resources), [resources], text)
        }
        XCTAssertEqual(try opens("\"gpio:1\"", addition: "\"gpio:2\"").map(\.resources), [6])
    }
    /// A method has the numbers of its own entries.
    func testNumbersOfMethods() throws {
        let opened = try opens(
            "\"clock.now:1\", \"clock.set:2\", \"clock.sleep:1\", \"clock.set:3\", "
                + "\"serial.write\", \"serial.read:4\"")
        XCTAssertEqual(
            opened,
            [
                ServiceAccess(Name("clock"), methods: 0b101, resources: 2),
                ServiceAccess(Name("clock"), methods: 0b10, resources: 12),
                ServiceAccess(Name("serial"), methods: 1),
                ServiceAccess(Name("serial"), methods: 8, resources: 16),
            ])
        XCTAssertEqual(
            refusal("\"clock.now\", \"clock:1\""),
            "system.toml: line 9: task client: opens \"clock:1\": all entries for a method of "
                + "clock name numbers, or none does")
    }
    func testInstances() throws {
        let opened = try opens("\"gpio.1:3\", \"clock.12.set\", \"gpio:4\"")
        XCTAssertEqual(opened.map(\.service), [Name("gpio.1"), Name("clock.12"), Name("gpio")])
        XCTAssertEqual(opened.map(\.resources), [8, 0, 16])
        XCTAssertEqual(opened.map(\.methods), [.max, 2, .max])
    }
    /// Services of one interface have names of their own.
    func testAServiceHasTheMethodsOfItsInterface() throws {
        func opened(_ interface: String) throws -> [ServiceAccess] {
            let tasks =
                task("client", "start = \"boot\"\nopens = [\"wall\", \"wall.set\", \"tower.now\"]")
                + task(
                    "wall", "start = \"boot\"\nprovides = \"wall\"\ninterface = \"\(interface)\"")
                + task("tower", "start = \"boot\"\nprovides = \"tower\"\ninterface = \"clock\"")
            let board = "[board]\ncompatible = [\"acme,board\"]\n"
            let platform = try Platform(
                common: [try SystemFile(toml: tasks)],
                boards: [.init(name: "acme", file: try SystemFile(toml: board, path: "acme.toml"))])
            let bytes = try platform.manifests(binaries: ["Binary"], methods: list(methods))[0]
                .bytes
            return try Manifest.decode(bytes.span).tasks[0].opens
        }
        XCTAssertEqual(
            try opened("clock"),
            [ServiceAccess(Name("wall"), methods: 7), ServiceAccess(Name("tower"), methods: 1)])
        XCTAssertEqual(
            refusal { _ = try opened("clok") },
            "system.toml: line 19: task wall: interface: no list of methods has the interface clok")
    }
    /// The runtime sends lines for each task. One that may only read would lose them, and nobody
    /// would hear of it.
    func testAReaderOfTheLogSendsItsLines() throws {
        let log = """
            [[method]]
            service = "log"
            name = "append"
            number = 1
            access = "open"

            [[method]]
            service = "log"
            name = "line"
            number = 3
            access = "open"
            """
        XCTAssertEqual(
            refusal { _ = try manifest("\"log.line\"", more: log) },
            "system.toml: line 9: task client: opens: the task's own lines would be lost: add "
                + "\"log.append\"")
        XCTAssertEqual(
            try manifest("\"log.line\"", addition: "\"log.append\"", more: log).tasks[0].opens,
            [ServiceAccess(Name("log"), methods: 5)])
        XCTAssertEqual(
            try manifest("\"log.append\"", more: log).tasks[0].opens.map(\.methods), [1])
    }
    func testAProviderSaysWhatIsOpen() throws {
        let tasks = try manifest("\"log\"").tasks
        XCTAssertEqual(tasks[2].openMethods, 5)
        XCTAssertEqual(tasks[5].openMethods, .max)
    }

    func testWhatIsWrongWithAnEntryIsSaid() {
        for (entries, message) in [
            (
                "\"clock.noww\"",
                "\"clock.noww\": clock has no method `noww`: it has now, set, sleep, halt"
            ),
            (
                "\"clock.1.noww\"",
                "\"clock.1.noww\": clock has no method `noww`: it has now, set, sleep, halt"
            ),
            (
                "\"serial.send\"",
                "\"serial.send\": serial has no method `send`: it has write, read"
            ),
            ("\"clock.halt\"", "\"clock.halt\": that is for the root task alone"),
            ("\"log.read\"", "\"log.read\": no list of methods has the service log"),
            ("\"\"", "\"\": a service's name has 1 to 32 bytes"),
            ("\":5\"", "\":5\": a service's name has 1 to 32 bytes"),
            (
                "\"clock.\"",
                "\"clock.\": an entry is SERVICE or SERVICE.METHOD, with :NUMBERS or without"
            ),
            (
                "\"clock.now.set\"",
                "\"clock.now.set\": an entry is SERVICE or SERVICE.METHOD, with :NUMBERS or without"
            ),
            ("\"gpio:64\"", "\"gpio:64\": numbers are 0 to 63, as in \"gpio:17,20-22\""),
            ("\"gpio:\"", "\"gpio:\": numbers are 0 to 63, as in \"gpio:17,20-22\""),
            ("\"gpio:5-3\"", "\"gpio:5-3\": numbers are 0 to 63, as in \"gpio:17,20-22\""),
            ("\"gpio:1,\"", "\"gpio:1,\": numbers are 0 to 63, as in \"gpio:17,20-22\""),
            ("\"gpio:1-2-3\"", "\"gpio:1-2-3\": numbers are 0 to 63, as in \"gpio:17,20-22\""),
            ("\"gpio:-1\"", "\"gpio:-1\": numbers are 0 to 63, as in \"gpio:17,20-22\""),
            ("\"gpio:x\"", "\"gpio:x\": numbers are 0 to 63, as in \"gpio:17,20-22\""),
            ("\"gpio:1:2\"", "\"gpio:1:2\": numbers are 0 to 63, as in \"gpio:17,20-22\""),
            (
                "\"gpio:1\", \"gpio\"",
                "\"gpio\": all entries for a method of gpio name numbers, or none does"
            ),
            (
                "\"gpio\", \"gpio:1\"",
                "\"gpio:1\": all entries for a method of gpio name numbers, or none does"
            ),
        ] {
            XCTAssertEqual(
                refusal(entries), "system.toml: line 9: task client: opens \(message)", entries)
        }
        XCTAssertEqual(
            refusal("\"clock\"", addition: "\"clock.noww\""),
            "acme.toml: line 5: addition to client: opens \"clock.noww\": clock has no method "
                + "`noww`: it has now, set, sleep, halt")
        XCTAssertEqual(
            refusal("\"gpio\"", addition: "\"gpio:1\""),
            "acme.toml: line 5: addition to client: opens \"gpio:1\": all entries for a method "
                + "of gpio name numbers, or none does")
    }

    func testWhatIsWrongWithAListIsSaid() {
        for (text, replacement, message) in [
            ("number = 3\n", "number = 33\n", "line 10: method 2: number is 1 to 32"),
            ("number = 3\n", "number = 0\n", "line 10: method 2: number is 1 to 32"),
            (
                "number = 3\n", "number = 1\n",
                "line 9: method 2: clock.sleep has its name or its number twice"
            ),
            (
                "\"sleep\"", "\"now\"",
                "line 9: method 2: clock.now has its name or its number twice"
            ),
            (
                "\"restricted\"", "\"some\"",
                "line 17: method 3: access is \"open\", \"restricted\" or \"rootOnly\", not "
                    + "\"some\""
            ),
            ("number = 3\n", "", "line 7: method 2: number is missing"),
            (
                "number = 3\n", "numbr = 3\n",
                "line 10: method 2: unknown key \"numbr\"; is it \"number\"?"
            ),
        ] {
            XCTAssertEqual(
                refusal { _ = try self.list(methods.replacing(text, with: replacement)) },
                "methods.toml: \(message)", replacement)
        }
        // A product's own list does not change a service of this one.
        XCTAssertEqual(
            refusal {
                var list = try self.list(methods)
                try list.add(toml: methods, path: "own.toml")
            },
            "own.toml: line 3: method 1: clock.now has its name or its number twice")
        XCTAssertTrue(
            refusal { _ = try MethodList(files: ["none.toml"]) }.contains("none.toml"))
    }
}
