// `swiftlet image`: kernel, root task, tasks and manifest become one file.

import ArgumentParser
import Foundation
import ToolCore

struct ImageCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "image", abstract: "Pack kernel and bundle into one file to load or flash.")

    @Option(help: "The kernel's ELF file.") var kernel: String
    @Option(help: "The root task's ELF file.") var root: String
    @Option(help: "A further entry of the bundle: NAME=FILE.") var entry: [String] = []
    @Option(help: "The system.toml to encode as entry `manifest`.") var manifest: String?
    @Option(name: .shortAndLong, help: "The image to write.") var output: String
    @Option(help: "Write the bundle alone as well (an ELF kernel is loaded with it).") var bundle: String?

    func run() throws {
        let kernel = try ElfFile(path: kernel)
        var writer = BundleWriter(root: try ElfFile(path: root))
        for pair in entry {
            let parts = pair.split(separator: "=", maxSplits: 1).map(String.init)
            guard parts.count == 2 else { throw ToolError("--entry \(pair): not NAME=FILE") }
            writer.entries.append((parts[0], try readFile(parts[1])))
        }
        if let manifest {
            let toml = String(decoding: try readFile(manifest), as: UTF8.self)
            let encoded = try within(manifest) { try encodeManifest(toml: toml, binaries: writer.entries.map(\.name)) }
            writer.entries.append(("manifest", encoded))
        }
        let packed = try within(root) { try writer.pack() }
        let image = try within(self.kernel) { try makeImage(kernel: kernel, bundle: packed) }
        try writeFile(image, to: output)
        if let bundle { try writeFile(packed, to: bundle) }
        print("\(output): \(image.count) bytes, of which the bundle \(packed.count)")
    }
}
