// The host command: packs images, boots them on QEMU, runs the target's tests and benchmark,
// reads panics.

import ArgumentParser
import Foundation
import ToolCore

@main
struct Swiftlet: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "swiftlet",
        abstract: "Build images of the Swiftlet system, run and examine them.",
        subcommands: [
            BundleCommand.self, ImageCommand.self, RunCommand.self, TestTargetCommand.self,
            StressCommand.self, TestSystemCommand.self, MatrixCommand.self, MarkTrapsCommand.self,
            BenchCommand.self,
            SymbolicateCommand.self, LintElfCommand.self, WcetCommand.self, SizeCommand.self,
            DeviceTreeCommand.self,
        ])
}

/// Run a program to its end and return what it printed.
func output(of program: String, _ arguments: [String], input: String? = nil) throws -> (
    status: Int32, text: String
) {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = [program] + arguments
    let out = Pipe()
    process.standardOutput = out
    process.standardError = out
    if let input {
        let pipe = Pipe()
        process.standardInput = pipe
        try process.run()
        // Beside the reading below: neither pipe holds as much as a program may be given or say.
        let end = pipe.fileHandleForWriting
        Thread.detachNewThread {
            try? end.write(contentsOf: Data(input.utf8))
            try? end.close()
        }
    } else {
        process.standardInput = FileHandle.nullDevice
        try process.run()
    }
    let data = out.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: data, as: UTF8.self))
}

func readFile(_ path: String) throws -> [UInt8] {
    guard let data = FileManager.default.contents(atPath: path) else {
        throw ToolError("\(path): cannot be read")
    }
    return [UInt8](data)
}

func writeFile(_ bytes: [UInt8], to path: String) throws {
    do {
        try FileManager.default.createDirectory(
            at: URL(fileURLWithPath: path).deletingLastPathComponent(),
            withIntermediateDirectories: true)
        try Data(bytes).write(to: URL(fileURLWithPath: path))
    } catch { throw ToolError("\(path): cannot be written: \(error.localizedDescription)") }
}

/// Compiles a tree's source, with its labels, as overlays need them.
/// - Returns: the path of what dtc wrote.
func compileTree(_ source: String) throws -> String {
    let compiled = "build/\(URL(fileURLWithPath: source).lastPathComponent).dtb"
    // Tests that run side by side compile the same trees: each reads a whole one.
    let draft = "\(compiled).\(getpid())"
    let arguments = ["-q", "-@", "-I", "dts", "-O", "dtb", "-o", draft, source]
    let dtc = try output(of: "dtc", arguments)
    if dtc.status != 0 { throw ToolError("\(source): \(dtc.text)") }
    if rename(draft, compiled) != 0 { throw ToolError("\(compiled): cannot be written") }
    return compiled
}
