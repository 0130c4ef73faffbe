// `swiftlet mark-traps`: each check of the compiler gets a number that says why it fails.

import ArgumentParser
import Foundation
import ToolCore

struct MarkTrapsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mark-traps",
        abstract:
            "Write the cause of each of the compiler's checks into its trap instruction, "
            + "in tasks' ELF files.")

    @Argument(help: "ELF files with debug information.") var files: [String]

    func run() throws {
        for path in files {
            let file = try ElfFile(path: path)
            let checks = file.checks
            if checks.isEmpty { continue }
            let found = try output(
                of: "llvm-symbolizer", ["--inlines", "--output-style=LLVM", "-e", path],
                input: checks.map { "0x\(String($0, radix: 16))\n" }.joined())
            if found.status != 0 {
                throw ToolError("\(path): llvm-symbolizer failed: \(found.text)")
            }
            let lines = SourceLines(
                addresses: checks, symbolizer: found.text, root: "", symbols: [],
                demangled: { _ in [:] })
            try writeFile(file.marked(lines), to: path)
        }
    }
}
