// `swiftlet run`: boots an image and acts upon what it says; and how a panic of the kernel
// is followed.

import ArgumentParser
import Foundation
import ToolCore

struct RunCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run", abstract: "Boot the image on QEMU; exit with the system's status.")

    @Argument(help: "The image.") var image = "build/kernel8.img"
    @Option(
        name: .customLong("run"),
        help: "Shell commands to run, separated by `;`, instead of a terminal.")
    var commands: String?
    @Option(help: "More of the kernel's command line.") var append = ""
    @Option(
        help: "virt, or a board that QEMU has: \(Board.all.map(\.name).joined(separator: ", ")).")
    var board =
        "virt"
    @Option(help: "What is in a board's card slot; left alone.") var card: String?
    @Option(help: "Cores that the kernel runs on, 1 to 8.") var cores = 1
    @Option(help: "Memory, as QEMU writes it.") var memory = "256M"
    @Option(help: "Machine, as QEMU writes it.") var machine: String?
    @Option(help: "Processor, as QEMU writes it.") var cpu = "cortex-a53"
    @Option(help: "Seconds after which a run with --run is stopped.") var timeout = 120
    @Flag(help: "Count instructions as time: every run is the same.") var counted = false

    func run() throws {
        if let commands, commands.contains("\"") {
            throw ToolError(
                "--run: the commands stand in double quotes on the kernel's command line; use "
                    + "single ones within")
        }
        var emulator = Emulator(kernel: image)
        emulator.memory = memory
        emulator.cores = cores
        if let machine { emulator.machine = machine }
        emulator.processor = cpu
        emulator.isCounted = counted
        if board != "virt" {
            if machine != nil {
                throw ToolError(
                    "--machine \(machine ?? ""): \(board) is a machine; say one of them")
            }
            try emulator.become(board)
        }
        emulator.card = card
        let run = commands.map { "run=\"\($0)\"" } ?? ""
        emulator.append = [append, run].filter { !$0.isEmpty }.joined(separator: " ")
        var status: Int32 = 0
        var panic = PanicWatch()
        var text: [String] = []
        let isCommand = commands != nil
        let limit = isCommand ? timeout : nil
        let ended = try emulator.run(interactive: true, timeout: limit) { line in
            if case .powerOff(let code) = ConsoleEvent(line: line) {
                status = Int32(truncatingIfNeeded: code)
            }
            if isCommand { text.append(line) }
            return panic.take(line)
        }
        try panic.check()
        var symbolicator = Symbolicator()
        for place in text.flatMap({ symbolicator.places($0) }) { print("  \(place)") }
        if !ended { throw ToolError("the system did not power off within \(timeout) s") }
        throw ExitCode(status)
    }
}

/// Follows the console for a panic of the kernel.
struct PanicWatch {
    private(set) var hasPanicked = false
    /// What stands at the report's addresses.
    private(set) var places: [String] = []
    private var symbolicator: Symbolicator

    init(kernel: String = "build/kernel.elf") { symbolicator = Symbolicator(kernel: kernel) }

    /// Takes a line; false when the kernel has halted.
    mutating func take(_ line: String) -> Bool {
        switch ConsoleEvent(line: line) {
        case .panic: hasPanicked = true
        case .halted: return false
        default: if hasPanicked { places += symbolicator.places(line) }
        }
        return true
    }

    /// - Throws: after a panic, `PanicWatch.status`; the places go to the output before.
    func check() throws {
        if !hasPanicked { return }
        for place in places { print("  \(place)") }
        throw ExitCode(PanicWatch.status)
    }
    /// The exit status of a run that ended in a panic: an internal error, as sysexits(3) has it.
    static let status: Int32 = 70
}
