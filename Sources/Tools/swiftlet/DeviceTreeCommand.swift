// `swiftlet dt check`: what the kernel would make of device trees, without a board.

import ArgumentParser
import ToolCore
import TreeReport

struct DeviceTreeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dt", abstract: "Examine device trees.", subcommands: [Check.self])

    struct Check: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract:
                "Say what the kernel would make of trees; "
                + "the status is 1 where it would refuse one.")

        @Argument(help: "Flattened trees (.dtb).") var files: [String]
        @Option(help: "The folder of the boards' system.toml, which say what has a driver.")
        var platform = "platform"
        @Flag(help: "One line for each tree.") var brief = false

        func run() throws {
            let boards = try Platform(folder: platform)
            var refused = 0
            for file in files {
                let report = try TreeReport(try readFile(file)) { root in
                    try board(for: root, in: boards)
                }
                if report.refusal != nil { refused += 1 }
                if brief {
                    print("\(report.verdict)  \(file)")
                } else {
                    if files.count > 1 { print("\(file):") }
                    print(report.text)
                }
            }
            if refused > 0 { throw ExitCode(1) }
        }
    }
}

/// The manifest for a tree's root, as far as the report needs it.
private func board(for root: [String], in platform: Platform) throws -> TreeReport.Board? {
    guard let choice = try platform.choice(for: root) else { return nil }
    let drivers = choice.drivers.map { driver in
        TreeReport.Driver(
            name: text(driver.name.bytes), compatible: driver.compatible.map { text($0.bytes) },
            registers: Int(driver.registerCount), interrupts: Int(driver.interruptCount),
            sharesPage: driver.sharesPage)
    }
    return TreeReport.Board(name: choice.board, isFallback: choice.isFallback, drivers: drivers)
}

private func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
