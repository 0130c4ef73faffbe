// `swiftlet matrix`: the same kernel on every machine that an emulator here has, to the end of some
// shell commands.

import ArgumentParser
import Foundation
import ToolCore

struct MatrixCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "matrix",
        abstract: "Boot one image under every QEMU variant, to the end of some shell commands.")

    @Argument(help: "The image.") var image = "build/kernel8.img"
    @Option(help: "The same kernel as an ELF file.") var kernel = "build/kernel.elf"
    @Option(help: "The bundle, loaded behind the ELF file.") var bundle = "build/system.bundle"
    @Option(help: "The kernel's command line.") var append = "run=\"ps; poweroff\""
    @Option(help: "What the console must show before the power goes.") var expect = "pl011"
    @Option(help: "What the console must show on a board before the power goes.")
    var expectOnBoards = "serial"
    @Option(help: "Write the totals to this file: PASSED FAILED.") var totals: String?

    /// Each value of each dimension, with every other one's extremes: (ELF, virtualization, GIC,
    /// processor, memory).
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

    /// (GIC, virtualization, cores in the machine, cores wanted).
    static let coreVariants = [
        (2, false, 1, 4), (2, false, 2, 2), (2, true, 4, 4), (2, false, 8, 8), (3, true, 1, 4),
        (3, false, 2, 2), (3, false, 4, 4), (3, true, 8, 8), (2, false, 8, 3),
    ]

    func run() throws {
        var results = Results(kernel: kernel)
        try runVirt(&results)
        try runCores(&results)
        try runBoards(&results)
        if let totals {
            try writeFile(Array("\(results.passed) \(results.failed)\n".utf8), to: totals)
        }
        print(
            "matrix: \(results.passed) passed, \(results.failed) failed, \(results.skipped) skipped"
        )
        if results.failed > 0 { throw ExitCode(1) }
    }

    private func runVirt(_ results: inout Results) throws {
        let known = try output(of: "qemu-system-aarch64", ["-machine", "virt", "-cpu", "help"]).text
        let elf = try ElfFile(path: kernel)
        let end =
            (elf.segments.map { $0.physicalAddress + UInt64($0.memorySize) }.max() ?? 0) + 4095
            & ~4095
        for (isElf, virtualization, gic, processor, memory) in MatrixCommand.variants {
            let name =
                "\(isElf ? "ELF" : "Image") virtualization=\(virtualization ? "on" : "off") "
                + "gic-version=\(gic) \(processor) \(memory)"
            if !known.contains(processor) {
                results.skip(name, "this QEMU has no such processor")
                continue
            }
            var emulator = Emulator(kernel: isElf ? kernel : image)
            if isElf { emulator.bundle = (bundle, end) }
            emulator.machine =
                "virt,gic-version=\(gic),virtualization=\(virtualization ? "on" : "off")"
            emulator.processor = processor
            emulator.memory = memory
            try boot(emulator, name, ["GICv\(gic)", expect], &results)
        }
    }

    private func runCores(_ results: inout Results) throws {
        for (gic, virtualization, cores, wanted) in MatrixCommand.coreVariants {
            let (isOn, count) = (virtualization ? "on" : "off", min(cores, wanted))
            var emulator = Emulator(kernel: image)
            emulator.machine = "virt,gic-version=\(gic),virtualization=\(isOn)"
            emulator.devices = ["-smp", "\(cores)"]
            let name =
                "Image virtualization=\(isOn) gic-version=\(gic), \(cores) cores, \(wanted) wanted"
            emulator.append = "cores=\(wanted)"
            let told = "swiftlet: \(count) core\(count == 1 ? "" : "s")"
            try boot(emulator, name, ["GICv\(gic)", expect, told], &results)
        }
        for board in Board.all {
            for owner in Board.TreeOwner.allCases {
                let name = "\(board.machine) with \(owner.text), 4 cores"
                if let obstacle = try board.obstacle(owner) {
                    results.skip(name, obstacle)
                    continue
                }
                var emulator = Emulator(kernel: image)
                emulator.machine = board.machine
                emulator.tree = try board.path(of: owner)
                emulator.cores = 4
                try boot(
                    emulator, name, [board.finds, expectOnBoards, "swiftlet: 4 cores"], &results)
            }
        }
    }

    private func runBoards(_ results: inout Results) throws {
        let raw = try withoutHeader()
        for board in Board.all {
            for (kernel, place) in [(image, "at 0x200000"), (raw, "at 0x80000")] {
                for owner in Board.TreeOwner.allCases {
                    let name = "\(board.machine) \(place) with \(owner.text)"
                    if let obstacle = try board.obstacle(owner) {
                        results.skip(name, obstacle)
                        continue
                    }
                    var emulator = Emulator(kernel: kernel)
                    emulator.isPlain = kernel == raw
                    emulator.machine = board.machine
                    emulator.tree = try board.path(of: owner)
                    try boot(emulator, name, [board.finds, expectOnBoards], &results)
                }
            }
        }
    }

    /// The image without the magic number of its header: a plain binary, which boot loaders put
    /// at 0x80000.
    private func withoutHeader() throws -> String {
        guard var bytes = FileManager.default.contents(atPath: image).map([UInt8].init),
            bytes.count > 64
        else { throw ToolError("\(image): not there; run `make build`") }
        bytes.replaceSubrange(56..<60, with: [0, 0, 0, 0])
        let path = "build/kernel8.raw"
        try writeFile(bytes, to: path)
        return path
    }

    private func boot(
        _ machine: Emulator, _ name: String, _ expected: [String], _ results: inout Results
    ) throws {
        var emulator = machine
        emulator.append = [append, emulator.append].filter { !$0.isEmpty }.joined(separator: " ")
        emulator.isCounted = true
        var missing = Set(expected)
        var status = -1
        var last = ""
        var panic = PanicWatch(kernel: kernel)
        let ended = try emulator.run(interactive: false, timeout: 300) { line in
            missing = missing.filter { !line.contains($0) }
            if case .powerOff(let code) = ConsoleEvent(line: line) { status = code }
            if !line.trimmingCharacters(in: .whitespaces).isEmpty { last = line }
            return panic.take(line)
        }
        if ended && missing.isEmpty && status == 0 { return results.pass(name) }
        let fault =
            !ended
            ? "hangs"
            : status != 0 ? "status \(status)" : "does not say \(missing.joined(separator: ", "))"
        results.fail(name, "\(fault), last line: \(last)", panic.places)
    }

    private struct Results {
        let kernel: String
        var passed = 0
        var failed = 0
        var skipped = 0

        mutating func pass(_ name: String) {
            passed += 1
            say("passed  \(name)")
        }
        mutating func fail(_ name: String, _ reason: String, _ places: [String]) {
            failed += 1
            say("FAILED  \(name): \(reason)")
            for place in places { say("        \(place)") }
        }
        mutating func skip(_ name: String, _ reason: String) {
            skipped += 1
            say("skipped \(name): \(reason)")
        }
        private func say(_ text: String) {
            print("  \(text)")
            fflush(stdout)
        }
    }
}
