// system.toml: what is wrong with one is said with the task's name and the key, and never
// by a trap.

import ServiceCores
import XCTest

@testable import ToolCore

final class ManifestFileTests: XCTestCase {
    private static let log = """
        [[task]]
        name = "log"
        binary = "Log"
        start = "boot"
        priority = 7
        reason = "because"
        stack = 4096
        arena_bits = 18
        provides = "log"

        """
    private let good =
        log + """
            [[task]]
            name = "uart"
            binary = "UART"
            start = "device"
            priority = 100
            reason = "characters"
            stack = 8192
            arena_bits = 16
            provides = "serial"
            opens = ["log", "serial.1"]
            compatible = ["acme,uart", "acme,old-uart"]
            restart = { maximum = 5, initial_ms = 50, maximum_ms = 5000, stable_ms = 10000 }

            """

    private func encode(_ toml: String) throws -> [UInt8] {
        let board = try SystemFile(toml: "[board]\ncompatible = [\"acme,board\"]\n")
        let platform = try Platform(
            common: [try SystemFile(toml: toml)], boards: [.init(name: "acme", file: board)])
        return try platform.manifests(binaries: ["UART", "Log"], methods: MethodList())[0].bytes
    }

    func testAGoodFileIsEncoded() throws {
        let bytes = try encode(good)
        let manifest = try Manifest.decode(bytes.span)
        XCTAssertEqual(manifest.tasks.map(\.name), [Name("log"), Name("uart")])
        XCTAssertEqual(manifest.tasks.map(\.priority), [7, 100])
        XCTAssertEqual(manifest.tasks.map(\.maximumPriority), [7, 100])
        XCTAssertEqual(manifest.tasks[1].opens.map(\.service), [Name("log"), Name("serial.1")])
        XCTAssertEqual(manifest.tasks[1].restart.maximumBackOff, 5000)
    }

    /// The entry that the page on a core of one's own gives to copy.
    func testTheEntryOfThePageIsEncoded() throws {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        let page = try String(
            contentsOf: folder.appendingPathComponent("../../docs/own-core.md"), encoding: .utf8)
        let entry = try XCTUnwrap(page.components(separatedBy: "```toml\n").dropFirst().first)
        let text = try XCTUnwrap(entry.components(separatedBy: "```").first)
        let bytes = try encode(good + text.replacing("Controller", with: "Log"))
        let task = try XCTUnwrap(try Manifest.decode(bytes.span).tasks.last)
        XCTAssertEqual(task.name, Name("controller"))
        XCTAssertEqual(task.core, 3)
        XCTAssertEqual(task.priority, 220)
    }

    func testABudgetIsEncoded() throws {
        let budget = "budget = \"500 us / 1 s\"\nbackground = 4\nbudget_reason = \"enough\""
        let bytes = try encode(
            good.replacing("priority = 100", with: "priority = 100\n" + budget))
        let task = try XCTUnwrap(
            try Manifest.decode(bytes.span).tasks.first { $0.priority == 100 })
        XCTAssertEqual(task.budget.limit, 500)
        XCTAssertEqual(task.budget.period, 1_000_000)
        XCTAssertEqual(task.budget.background, 4)
    }

    private let threads = """
        untyped_bits = 16

        [[task.thread]]
        name = "reader"
        priority = 90
        core = 2
        stack = 8192
        reason = "It reads."

        [[task.thread]]
        name = "writer"
        priority = 3
        reason = "It writes."

        """

    func testThreadsAreEncoded() throws {
        let bytes = try encode(good + threads)
        let manifest = try Manifest.decode(bytes.span)
        XCTAssertEqual(manifest.tasks.map(\.threads.count), [0, 2])
        let listed = manifest.tasks[1].threads
        XCTAssertEqual(listed.map(\.name), [Name("reader"), Name("writer")])
        XCTAssertEqual(listed.map(\.priority), [90, 3])
        XCTAssertEqual(listed.map(\.core), [2, nil])
        XCTAssertEqual(listed.map(\.stackBytes), [8192, 4096])
    }

