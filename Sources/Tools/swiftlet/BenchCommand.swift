// `swiftlet bench`: runs the benchmark task, keeps what it measured, and draws it.

import ArgumentParser
import Foundation
import ToolCore

struct BenchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench", abstract: "Run the benchmark task and write its figures.")

    @Argument(help: "The image.") var image = "build/kernel8.img"
    @Option(help: "Which rows: all, quick, or one row's name.") var rows = "all"
    @Option(help: "Where to write the figures.") var output = "build/bench"
    @Option(help: "Seconds after which a run that hangs is stopped.") var timeout = 900

    func run() throws {
        var emulator = Emulator(kernel: image)
        emulator.machine = "virt"
        emulator.memory = "1024M"
        emulator.append = "bench=\(rows)"
        emulator.isCounted = true
        var text: [String] = []
        var isInside = false
        var hasEnded = false
        var panic = PanicWatch(kernel: "build/bench/kernel.elf")
        let ended = try emulator.run(interactive: false, timeout: timeout) { line in
            let line = line.replacingOccurrences(of: "\r", with: "")
            if line == "# bench begin" { isInside = true }
            // Lines of the console's load are no figures.
            if isInside && !line.isEmpty && !line.hasPrefix("#.") { text.append(line) }
            if line == "# bench end" {
                isInside = false
                hasEnded = true
            }
            if let name = line.split(separator: " ").last, line.hasPrefix("# Row: ") { print("  \(name)") }
            fflush(stdout)
            return panic.take(line)
        }
        try panic.check()
        if !ended || !hasEnded { throw ToolError("the benchmark did not come to its end") }
        let joined = text.joined(separator: "\n") + "\n"
        let report = BenchReport(text: joined)
        if report.rows.isEmpty { throw ToolError("no row's name starts with \(rows)") }
        try writeFile(Array(joined.utf8), to: "\(output)/bench.txt")
        try writeFile(Array(try report.json().utf8), to: "\(output)/bench.json")
        print(report.table)
        for note in report.notes { print(note) }
        print("\(output)/bench.txt\n\(output)/bench.json")
    }
}
