// `swiftlet dt check`: what the kernel would make of device trees, without a board.

import ArgumentParser
import ToolCore
import TreeReport

struct DeviceTreeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dt", abstract: "Examine device trees.", subcommands: [Check.self])

    struct Check: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Say what the kernel would make of trees; the status is 1 where it would refuse one.")

        @Argument(help: "Flattened trees (.dtb).") var files: [String]
        @Option(help: "The folder of the boards' system.toml, which say what has a driver.") var platform = "platform"
        @Flag(help: "One line for each tree.") var brief = false

        func run() throws {
            let boards = try Platform(folder: platform)
            var refused = 0
            for file in files {
                let report = TreeReport(try readFile(file))
                if report.refusal != nil { refused += 1 }
                if brief {
                    print("\(report.verdict)  \(file)")
                } else {
                    if files.count > 1 { print("\(file):") }
                    print(report.text(manifest: try boards.choice(for: report.compatible)))
                }
            }
            if refused > 0 { throw ExitCode(1) }
        }
    }
}