    func testWhatIsWrongWithAThreadIsSaid() {
        let need = "task uart: its threads need 44928 bytes of untyped memory"
        let advice = ": write untyped_bits = 16, or more if it needs some for itself"
        let cases: [(String, String, String)] = [
            (
                "priority = 90", "priority = 101",
                "task uart: thread reader: priority is 101; the task's maximum_priority is 100"
            ),
            ("priority = 90\n", "", "task uart: thread reader: priority is missing"),
            ("\nname = \"reader\"", "", "thread 1: name is missing"),
            (
                "reason = \"It reads.\"", "reason = \"\"",
                "task uart: thread reader: say in `reason` why its priority is 90"
            ),
            ("core = 2", "core = 8", "task uart: thread reader: core is 0 to 7"),
            (
                "stack = 8192\nreason = \"It", "stack = 122881\nreason = \"It",
                "task uart: thread reader: stack is a multiple of 4096, at most 122880, and not 0"
            ),
            (
                "core = 2", "cores = 2",
                "task uart: thread reader: unknown key \"cores\"; is it \"core\"?"
            ),
            (
                "\"writer\"", "\"reader\"",
                "task uart: a task has at most 16 threads, each with its own name"
            ),
            (
                "untyped_bits = 16", "untyped_bits = 15",
                "\(need), and it has 32768\(advice)"
            ),
            (
                "untyped_bits = 16\n", "",
                "\(need), and it has none\(advice)"
            ),
        ]
        for (text, replacement, words) in cases {
            let changed = (good + threads).replacing(text, with: replacement)
            XCTAssertThrowsError(try encode(changed), words) { error in
                let parts = "\(error)".split(separator: ": ", maxSplits: 2)
                XCTAssertTrue(parts[1].hasPrefix("line "), "\(error)")
                XCTAssertEqual(String(parts[2]), words)
            }
        }
    }

