// `swiftlet wcet`: the longest path of each kernel entry with interrupts masked, from the linked
// kernel.

import ArgumentParser
import Foundation
import ToolCore

struct WcetCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "wcet",
        abstract: "Bound the longest masked section of every kernel entry, from the linked kernel."
    )

    @Argument(help: "The kernel's ELF file.") var elf = "build/kernel.elf"
    @Option(help: "Folders of the kernel's sources.") var sources = [
        "Sources/Kernel", "Sources/Shared",
    ]
    @Option(
        help: "The same kernel that records its sections, an ELF file: also measure each entry.")
    var recording: String?
    @Option(help: "The benchmark's image with that kernel.") var image = "build/bench-recording.img"
    @Option(help: "The rows of the benchmark that reach the longest sections.") var rows = [
        "quick", "sweep.", "together.", "chain.15.", "traced.",
    ]
    @Option(help: "Where the bounds go with those of the recording kernel, one entry a line.")
    var list = "build/wcet.tsv"
    @Flag(help: "Print the table for docs/realtime.md.") var markdown = false
    @Flag(help: "Show each loop of the kernel's code, and its bound.") var loops = false
    @Flag(help: "With --entry, --markdown and --loops: the kernel on several cores.")
    var severalCores = false
    @Flag(help: "The same: the kernel after a budget was set.") var budgets = false
    @Option(help: "Show the longest path of this entry in full.") var entry: String?

    func run() throws {
        let mode: KernelMode = severalCores ? .severalCores : budgets ? .budgets : .oneCore
        let (paths, report) = try bounds(elf, .masked, mode)
        if let entry {
            guard let bound = report.rows.first(where: { $0.name == entry })
            else { throw ToolError("no entry \(entry)") }
            for line in bound.path.listing() { print(line) }
            return
        }
        if loops {
            for (address, loop) in paths.loopTable.sorted(by: { $0.key < $1.key }) {
                print(
                    "\(loop.bound)\t\(loop.place)\t"
                        + "0x\(String(address, radix: 16)) of \(paths.name(address))")
            }
            return
        }
        for line in markdown ? report.markdown : report.table { print(line) }
        for (function, reason) in paths.excludedPaths.sorted(by: { $0.key < $1.key }) {
            print("without \(function): \(reason)")
        }
        var errors = report.excesses
        if mode == .oneCore && !markdown {
            for (title, mode) in [
                ("several cores", KernelMode.severalCores), ("budgets", .budgets),
            ] {
                print("with \(title):")
                let other = try bounds(elf, .masked, mode).report
                for line in other.table { print(line) }
                errors += other.excesses.map { "\(title): \($0)" }
            }
        }
        if let recording { errors += try compare(report, recording) }
        if !errors.isEmpty {
            for error in errors { print("error: \(error)") }
            throw ExitCode(1)
        }
    }

    private func bounds(
        _ elf: String, _ sections: LongestPaths.Sections, _ mode: KernelMode = .oneCore
    ) throws -> (paths: LongestPaths, report: BoundReport) {
        let kernel = try ElfFile(path: elf)
        guard let image = try kernel.codes().first else { throw ToolError("\(elf): no code") }
        let code = try KernelCode(
            image, constants: try KernelConstants(kernel, image, mode))
        let lines = try symbolize(elf, image)
        let sources = try SourceLoops(sourceFiles())
        let paths = LongestPaths(
            code, lines: lines, sources: sources, sections: sections,
            isShared: mode == .severalCores)
        let report = BoundReport(
            try paths.bounds(), wakes: try paths.wakes(),
            lock: mode == .severalCores ? try lock(code, lines, sources) : nil, goals: mode.goals)
        for problem in paths.problems { print("error: \(problem)") }
        if !paths.problems.isEmpty { throw ExitCode(1) }
        return (paths, report)
    }

    private func lock(
        _ code: KernelCode, _ lines: SourceLines, _ sources: SourceLoops
    ) throws -> LockBound {
        func paths(_ sections: LongestPaths.Sections) -> LongestPaths {
            LongestPaths(code, lines: lines, sources: sources, sections: sections, isShared: true)
        }
        let waiting = paths(.waiting)
        return LockBound(
            held: try paths(.held).bounds().first, handOver: paths(.passing).handOver(),
            round: waiting.waitingRound(), wakes: try waiting.wakes())
    }

    /// Prints what the benchmark measures of each entry beside the bound of what is recorded.
    ///
    /// - Returns: what is wrong.
    private func compare(_ report: BoundReport, _ recording: String) throws -> [String] {
        let text = report.list(beside: try bounds(recording, .recorded).report)
        try writeFile(Array(text.utf8), to: list)
        var measured = BenchReport()
        for rows in rows { measured.noteLongest(try measure(rows, recording).entries) }
        measured.setBounds(text, isWhole: true)
        measured.entries.removeAll { KernelGoals.ofBudgets.contains($0.entry) }
        for line in measured.entryLines { print(line) }
        for (entry, reason) in KernelGoals.loose { print("loose: \(entry): \(reason)") }
        // These rows are not meant to reach the longest sections of the other entries.
        let withBudget = try measuredWithBudget(recording)
        print("with a budget:")
        for line in withBudget.entryLines { print(line) }
        return (measured.entries + withBudget.entries).compactMap(\.objection)
    }

    /// What the rows of budgets measure of their own entries, and of others that exceed their
    /// bound.
    private func measuredWithBudget(_ recording: String) throws -> BenchReport {
        let bounds = try bounds(recording, .recorded, .budgets).report
        var measured = BenchReport()
        measured.noteLongest(try measure("budget.", recording).entriesWithBudget)
        measured.setBounds(bounds.list(beside: bounds), isWhole: true)
        measured.entries.removeAll {
            !KernelGoals.ofBudgets.contains($0.entry) && $0.measured <= $0.bound ?? 0
        }
        return measured
    }

    private func measure(_ rows: String, _ recording: String) throws -> BenchReport {
        var emulator = Emulator(kernel: image)
        emulator.machine = "virt"
        emulator.memory = "1024M"
        emulator.append = "bench=\(rows)"
        emulator.isCounted = true
        var run = BenchReport()
        var panic = PanicWatch(kernel: recording)
        _ = try emulator.run(interactive: false, timeout: 300) { line in
            if run.hasEnded { return false }
            _ = run.add(line: line.replacingOccurrences(of: "\r", with: ""))
            return panic.take(line) && !run.hasEnded
        }
        try panic.check()
        if !run.isComplete { throw ToolError("the rows \(rows) did not come to their end") }
        return run
    }

    private func sourceFiles() throws -> [(path: String, text: String)] {
        var files: [(path: String, text: String)] = []
        for folder in sources {
            guard let walk = FileManager.default.enumerator(atPath: folder) else {
                throw ToolError("\(folder): not there")
            }
            for case let name as String in walk
            where [".swift", ".c", ".S", ".inc", ".h"].contains(where: name.hasSuffix) {
                let path = "\(folder)/\(name)"
                files.append((path, String(decoding: try readFile(path), as: UTF8.self)))
            }
        }
        return files
    }

    private func symbolize(_ elf: String, _ image: CodeImage) throws -> SourceLines {
        let addresses = Array(
            stride(from: image.range.lowerBound, to: image.range.upperBound, by: 4))
        let text = addresses.map { "0x\(String($0, radix: 16))" }.joined(separator: "\n")
        let found = try output(of: "llvm-symbolizer", ["--inlines", "-e", elf], input: text)
        if found.status != 0 {
            throw ToolError("llvm-symbolizer, a part of the Swift toolchain, cannot be run")
        }
        return SourceLines(
            addresses: addresses, symbolizer: found.text,
            root: FileManager.default.currentDirectoryPath,
            symbols: image.functionNames, demangled: demangled)
    }

    private func demangled(_ names: Set<String>) -> [String: String] {
        let list = names.sorted()
        guard
            let found = try? output(
                of: "swift-demangle", ["--simplified", "--compact"],
                input: list.joined(separator: "\n"))
        else { return [:] }
        let readable = found.text.split(separator: "\n").map { name in
            var name = String(name)
            for noise in ["specialized ", "Kernel<>.", "EntryMode.", "static "] {
                name = name.replacingOccurrences(of: noise, with: "")
            }
            return name
        }
        return Dictionary(zip(list, readable), uniquingKeysWith: { first, _ in first })
    }
}

