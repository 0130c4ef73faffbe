// `swiftlet lint-elf`: what must never be in the linked kernel and in linked tasks (the compiler
// proves it, and the ELF shows it).

import ArgumentParser
import Foundation
import ToolCore

struct LintElfCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "lint-elf",
        abstract:
            "Check the linked kernel (no floating point, no lazy globals, no heap, "
            + "sound trap paths), and tasks with it (W^X, no floating point, "
            + "no erratum of the Cortex-A53).")

    @Argument(help: "The kernel's ELF file.") var elf = "build/kernel.elf"
    @Argument(help: "Tasks' ELF files.") var tasks: [String] = []

    /// Functions that may use floating-point registers: the switch, and libfdt's boot-only parts.
    /// `$d` marks data.
    static let mayUseFloatingPoint = ["swiftlet_switch_floating_point", "fdt_", "$d"]
    /// The same of tasks: what measures it and what tests it.
    static let mayUseInTasks = [
        "bench_vector_", "bench_use_vectors", "setFloatingPoint", "changedFloatingPoint",
        "joinedFloatingPoint", "fdt_", "$d",
    ]

    func run() throws {
        let kernel = try ElfFile(path: elf)
        guard let code = try kernel.codes().first else { return }
        var paths = TrapPaths(code)
        var problems = try (kernelProblems() + follow(&paths, code)).map { "\(elf): \($0)" }
        for path in [elf] + tasks {
            problems += try everywhere(ElfFile(path: path)).map { "\(path): \($0)" }
        }
        for task in tasks {
            problems += try floatingPointUses(task, LintElfCommand.mayUseInTasks).map {
                "\(task): \($0)"
            }
        }
        for problem in problems { print(problem) }
        if !problems.isEmpty { throw ExitCode(1) }
        let text = kernel.segments.filter(\.isExecutable).reduce(0) { $0 + $1.memorySize }
        let constants = kernel.segments.filter { !$0.isExecutable && !$0.isWritable }
            .reduce(0) { $0 + $1.memorySize }
        print(
            "\(elf): no floating point, no lazy globals, no heap; "
                + "text \(text) B, constants \(constants) B")
        print(
            "\(elf): trap paths reach \(paths.functionCount) functions, "
                + "\(paths.instructionCount) instructions; "
                + "no boot code, no unknown jump, no copy above \(paths.largestCopy) B")
        print("\(tasks.count) tasks: no floating point")
        print(
            "the kernel and \(tasks.count) tasks: W^X, "
                + "no sequence of the Cortex-A53's errata 835769 and 843419")
    }

    /// What holds for the kernel and for tasks.
    private func everywhere(_ file: ElfFile) throws -> [String] {
        let open = file.segments.filter { $0.isWritable && $0.isExecutable }
        let problems = open.map {
            "a segment at 0x\(String($0.virtualAddress, radix: 16)) is writable and executable"
        }
        return problems + (try file.codes().flatMap { $0.errataSites() }.map(\.description))
    }

    private func kernelProblems() throws -> [String] {
        var problems: [String] = []
        for line in try output(of: "llvm-nm", [elf]).text.split(separator: "\n") {
            guard let name = line.split(separator: " ").last.map(String.init) else { continue }
            if name.hasSuffix("_Wz") || name.hasSuffix("_WZ") {
                problems.append("lazily initialised global: \(name)")
            }
            if TrapPaths.forbidden.contains(name) {
                problems.append("the kernel must not contain \(name)")
            }
        }
        return try problems + floatingPointUses(elf, LintElfCommand.mayUseFloatingPoint)
    }

    /// What the running kernel can execute: from the sixteen vectors, from where the idle loop
    /// takes an interrupt, and from where other cores stay.
    private func follow(_ paths: inout TrapPaths, _ code: CodeImage) -> [String] {
        guard let vectors = code.address(of: "swiftlet_vectors"),
            let idle = code.address(of: "swiftlet_idle"),
            let park = code.address(of: "swiftlet_park"),
            let runStart = code.address(of: "swiftlet_boot_text_end")
        else { return ["the kernel has no vectors, or no place for other cores"] }
        paths.follow(
            entries: (0..<16).map { vectors + 128 * $0 } + [idle, park], runStart: runStart)
        return paths.problems
    }

    /// Instructions with a v, q, d, s, h or b register outside the functions that may have them.
    private func floatingPointUses(_ elf: String, _ allowed: [String]) throws -> [String] {
        let options = ["-d", "--no-show-raw-insn", "--no-leading-addr", elf]
        let listing = try output(of: "llvm-objdump", options).text
        var function = ""
        var uses: [String: Int] = [:]
        for line in listing.split(separator: "\n") {
            if line.hasSuffix(">:"), let start = line.firstIndex(of: "<") {
                function = String(line[line.index(after: start)...].dropLast(2))
                continue
            }
            let parts = line.split(separator: "\t")
            guard parts.count >= 2 else { continue }
            let operands = parts[1].split { !$0.isLetter && !$0.isNumber && $0 != "_" }
            guard operands.contains(where: isVectorRegister) else { continue }
            if !allowed.contains(where: { function.hasPrefix($0) }) {
                uses[function, default: 0] += 1
            }
        }
        return uses.sorted { $0.key < $1.key }.map {
            "\($0.key) uses floating-point registers (\($0.value) instructions)"
        }
    }

    private func isVectorRegister(_ word: Substring) -> Bool {
        guard let first = word.first, "vqdshb".contains(first),
            let number = Int(word.dropFirst().prefix(while: \.isNumber)),
            word.dropFirst().allSatisfy(\.isNumber)
        else { return false }
        return number < 32
    }
}