    func testWhatIsWrongIsSaidWithItsPlace() {
        let many = (0...64).map { ManifestFileTests.log.replacing("\"log\"", with: "\"t\($0)\"") }
            .joined()
        for (text, replacement, words) in [
            ("priority = 100", "priority = 256", "task uart: priority is 256; it has 0 to 255"),
            ("priority = 100", "priority = -1", "task uart: priority is -1; it has 0 to 255"),
            ("priority = 100", "priority = \"high\"", "task uart: priority is a whole number"),
            (
                "priority = 100", "priority = 100\nmaximum_priority = 99",
                "task uart: maximum_priority is at least priority"
            ),
            ("priority = 100\n", "", "task uart: priority is missing"),
            (
                "reason = \"because\"", "reason = \"\"",
                "task log: say in `reason` why its priority is 7"
            ),
            (
                "stack = 8192", "stack = 8193",
                "task uart: stack is a multiple of 4096, at most 16777216, and not 0"
            ),
            ("arena_bits = 16", "arena_bits = 40", "task uart: arena_bits is 16 to 28"),
            ("arena_bits = 16", "arena_bits = 16\ncolour = 3", "task uart: unknown key \"colour\""),
            (
                "priority = 100", "priority = 100\non_give_up = \"halt\"",
                "task uart: on_give_up is \"stay_dead\", \"reboot\" or \"keep_trying\", not "
                    + "\"halt\""
            ),
            (
                "priority = 100", "priority = 100\nabove_supervisor = \"\"",
                "task uart: say in above_supervisor why the supervisor may have to wait"
            ),
            (
                "priority = 100", "priority = 100\ncore = 1",
                "task uart: say in core_reason why it runs on core 1"
            ),
            (
                "priority = 100", "priority = 100\nbudget = \"2 ms\"",
                "task uart: budget \"2 ms\" is a time in each period, as \"2 ms / 10 ms\" or "
                    + "\"500 us / 1 s\""
            ),
            (
                "priority = 100", "priority = 100\nbudget = \"2 h / 10 h\"",
                "task uart: budget \"2 h / 10 h\" is a time in each period, as \"2 ms / 10 ms\" "
                    + "or \"500 us / 1 s\""
            ),
            (
                "priority = 100", "priority = 100\nbudget = \"5000 s / 9 s\"",
                "task uart: budget \"5000 s / 9 s\" is a time in each period, as \"2 ms / 10 ms\" "
                    + "or \"500 us / 1 s\""
            ),
            (
                "priority = 100", "priority = 100\nbudget = \"2 ms / 10 ms\"",
                "task uart: say in budget_reason why 2 ms / 10 ms is enough"
            ),
            (
                "priority = 100",
                "priority = 100\nbudget = \"2 ms / 10 ms\"\nbudget_reason = \"enough\"",
                "task uart: background is missing"
            ),
            (
                "priority = 100",
                "priority = 100\nbudget = \"2 ms / 1 ms\"\nbudget_reason = \"enough\"\n"
                    + "background = 1",
                "task uart: budget is at least 10 us and at most its period, and background is at "
                    + "most priority"
            ),
            (
                "priority = 100",
                "priority = 100\nbudget = \"2 ms / 9 ms\"\nbudget_reason = \"enough\"\n"
                    + "background = 101",
                "task uart: budget is at least 10 us and at most its period, and background is at "
                    + "most priority"
            ),
            (
                "priority = 100", "priority = 100\nbudget_reason = \"enough\"",
                "task uart: budget_reason is for a `budget`"
            ),
            (
                "priority = 100", "priority = 100\nbackground = 1",
                "task uart: background is for a `budget`"
            ),
            (
                "priority = 100", "priority = 100\ncore_reason = \"alone\"",
                "task uart: core_reason is for a `core`"
            ),
            (
                "priority = 100", "priority = 100\ncore = 8\ncore_reason = \"alone\"",
                "task uart: core is 0 to 7"
            ),
            (
                "reason = \"because\"", "reason = \"because\"\non_give_up = \"keep_trying\"",
                "task log: on_give_up is \"stay_dead\", \"reboot\", or with `restart` "
                    + "\"keep_trying\""
            ),
            ("stable_ms", "settled_ms", "task uart: restart: unknown key \"settled_ms\""),
            (", stable_ms = 10000", "", "task uart: restart: stable_ms is missing"),
            (
                "priority = 100", "priorty = 100",
                "task uart: unknown key \"priorty\"; is it \"priority\"?"
            ),
            ("name = \"uart\"", "nmae = \"uart\"", "task 2: unknown key \"nmae\"; is it \"name\"?"),
            (
                "arena_bits = 16", "arena_bits = 16\npersistent = 135168",
                "task uart: persistent is a multiple of 4096, at most 131072"
            ),
            (
                "stable_ms = 10000", "stable_ms = 10000, x = 1",
                "task uart: restart: unknown key \"x\""
            ),
            (
                "initial_ms = 50,", "initial_ms = 0,",
                "task uart: restart: initial_ms is 1 to maximum_ms"
            ),
            ("restart = {", "restart = 3 #", "task uart: restart is a table"),
            (
                "name = \"uart\"", "name = \"log\"",
                "task log: another task before it has the same name, provides the same service, "
                    + "or drives the same devices; or the root task provides the service"
            ),
            ("name = \"uart\"\n", "", "task 2: name is missing"),
            ("name = \"uart\"", "name = \"\"", "task 2: name \"\" has 1 to 32 bytes"),
            (
                "\"UART\"", "\"Uart\"",
                "task uart: no entry of the bundle is called Uart, its binary"
            ),
            (
                "\"serial.1\"", "\"log.1\"",
                "task uart: opens \"log.1\", which no task provides on the board acme"
            ),
            ("\"serial.1\"", "4", "task uart: opens is a list of texts in quotes"),
            (
                "\"device\"", "\"boot\"",
                "task uart: compatible has 1 to 16 values of 1 to 64 bytes for a task with start "
                    + "= \"device\", and none for another"
            ),
            (
                "\"device\"", "\"later\"",
                "task uart: start is \"boot\", \"device\" or \"demand\", not \"later\""
            ),
            (
                "opens =", "privileges = [\"all\"]\nopens =",
                "task uart: privilege \"all\" is none of interrupt_control, device_tree, "
                    + "root_view, system.console, "
                    + "system.statistics, system.trace, system.power, send_capabilities, "
                    + "asid_pool, task_names"
            ),
            ("opens =", "shares_page = 1\nopens =", "task uart: shares_page is true or false"),
            (good, "[task]\nname = \"a\"", "task is a list of tables: write [[task]]"),
            (good, "", "there is no [[task]]"),
            (good, "colour = 1\n", "unknown key \"colour\""),
            (good, many, "task t64: 65 tasks; a manifest has at most 64"),
        ] {
            let changed = good.replacing(text, with: replacement)
            XCTAssertThrowsError(try encode(changed), words) { error in
                let parts = "\(error)".split(separator: ": ", maxSplits: 2)
                XCTAssertEqual(parts[0], "system.toml")
                XCTAssertTrue(parts[1].hasPrefix("line "), "\(error)")
                XCTAssertEqual(String(parts[2]), words)
            }
        }
    }

