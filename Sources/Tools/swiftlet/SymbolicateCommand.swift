// `swiftlet symbolicate`: a panic's or a fault report's addresses become functions, files
// and lines.

import ArgumentParser
import Foundation
import ToolCore

struct SymbolicateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "symbolicate",
        abstract: "Read a console's text, and name the addresses of panics and faults.")

    @Argument(help: "The text; left out: standard input, line by line.") var report: String?
    @Option(help: "The kernel's ELF file.") var kernel = "build/kernel.elf"
    @Option(help: "Where the tasks' ELF files are.") var tasks = "build/tasks"
    @Option(help: "The folder of the boards' system.toml, which say which task is which file.")
    var platform =
        "platform"
    @Option(help: "A further system.toml with tasks for every board.") var more: [String] = []

    func run() throws {
        guard FileManager.default.fileExists(atPath: kernel) else {
            throw ToolError("\(kernel): not there; run `make build`")
        }
        _ = try ElfFile(path: kernel)
        var symbolicator = Symbolicator(
            kernel: kernel, tasks: tasks, platform: platform, more: more)
        if let report {
            // A carriage return and a line feed are one character.
            let text = String(decoding: try readFile(report), as: UTF8.self)
            for line in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline) {
                symbolicator.show(String(line))
            }
        } else {
            while let line = readLine() { symbolicator.show(line) }
        }
    }
}

/// Follows a console and looks addresses up.
struct Symbolicator {
    private var report = FaultReport()
    private let kernel: String
    private let tasks: String
    /// Task to binary.
    private let binaries: [String: String]

    init(
        kernel: String = "build/kernel.elf", tasks: String = "build/tasks",
        platform: String = "platform", more: [String] = []
    ) {
        self.kernel = kernel
        self.tasks = tasks
        var binaries = (try? Platform(folder: platform, more: more).taskBinaries) ?? [:]
        binaries["root"] = "RootTask"
        self.binaries = binaries
    }

    /// Prints a line, and below it what stands at its addresses.
    mutating func show(_ line: String) {
        print(line)
        for place in places(line) { print("    \(place)") }
        fflush(stdout)
    }

    /// What stands at the addresses of the next line: the label, the address, and the function with
    /// its file and line; the functions that it was inlined into follow.
    mutating func places(_ line: String) -> [String] {
        var places: [String] = []
        for address in report.read(line) {
            let file =
                address.isKernel
                ? kernel : report.task.flatMap { binaries[$0] }.map { "\(tasks)/\($0).elf" }
            guard let file, let elf = try? ElfFile(path: file), elf.holdsCode(address.place) else {
                continue
            }
            for (index, place) in lookUp(address.place, in: file).enumerated() {
                places.append(
                    index == 0
                        ? "\(address.label) \(address.text): \(place)" : "  inlined into \(place)")
            }
        }
        return places
    }

    private func lookUp(_ address: UInt64, in file: String) -> [String] {
        let arguments = [
            "--inlines", "--output-style=JSON", "-e", file, "0x\(String(address, radix: 16))",
        ]
        guard let found = try? output(of: "llvm-symbolizer", arguments), found.status == 0,
            let entries = try? JSONDecoder().decode([Entry].self, from: Data(found.text.utf8))
        else { return ["(llvm-symbolizer, a part of the Swift toolchain, cannot be run)"] }
        let here = FileManager.default.currentDirectoryPath + "/"
        return entries.flatMap { $0.Symbol ?? [] }.map { symbol in
            let name = demangle(symbol.FunctionName)
            if symbol.Line == 0 { return name }
            let path =
                symbol.FileName.hasPrefix(here)
                ? String(symbol.FileName.dropFirst(here.count)) : symbol.FileName
            return "\(name) at \(path):\(symbol.Line)"
        }
    }

    /// Embedded Swift's names start with $e; without the tool they stay as they are.
    private func demangle(_ name: String) -> String {
        guard name.hasPrefix("$"),
            let found = try? output(of: "swift-demangle", ["--simplified", "--compact", name]),
            found.status == 0
        else { return name }
        return found.text.trimmingCharacters(in: .whitespacesAndNewlines)
    }

    /// llvm-symbolizer's JSON.
    private struct Entry: Decodable {
        var Symbol: [Function]?
    }
    private struct Function: Decodable {
        var FunctionName: String
        var FileName: String
        var Line: Int
    }
}
