// `swiftlet test-target`: the tests that execute on the target, on `virt` and on the boards that the emulator has.

import ArgumentParser
import Foundation
import ToolCore

struct TestTargetCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "test-target", abstract: "Run the tests that execute on the target, under QEMU.")

    @Argument(help: "The image.") var image = "build/kernel8.img"
    @Option(help: "The bundle with the test task as root task, taken in place of the image's own.") var bundle =
        "build/tests.bundle"
    @Option(help: "One test's name, or `all`.") var test = "all"
    @Option(help: "Seconds after which a run that hangs is stopped.") var timeout = 1500
    @Option(help: "Machine, as QEMU writes it; left out: virt with either interrupt controller.") var machine: String?
    @Option(help: "Device tree in place of QEMU's own: a source or what dtc made of it.") var tree: String?
    @Option(help: "Then the same tests on each board that QEMU has, with the trees of: project, linux.") var boards:
        Board.TreeOwner?
    @Flag(help: "Only the boards.") var onlyBoards = false
    @Option(help: "Write the totals to this file: PASSED FAILED.") var totals: String?

    func run() throws {
        var (passed, failed) = (0, 0)
        let machines = machine.map { [$0] } ?? ["virt,gic-version=2", "virt,gic-version=3"]
        for machine in onlyBoards ? [] : machines {
            let suite = try runSuite(machine, tree: tree, name: machine)
            passed += suite.passed
            failed += suite.failed
        }
        if let boards {
            for board in Board.all {
                let name = "\(board.machine) with \(boards.text)"
                if let obstacle = try board.obstacle(boards) {
                    print("target tests (\(name)): skipped: \(obstacle)")
                    continue
                }
                let more = try runSuite(board.machine, tree: try board.path(of: boards), name: name)
                passed += more.passed
                failed += more.failed
            }
        }
        if let totals { try writeFile(Array("\(passed) \(failed)\n".utf8), to: totals) }
        if failed > 0 { throw ExitCode(1) }
    }

    private func runSuite(_ machine: String, tree: String?, name: String) throws -> (passed: Int, failed: Int) {
        var emulator = Emulator(kernel: image)
        emulator.machine = machine
        if let tree { emulator.tree = tree.hasSuffix(".dts") ? try compileTree(tree) : tree }
        emulator.otherBundle = bundle
        emulator.append = "test=\(test)"
        emulator.isCounted = true
        var passed = 0
        var failed = 0
        var hasFinished = false
        var panic = PanicWatch()
        let ended = try emulator.run(interactive: false, timeout: timeout) { line in
            switch ConsoleEvent(line: line) {
            case .passed(let name):
                passed += 1
                print("  passed  \(name)")
            case .failed(let name, let reason):
                failed += 1
                print("  FAILED  \(name): \(reason)")
            case .finished(let p, let f): hasFinished = p == passed && f == failed
            default: if !line.isEmpty { print("          \(line)") }
            }
            fflush(stdout)
            return panic.take(line)
        }
        for place in panic.places { print("          \(place)") }
        if ended && !panic.hasPanicked && passed + failed == 0 { print("no test is called \(test)") }
        if !ended { print("  FAILED  the run did not end within \(timeout) s") }
        if !ended || panic.hasPanicked || !hasFinished || passed + failed == 0 { failed += 1 }
        print("target tests (\(name)): \(passed) passed, \(failed) failed")
        return (passed, failed)
    }
}