    func testPrivilegesAndSharesAreEncoded() throws {
        XCTAssertEqual(Privileges.names.reduce(0) { $0 | $1.value.raw }, Privileges.known.raw)
        let listed =
            "privileges = [\"system.power\", \"task_names\"]\nshares_line = true\nopens ="
        let bytes = try encode(good.replacing("opens =", with: listed))
        let manifest = try Manifest.decode(bytes.span)
        XCTAssertEqual(manifest.tasks[1].privileges, .systemPower | .taskNames)
        XCTAssertTrue(manifest.tasks[1].sharesLine)
        XCTAssertFalse(manifest.tasks[1].sharesPage)
        XCTAssertEqual(manifest.tasks[0].privileges, .none)
    }

    /// A board does without a clock, but not without its console or its log.
    func testWhatABoardCannotDoWithoutIsStartedWithoutEnd() throws {
        func onGiveUp(_ toml: String) throws -> [GiveUp] {
            let bytes = try encode(toml)
            return try Manifest.decode(bytes.span).tasks.map(\.restart.onGiveUp)
        }
        XCTAssertEqual(try onGiveUp(good), [.stayDead, .keepTrying])
        XCTAssertEqual(
            try onGiveUp(
                good.replacing("provides = \"serial\"", with: "provides = \"clock\"")
                    .replacing(", \"serial.1\"", with: "")), [.stayDead, .stayDead])
        let restart = "restart = { maximum = 1, initial_ms = 1, maximum_ms = 1, stable_ms = 1 }\n"
        let log = "provides = \"log\"\n"
        XCTAssertEqual(
            try onGiveUp(good.replacing(log, with: log + restart)), [.keepTrying, .keepTrying])
        XCTAssertEqual(
            try onGiveUp(good.replacing(log, with: log + restart + "on_give_up = \"stay_dead\"\n")),
            [.stayDead, .keepTrying])
        XCTAssertEqual(
            try onGiveUp(good.replacing(log, with: log + "on_give_up = \"reboot\"\n")),
            [.reboot, .keepTrying])
    }

    func testUrgencyAboveTheSupervisorNeedsAReason() throws {
        let supervisor = ManifestFileTests.log.replacing("\"log\"", with: "\"supervisor\"")
            .replacing("priority = 7", with: "priority = 230")
        func refusal(_ urgency: String) -> String {
            do {
                _ = try encode(supervisor + good.replacing("priority = 100", with: urgency))
            } catch {
                return "\(error)".split(separator: ": ", maxSplits: 3).last.map(String.init) ?? ""
            }
            return "none"
        }
        let reason = "above_supervisor = \"it must\"\n"
        XCTAssertEqual(refusal("priority = 229"), "none")
        XCTAssertEqual(
            refusal("priority = 255"),
            "priority is 255: the supervisor (230) cannot run while this task does; say why that "
                + "must be in above_supervisor")
        XCTAssertEqual(
            refusal("priority = 100\nmaximum_priority = 230"),
            "maximum_priority is 230: the supervisor (230) cannot run while this task does; say "
                + "why that must be in above_supervisor")
        XCTAssertEqual(refusal(reason + "priority = 254"), "none")
        XCTAssertEqual(
            refusal(reason + "priority = 255"),
            "priority and maximum_priority are 0 to 254: above that the supervisor looks whether "
                + "something keeps it from running")
        XCTAssertEqual(
            refusal(reason + "priority = 200"),
            "above_supervisor is for a priority of at least the supervisor's (230); priority is 200"
        )
    }

    func testABrokenFileIsSaidWithItsLine() {
        let broken = good.replacing("stack = 8192", with: "stack = ")
        XCTAssertThrowsError(try encode(broken)) { error in
            XCTAssertTrue("\(error)".hasPrefix("system.toml: line 16, column "), "\(error)")
        }
    }

    func testEachErrorHasItsLine() {
        let text = good.replacing("opens = [", with: "# [[task]]\nopens = [\n  # ] ' \n  ")
            .replacing(
                "because", with: "\\\" # = [")
        for (key, value, line) in [
            ("priority = 100", "priority = 256", 14), ("restart = {", "restart = { x = 1,", 24),
            ("priority = 100", "priorty = 100", 14), ("priority = 100\n", "", 10),
            ("\"UART\"", "\"Uart\"", 12), ("\"serial.1\"", "\"log.1\"", 20),
            ("compatible = [", "compatible = [\"\", ", 23),
            ("arena_bits = 16", "arena_bits = 40", 17),
            ("provides = \"serial\"", "provides = \"log\"", 11),
        ] {
            XCTAssertThrowsError(try encode(text.replacing(key, with: value)), value) { error in
                XCTAssertTrue(
                    "\(error)".hasPrefix("system.toml: line \(line): "), "\(line): \(error)")
            }
        }
    }
}
