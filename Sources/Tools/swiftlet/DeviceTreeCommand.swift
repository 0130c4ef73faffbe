// `swiftlet dt check`: what the kernel would make of device trees, without a board.

import ArgumentParser
import Foundation
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
            guard let toml = FileManager.default.contents(atPath: manifest) else {
                throw ToolError("\(manifest): cannot be read")
            }
            let drivers = try drivers(toml: String(decoding: toml, as: UTF8.self))
            var refused = 0
            for file in files {
                guard let data = FileManager.default.contents(atPath: file) else {
                    throw ToolError("\(file): cannot be read")
                }
                let report = TreeReport([UInt8](data))
                if report.refusal != nil { refused += 1 }
                if brief { print("\(report.verdict)  \(file)") } else { print(report.text(drivers: drivers)) }
            }
            if refused > 0 { throw ExitCode(1) }
        }
    }
}
