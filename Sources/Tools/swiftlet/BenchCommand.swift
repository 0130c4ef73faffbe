// `swiftlet bench`: runs the benchmark task, keeps what it measured, and draws it.

import ArgumentParser
import Foundation
import ToolCore

struct BenchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench", abstract: "Run the benchmark task and write its figures.")

    @Argument(help: "The image.") var image = "build/bench.img"
    @Option(help: "Which rows: all, quick, or the beginning of rows' names.") var rows = "all"
    @Option(help: "Where to write the figures.") var output = "build/bench"
    @Option(help: "The script that draws them.") var plot = "Sources/Tools/plot/histograms.py"
    @Option(help: "Seconds after which a run that hangs is stopped.") var timeout = 600

    func run() throws {
        let (report, text) = try measure()
        try writeFile(Array(text.utf8), to: "\(output)/bench.txt")
        try writeFile(Array(try report.json().utf8), to: "\(output)/bench.json")
        try? FileManager.default.removeItem(atPath: "\(output)/histograms")
        for row in report.rows {
            try writeFile(Array(row.cyclictestText.utf8), to: "\(output)/histograms/\(row.name).txt")
        }
        if !report.isComplete { throw ToolError("the benchmark did not come to its end: see \(output)/bench.txt") }
        if report.rows.isEmpty { throw ToolError("no row begins with \(rows)") }
        try draw()
        for note in report.notes { print(note) }
        print("\(output)/bench.txt, bench.json, bench.svg, bench.png, histograms/ROW.txt")
        print(report.summary)
    }

    /// Runs the benchmark and prints its rows as they come.
    private func measure() throws -> (BenchReport, String) {
        var emulator = Emulator(kernel: image)
        emulator.machine = "virt"
        emulator.memory = "1024M"
        emulator.append = "bench=\(rows)"
        emulator.isCounted = true
        var report = BenchReport()
        var text = ""
        var panic = PanicWatch(kernel: "build/bench/kernel.elf")
        print(BenchReport.tableHead)
        _ = try emulator.run(interactive: false, timeout: timeout) { line in
            let line = line.replacingOccurrences(of: "\r", with: "")
            if !line.isEmpty && !line.hasPrefix("#.") { text += line + "\n" }
            if let row = report.add(line: line) { print(row.tableLine) }
            fflush(stdout)
            return panic.take(line)
        }
        try panic.check()
        return (report, text)
    }

    private func draw() throws {
        let process = Process()
        // Debian's own interpreter: it is the one that sees Debian's plotting library.
        process.executableURL = URL(fileURLWithPath: "/usr/bin/python3")
        process.arguments = [plot, "\(output)/bench.json", "\(output)/bench"]
        try process.run()
        process.waitUntilExit()
        if process.terminationStatus != 0 { throw ToolError("\(plot) failed; run `make deps`") }
    }
}
