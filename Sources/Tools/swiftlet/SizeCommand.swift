// `swiftlet size`: what the kernel and the tasks take.

import ArgumentParser
import ToolCore

struct SizeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "size", abstract: "Bytes of code, constants and data of ELF files.")

    @Argument(help: "ELF files.") var files: [String]

    func run() throws {
        print("     TEXT  CONSTANTS       DATA  FILE")
        for path in files {
            let segments = try ElfFile(path: path).segments
            let text = segments.filter(\.isExecutable)
            let constants = segments.filter { !$0.isExecutable && !$0.isWritable }
            let data = segments.filter(\.isWritable)
            let sizes = [text, constants, data].map { $0.reduce(0) { $0 + $1.memorySize } }
            let columns = zip(sizes, [9, 9, 9]).map { size, width in
                String(repeating: " ", count: max(0, width - String(size).count)) + String(size)
            }
            print(columns.joined(separator: "  ") + "  \(path)")
        }
    }
}
