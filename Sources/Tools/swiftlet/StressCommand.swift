// `swiftlet stress`: tests on several cores that the host runs in parallel, again and again.
//
// Each core is a thread of QEMU, so cores are really in the kernel and in user code at the same
// time, and the host interrupts them anywhere. No run is like another. With more cores than the
// host has, each hand-over of the kernel lock waits for the host's scheduler. The tests check what
// a user can see of the kernel's invariants: what calls return, that the most urgent thread keeps
// its beat, and that all memory comes back.

import ArgumentParser
import Foundation
import ToolCore

struct StressCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stress", abstract: "Run tests on several cores that QEMU runs in parallel.")

    @Argument(help: "The image.") var image = "build/kernel8.img"
    @Option(help: "The bundle with the test task.") var bundle = "build/tests.bundle"
    @Option(help: "Cores that the kernel runs on, 2 to 8; left out: those of the host, 4 at most.")
    var cores = min(4, max(2, ProcessInfo.processInfo.activeProcessorCount))
    @Option(help: "How long to go on.") var minutes = 2.0
    @Option(help: "Seconds after which a boot that hangs is stopped.") var timeout = 120
    @Option(help: "Where random numbers start; each further boot takes the next.") var seed = 1
    @Option(help: "Write the totals to this file: PASSED FAILED.") var totals: String?

    private static let machines = ["virt,gic-version=2", "virt,gic-version=3"]
    private static let tests = ["fuzz.", "cores.", "fuzz.", "inheritance."]

    func run() throws {
        if !(2...8).contains(cores) || !(0...1440).contains(minutes) {
            throw ToolError("stress takes 2 to 8 cores, and at most 1440 minutes")
        }
        let processors = ProcessInfo.processInfo.activeProcessorCount
        if cores > processors {
            print("note: \(cores) cores on \(processors) of the host: tests may run out of time")
        }
        let end = Date(timeIntervalSinceNow: minutes * 60)
        var (passed, failed, boot) = (0, 0, 0)
        repeat {
            let run = try perform(boot)
            passed += run.passed
            failed += run.failed
            boot += 1
        } while Date() < end
        if let totals { try writeFile(Array("\(passed) \(failed)\n".utf8), to: totals) }
        print("stress: \(boot) boots with \(cores) cores: \(passed) passed, \(failed) failed")
        if failed > 0 { throw ExitCode(1) }
    }

    private func perform(_ boot: Int) throws -> TargetRun {
        let test = StressCommand.tests[boot / 2 % StressCommand.tests.count]
        var run = TargetRun(image: image, bundle: bundle, test: test, timeout: timeout)
        run.emulator.machine = StressCommand.machines[boot % 2]
        run.emulator.cores = cores
        run.emulator.coreThreads = .parallel
        run.emulator.append += " seed=\(seed + boot)"
        var lines: [String] = []
        try run.perform { lines.append($0) }
        if run.failed > 0 {
            for line in lines { print(line) }
            print("again: qemu-system-aarch64 \(run.emulator.arguments.joined(separator: " "))")
        }
        print(
            "\(run.emulator.machine), \(test), seed \(seed + boot): "
                + "\(run.passed) passed, \(run.failed) failed")
        return run
    }
}
