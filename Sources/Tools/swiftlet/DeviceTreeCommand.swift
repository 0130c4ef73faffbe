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
        @Option(help: "The board's manifest, which says what has a driver.") var manifest =
            "platform/virt/system.toml"
        @Flag(help: "One line for each tree.") var brief = false

        func run() throws {
            let toml = String(decoding: try readFile(manifest), as: UTF8.self)
            let known = try within(manifest) { try drivers(toml: toml) }
            var refused = 0
            for file in files {
                let report = TreeReport(try readFile(file))
                if report.refusal != nil { refused += 1 }
                if brief {
                    print("\(report.verdict)  \(file)")
                } else {
                    if files.count > 1 { print("\(file):") }
                    print(report.text(drivers: known))
                }
            }
            if refused > 0 { throw ExitCode(1) }
        }
    }
}
