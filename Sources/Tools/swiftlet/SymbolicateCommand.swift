// `swiftlet symbolicate`: a panic's or a fault report's addresses become functions, files and lines.

import ArgumentParser
import Foundation
import ToolCore

struct SymbolicateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "symbolicate", abstract: "Read a panic or fault report and name its addresses.")

    @Argument(help: "The report; left out: standard input.") var report: String?
    @Option(help: "The ELF file with symbols: the kernel's, or a task's.") var elf = "build/kernel.elf"

    func run() throws {
        let data: Data
        if let report {
            guard let contents = FileManager.default.contents(atPath: report) else {
                throw ToolError("\(report): cannot be read")
            }
            data = contents
        } else {
            data = FileHandle.standardInput.readDataToEndOfFile()
        }
        guard FileManager.default.fileExists(atPath: elf) else {
            throw ToolError("\(elf): not there; run `make build`")
        }
        print(symbolicate(String(decoding: data, as: UTF8.self), elf: elf))
    }
}

/// The report with each address within the ELF file's code followed by what stands there.
func symbolicate(_ report: String, elf path: String) -> String {
    guard let elf = try? ElfFile(path: path) else { return report }
    let code = elf.segments.filter(\.isExecutable)
    var lines: [String] = []
    for line in report.split(separator: "\n", omittingEmptySubsequences: false) {
        lines.append(String(line))
        for word in line.split(whereSeparator: { !$0.isHexDigit && $0 != "x" }) where word.hasPrefix("0x") {
            guard let address = UInt64(word.dropFirst(2), radix: 16),
                code.contains(where: {
                    address >= $0.virtualAddress && address - $0.virtualAddress < UInt64($0.memorySize)
                }),
                let found = try? output(
                    of: "llvm-symbolizer",
                    ["--inlines", "--demangle", "--pretty-print", "-e", path, "0x\(String(address, radix: 16))"])
            else { continue }
            for place in found.text.split(separator: "\n") { lines.append("    \(word): \(place)") }
        }
    }
    return lines.joined(separator: "\n")
}