/// The read-only memory of the linked kernel.
struct KernelConstants: ConstantMemory {
    private let kernel: ElfFile
    /// Addresses that code forms, in order.
    private let formed: [UInt64]

    /// The addresses that the linker resolved: nobody writes them.
    private let resolved: Range<UInt64>

    /// The byte that tells whether the kernel runs on several cores. The next one tells whether a
    /// budget was set.
    private let flags: UInt64
    private let mode: KernelMode

    init(_ kernel: ElfFile, _ image: CodeImage, _ mode: KernelMode) throws {
        self.kernel = kernel
        guard let start = try kernel.address(of: "swiftlet_got_start"),
            let end = try kernel.address(of: "swiftlet_got_end"),
            let flags = try kernel.address(of: "swiftlet_is_shared")
        else { throw ToolError("the kernel has no table of addresses") }
        self.flags = flags
        self.mode = mode
        resolved = start..<max(start, end)
        formed = image.formedAddresses()
    }
    func read(_ address: UInt64, _ bytes: Int) -> UInt64? {
        if address == flags && bytes == 1 { return mode == .severalCores ? 1 : 0 }
        if address == flags + 1 && bytes == 1 { return mode == .budgets ? 1 : 0 }
        for segment in kernel.segments where !segment.isWritable || resolved.contains(address) {
            guard address >= segment.virtualAddress,
                address + UInt64(bytes) <= segment.virtualAddress + UInt64(segment.fileSize)
            else { continue }
            return kernel.bytes.number(
                segment.offset + Int(address - segment.virtualAddress), bytes)
        }
        return nil
    }
    func end(of base: UInt64) -> UInt64 {
        formed.first { $0 > base } ?? ~0
    }
}
