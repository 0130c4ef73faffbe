// `swiftlet bench`: runs the benchmark task, keeps what it measured, and draws it.

import ArgumentParser
import Foundation
import ToolCore

struct BenchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench", abstract: "Run the benchmark task and write its figures.")

    @Argument(help: "The image with the kernel as it is shipped.") var image = "build/bench.img"
    @Option(
        help: """
            The image with the kernel that records its masked paths: it adds the rows that the \
            other cannot tell.
            """)
    var recording = "build/bench-recording.img"
    @Option(help: "Where: virt, or a board that QEMU has: rpi3, rpi4.") var board = "virt"
    @Option(help: "Which rows: all, quick, or the beginning of rows' names.") var rows = "all"
    @Option(help: "On how many cores: numbers from 1 to 8, one run for each.") var cores = "1"
    @Option(help: "The core of what is measured; the others are the other ones.") var core = 0
    @Option(help: "Where to write the figures.") var output = "build/bench"
    @Option(
        help: """
            The proven bounds of the kernel's entries, where they are known: lines of name, tab, \
            bound.
            """)
    var bounds = "build/wcet.tsv"
    @Option(help: "The script that draws them.") var plot = "Sources/Tools/plot/histograms.py"
    @Option(help: "Seconds after which a run that hangs is stopped.") var timeout = 600

    func run() throws {
        let counts = try countsOfCores()
        var machine = try emulator()
        print(BenchReport.tableHead)
        var report = BenchReport()
        for count in counts {
            machine.cores = count
            if count > 1 {
                try measure(machine, image, "bench-\(count)-cores", into: &report)
                continue
            }
            try measure(machine, image, "bench", into: &report)
            try measure(machine, recording, "bench-recording", into: &report)
        }
        if let text = try? String(contentsOfFile: bounds, encoding: .utf8) {
            report.setBounds(text)
        }
        if report.rows.isEmpty { throw ToolError("no row begins with \(rows)") }
        try writeFile(Array(try report.json().utf8), to: "\(output)/bench.json")
        try? FileManager.default.removeItem(atPath: "\(output)/histograms")
        for row in report.rows {
            try writeFile(
                Array(row.cyclictestText.utf8), to: "\(output)/histograms/\(row.name).txt")
        }
        try draw()
        for line in report.maskedLines { print(line) }
        for line in report.treeLines { print(line) }
        if !report.entries.isEmpty {
            for line in report.entryLines { print(line) }
        }
        for note in report.notes { print(note) }
        print(
            "\(output): bench.txt, bench-recording.txt, bench-N-cores.txt, bench.json, bench.svg, "
                + "bench.png, histograms/ROW.txt")
        for line in report.digest { print(line) }
        print(report.summary)
    }

    private func countsOfCores() throws -> [Int] {
        let numbers = cores.split(separator: " ").map { Int($0) }
        let counts = numbers.compactMap { $0 }.filter { (1...8).contains($0) }
        if counts.isEmpty || counts.count < numbers.count {
            throw ToolError("--cores \(cores): numbers from 1 to 8 stand there")
        }
        if core < 0 || core >= counts.min() ?? 0 {
            throw ToolError("--core \(core): not one of the cores that run (CORES=\(cores))")
        }
        return counts
    }

    /// The machine, without an image.
    private func emulator() throws -> Emulator {
        var emulator = Emulator(kernel: "")
        emulator.append = "bench=\(rows)" + (core > 0 ? " core=\(core)" : "")
        emulator.isCounted = true
        if board == "virt" {
            emulator.machine = "virt"
            emulator.memory = "1024M"
        } else {
            try emulator.become(board)
        }
        return emulator
    }

    /// Runs the benchmark, prints the rows that it adds as they come, and keeps its text as
    /// `name`.txt. The kernel lies beside its image.
    private func measure(
        _ machine: Emulator, _ image: String, _ name: String, into report: inout BenchReport
    ) throws {
        var emulator = machine
        emulator.kernel = image
        var run = BenchReport()
        var text = ""
        let known = report
        var panic = PanicWatch(kernel: image.replacing(".img", with: ".elf"))
        _ = try emulator.run(interactive: false, timeout: timeout) { line in
            // A board's power is not the kernel's to switch off.
            if run.hasEnded { return false }
            let line = line.replacingOccurrences(of: "\r", with: "")
            if !line.isEmpty && !line.hasPrefix("#.") { text += line + "\n" }
            if let row = run.add(line: line), !known.contains(row.name) { print(row.tableLine) }
            fflush(stdout)
            return panic.take(line) && !run.hasEnded
        }
        try writeFile(Array(text.utf8), to: "\(output)/\(name).txt")
        try panic.check()
        if !run.isComplete {
            throw ToolError("the benchmark did not come to its end: see \(output)/\(name).txt")
        }
        report.add(run)
    }

    private func draw() throws {
        let process = Process()
        // Debian's own interpreter: it is the one that sees Debian's plotting library.
        process.executableURL = URL(fileURLWithPath: "/usr/bin/python3")
        process.arguments = [plot, "\(output)/bench.json", "\(output)/bench"]
        try process.run()
        process.waitUntilExit()
        if process.terminationStatus != 0 {
            throw ToolError("\(plot) failed; `make bench` installs what it needs")
        }
    }
}
