// `swiftlet run`, `test-target`, `matrix`: boot an image and act upon what it says.

import ArgumentParser
import Foundation
import ToolCore

struct RunCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run", abstract: "Boot the image on QEMU; exit with the system's status.")

    @Argument(help: "The image.") var image = "build/kernel8.img"
    @Option(name: .customLong("run"), help: "Shell commands to run, separated by `;`, instead of a terminal.")
    var commands: String?
    @Option(help: "More of the kernel's command line.") var append = ""
    @Option(help: "Memory, as QEMU writes it.") var memory = "256M"
    @Option(help: "Machine, as QEMU writes it.") var machine = "virt,gic-version=2"
    @Option(help: "Processor, as QEMU writes it.") var cpu = "cortex-a53"
    @Option(help: "Seconds after which a run with --run is stopped.") var timeout = 120
    @Flag(help: "Count instructions as time: every run is the same.") var counted = false

    func run() throws {
        if let commands, commands.contains("\"") {
            throw ToolError(
                "--run: the commands stand in double quotes on the kernel's command line; use single ones within")
        }
        var emulator = Emulator(kernel: image)
        emulator.memory = memory
        emulator.machine = machine
        emulator.processor = cpu
        emulator.isCounted = counted
        emulator.append = ([append] + (commands.map { ["run=\"\($0)\""] } ?? [])).filter { !$0.isEmpty }.joined(
            separator: " ")
        var status: Int32 = 0
        var panic = PanicWatch()
        let isCommand = commands != nil
        let ended = try emulator.run(interactive: true, timeout: isCommand ? timeout : nil) { line in
            if case .powerOff(let code) = ConsoleEvent(line: line) { status = Int32(truncatingIfNeeded: code) }
            return panic.take(line)
        }
        try panic.check()
        if !ended { throw ToolError("the system did not power off within \(timeout) s") }
        throw ExitCode(status)
    }
}

/// Follows the console for a panic of the kernel.
struct PanicWatch {
    private(set) var hasPanicked = false
    /// What stands at the report's addresses.
    private(set) var places: [String] = []
    private var symbolicator: Symbolicator

    init(kernel: String = "build/kernel.elf") { symbolicator = Symbolicator(kernel: kernel) }

    /// Takes a line; false when the kernel has halted.
    mutating func take(_ line: String) -> Bool {
        switch ConsoleEvent(line: line) {
        case .panic: hasPanicked = true
        case .halted: return false
        default: if hasPanicked { places += symbolicator.places(line) }
        }
        return true
    }

    /// - Throws: after a panic, `PanicWatch.status`; the places go to the output before.
    func check() throws {
        if !hasPanicked { return }
        for place in places { print("  \(place)") }
        throw ExitCode(PanicWatch.status)
    }
    /// The exit status of a run that ended in a panic: an internal error, as sysexits(3) has it.
    static let status: Int32 = 70
}

struct TestTargetCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "test-target", abstract: "Run the tests that execute on the target, under QEMU.")

    @Argument(help: "The image with the test task as root task.") var image = "build/tests.img"
    @Option(help: "One test's name, or `all`.") var test = "all"
    @Option(help: "Seconds after which a run that hangs is stopped.") var timeout = 300
    @Option(help: "Machine, as QEMU writes it.") var machine = "virt,gic-version=2"
    @Option(help: "Write the totals to this file: PASSED FAILED.") var totals: String?

    func run() throws {
        var emulator = Emulator(kernel: image)
        emulator.machine = machine
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
        if let totals { try writeFile(Array("\(passed) \(failed)\n".utf8), to: totals) }
        print("target tests (\(machine)): \(passed) passed, \(failed) failed")
        if failed > 0 { throw ExitCode(1) }
    }
}

struct MatrixCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "matrix", abstract: "Boot one image under every QEMU variant, to the end of some shell commands.")

    @Argument(help: "The image.") var image = "build/kernel8.img"
    @Option(help: "The same kernel as an ELF file.") var kernel = "build/kernel.elf"
    @Option(help: "The bundle, loaded behind the ELF file.") var bundle = "build/bundle.bin"
    @Option(help: "The kernel's command line.") var append = "run=\"ps; poweroff\""
    @Option(help: "What the console must show before the power goes.") var expect = "pl011"
    @Option(help: "Write the totals to this file: PASSED FAILED.") var totals: String?

    /// Each value of each dimension, with every other one's extremes: (ELF, virtualization, GIC, processor, memory).
    static let variants: [(Bool, Bool, Int, String, String)] = [
        (false, false, 2, "cortex-a53", "64M"), (false, false, 3, "cortex-a53", "128M"),
        (false, true, 2, "cortex-a53", "1G"), (false, true, 3, "cortex-a53", "4G"),
        (true, false, 2, "cortex-a53", "128M"), (true, false, 3, "cortex-a53", "64M"),
        (true, true, 2, "cortex-a53", "4G"), (true, true, 3, "cortex-a53", "1G"),
        (false, false, 2, "cortex-a72", "1G"), (false, true, 3, "cortex-a72", "64M"),
        (true, false, 3, "cortex-a72", "4G"), (true, true, 2, "cortex-a72", "128M"),
        (false, false, 3, "cortex-a76", "128M"), (false, true, 2, "cortex-a76", "64M"),
        (true, false, 2, "cortex-a76", "1G"), (true, true, 3, "cortex-a76", "4G"),
        (false, false, 2, "max", "4G"), (false, true, 3, "max", "1G"),
        (true, false, 3, "max", "128M"), (true, true, 2, "max", "64M"),
    ]

    func run() throws {
        let known = try output(of: "qemu-system-aarch64", ["-machine", "virt", "-cpu", "help"]).text
        let elf = try ElfFile(path: kernel)
        let end = (elf.segments.map { $0.physicalAddress + UInt64($0.memorySize) }.max() ?? 0) + 4095 & ~4095
        var passed = 0
        var failed = 0
        for (isElf, virtualization, gic, processor, memory) in MatrixCommand.variants {
            let name =
                "\(isElf ? "ELF" : "Image") virtualization=\(virtualization ? "on" : "off") gic-version=\(gic) \(processor) \(memory)"
            if !known.contains(processor) {
                print("  skipped \(name): this QEMU has no such processor")
                continue
            }
            var emulator = Emulator(kernel: isElf ? kernel : image)
            if isElf { emulator.bundle = (bundle, end) }
            emulator.machine = "virt,gic-version=\(gic),virtualization=\(virtualization ? "on" : "off")"
            emulator.processor = processor
            emulator.memory = memory
            emulator.append = append
            emulator.isCounted = true
            var hasShown = false
            var status = -1
            var last = ""
            var panic = PanicWatch(kernel: kernel)
            let ended = try emulator.run(interactive: false, timeout: 60) { line in
                if line.contains(expect) { hasShown = true }
                if case .powerOff(let code) = ConsoleEvent(line: line) { status = code }
                if !line.trimmingCharacters(in: .whitespaces).isEmpty { last = line }
                return panic.take(line)
            }
            if ended && hasShown && status == 0 {
                passed += 1
                print("  passed  \(name)")
            } else {
                failed += 1
                print("  FAILED  \(name): \(ended ? "status \(status)" : "hangs"), last line: \(last)")
                for place in panic.places { print("          \(place)") }
            }
            fflush(stdout)
        }
        if let totals { try writeFile(Array("\(passed) \(failed)\n".utf8), to: totals) }
        print("matrix: \(passed) passed, \(failed) failed")
        if failed > 0 { throw ExitCode(1) }
    }
}
