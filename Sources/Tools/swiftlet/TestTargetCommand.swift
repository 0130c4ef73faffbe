// `swiftlet test-target`: the tests that execute on the target, on `virt` and on the boards that
// the emulator has.

import ArgumentParser
import Foundation
import ToolCore

struct TestTargetCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "test-target",
        abstract: "Run the tests that execute on the target, under QEMU.")

    @Argument(help: "The image.") var image = "build/kernel8.img"
    @Option(help: "The bundle with the test task as root task, taken in place of the image's own.")
    var bundle =
        "build/tests.bundle"
    @Option(help: "One test's name, or `all`.") var test = "all"
    @Option(help: "Seconds after which a run that hangs is stopped.") var timeout = 1500
    @Option(help: "Machine, as QEMU writes it; left out: virt with either interrupt controller.")
    var machine: String?
    @Option(help: "Device tree in place of QEMU's own: a source or what dtc made of it.")
    var tree: String?
    @Option(
        help: "Then the same tests on each board that QEMU has, with the trees of: project, linux.")
    var boards: Board.TreeOwner?
    @Option(help: "Cores that the kernel runs on, 1 to 8; a board has 4.") var cores = 1
    @Flag(help: "Only the boards.") var onlyBoards = false
    @Flag(
        help:
            "Only by the host's clock, without -icount: tests that count instructions are skipped.")
    var hostClock = false
    @Option(help: "Write the totals to this file: PASSED FAILED.") var totals: String?

    /// One boot of the suite.
    private struct Suite {
        var machine: String
        var tree: String?
        var name: String
        var isCounted: Bool
    }

    func run() throws {
        var (passed, failed) = (0, 0)
        for suite in try suites() {
            let result = try run(suite)
            passed += result.passed
            failed += result.failed
        }
        if let totals { try writeFile(Array("\(passed) \(failed)\n".utf8), to: totals) }
        if failed > 0 { throw ExitCode(1) }
    }

    private func suites() throws -> [Suite] {
        var suites: [Suite] = []
        // With `-icount` a core that computes keeps the others waiting, and the clock advances by
        // the instructions of all.
        let isCounted = !hostClock && cores == 1
        let machines = machine.map { [$0] } ?? ["virt,gic-version=2", "virt,gic-version=3"]
        for machine in onlyBoards ? [] : machines {
            suites.append(Suite(machine: machine, tree: tree, name: machine, isCounted: isCounted))
        }
        // A boot without `-icount`, as on a busy machine or by hand: the other tests hold
        // there too.
        if machine == nil && !onlyBoards && isCounted {
            let name = "\(machines[0]), host's clock"
            suites.append(Suite(machine: machines[0], tree: tree, name: name, isCounted: false))
        }
        guard let boards else { return suites }
        for board in Board.all {
            let name = "\(board.machine) with \(boards.text)"
            if let obstacle = try board.obstacle(boards) {
                print("target tests (\(name)): skipped: \(obstacle)")
                continue
            }
            let path = try board.path(of: boards)
            suites.append(
                Suite(machine: board.machine, tree: path, name: name, isCounted: isCounted))
        }
        return suites
    }

    private func run(_ suite: Suite) throws -> (passed: Int, failed: Int) {
        var run = TargetRun(image: image, bundle: bundle, test: test, timeout: timeout)
        run.emulator.machine = suite.machine
        if let tree = suite.tree {
            run.emulator.tree = tree.hasSuffix(".dts") ? try compileTree(tree) : tree
        }
        if suite.isCounted { run.emulator.append += " clock=instructions" }
        run.emulator.isCounted = suite.isCounted
        run.emulator.cores = cores
        run.emulator.coreThreads = cores > 1 ? .turns : nil
        try run.perform { print($0) }
        print(
            "target tests (\(suite.name)): \(run.passed) passed, \(run.failed) failed, "
                + "\(run.skipped) skipped")
        return (run.passed, run.failed)
    }
}
