// `swiftlet bundle` and `swiftlet image`: root task, tasks and manifests become a bundle, kernel
// and bundle become one file.

import ArgumentParser
import Foundation
import ServiceCores
import ToolCore

struct BundleCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bundle", abstract: "Pack the root task, tasks and the boards' manifests.")

    @Option(help: "The root task's ELF file.") var root: String
    @Option(help: "A further entry of the bundle: NAME=FILE.") var entry: [String] = []
    @Option(
        help: """
            The folder of system.toml and */system.toml, which become an entry `manifest.BOARD` \
            each.
            """)
    var platform: String?
    @Option(help: "A further system.toml with tasks for every board.") var tasks: [String] = []
    @Option(help: "A list of services' methods, by which system.toml names rights.")
    var methods: [String] = []
    @Option(name: .shortAndLong, help: "The bundle to write.") var output: String

    func run() throws {
        var writer = BundleWriter(root: try ElfFile(path: root))
        for pair in entry {
            let parts = pair.split(separator: "=", maxSplits: 1).map(String.init)
            guard parts.count == 2 else { throw ToolError("--entry \(pair): not NAME=FILE") }
            writer.entries.append((parts[0], try readFile(parts[1])))
        }
        if let platform {
            let files = try Platform(folder: platform, more: tasks)
            try files.checkMemory(entries: writer.entries)
            for warning in files.warnings {
                FileHandle.standardError.write(Data("warning: \(warning)\n".utf8))
            }
            let manifests = try files.manifests(
                binaries: writer.entries.map(\.name), methods: try MethodList(files: methods))
            for (board, bytes) in manifests {
                writer.entries.append(("\(Manifest.entryName).\(board)", bytes))
            }
        }
        try writeFile(try within(root) { try writer.pack() }, to: output)
    }
}

struct ImageCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "image", abstract: "Put kernel and bundle into one file to load or flash.")

    @Option(help: "The kernel's ELF file.") var kernel: String
    @Option(help: "The bundle.") var bundle: String
    @Option(name: .shortAndLong, help: "The image to write.") var output: String

    func run() throws {
        let packed = try readFile(bundle)
        let elf = try ElfFile(path: kernel)
        let image = try within(kernel) { try makeImage(kernel: elf, bundle: packed) }
        try writeFile(image, to: output)
        print("\(output): \(image.count) bytes, of which the bundle \(packed.count)")
    }
}
