// `swiftlet test-system`: boots the whole system for each dialogue of the given files,
// and holds it.

import ArgumentParser
import Foundation
import ToolCore

struct TestSystemCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "test-system",
        abstract: "Boot the system for each dialogue, type, and compare what it says.")

    @Argument(
        help: """
            Files of dialogues (Sources/Tools/ToolCore/Dialogue.swift says how they look), and \
            pages whose examples are dialogues (Dialogue+Examples.swift).
            """) var files: [String]
    @Option(help: "The image.") var image = "build/kernel8.img"
    @Option(help: "The same kernel as an ELF file.") var kernel = "build/kernel.elf"
    @Option(help: "A further system.toml with tasks of the tests' images.") var tasks: [String] = []
    @Option(help: "Only the tests whose names start so.") var test = "all"
    @Option(help: "Seconds to wait for an expected line.") var timeout = 240.0
    @Option(help: "Write the totals to this file: PASSED FAILED.") var totals: String?

    func run() throws {
        var passed = 0
        var failed = 0
        for file in files {
            guard let data = FileManager.default.contents(atPath: file) else {
                throw ToolError("\(file): cannot be read")
            }
            let tests: [Dialogue]
            let text = String(decoding: data, as: UTF8.self)
            do {
                let name = file.split(separator: "/").last ?? ""
                tests =
                    file.hasSuffix(".md")
                    ? Dialogue.examples(text, prefix: String(name.dropLast(3)))
                    : try Dialogue.read(text)
            } catch {
                throw ToolError("\(file): \(error)")
            }
            for dialogue in tests where test == "all" || dialogue.name.hasPrefix(test) {
                let named = dialogue.setup.machine ?? "virt"
                let machine = Board.all.first { $0.name == named }?.machine ?? named
                if try !known(machine.prefix { $0 != "," }) {
                    print("  skipped system.\(dialogue.name): this QEMU has no \(machine)")
                    continue
                }
                let (problem, transcript) =
                    try dialogue.end == .panic ? watchPanic(dialogue) : hold(dialogue)
                if let problem {
                    failed += 1
                    print("  FAILED  system.\(dialogue.name): \(problem)")
                    for line in transcript.split(separator: "\n").suffix(30) {
                        print("          \(line)")
                    }
                } else {
                    passed += 1
                    print("  passed  system.\(dialogue.name)")
                }
                fflush(stdout)
            }
        }
        if passed + failed == 0 { print("no test's name starts with \(test)") }
        if let totals { try writeFile(Array("\(passed) \(failed)\n".utf8), to: totals) }
        print("system tests: \(passed) passed, \(failed) failed")
        if failed > 0 || passed == 0 { throw ExitCode(1) }
    }

    private func known(_ machine: Substring) throws -> Bool {
        try output(of: Emulator.program(for: String(machine)), ["-machine", "help"]).text.contains(
            "\n\(machine) ")
    }

    /// Holds one dialogue; what went wrong, and what was said.
    private func hold(_ dialogue: Dialogue) throws -> (problem: String?, transcript: String) {
        let talk = try Conversation(try emulator(dialogue.setup))
        var position = 0
        var problem: String?
        for step in dialogue.steps where problem == nil {
            switch step {
            case .keys(let bytes):
                // What comes before the driver has set its device up may be lost, on boards as
                // on QEMU 10.
                let prompt = try pattern("^> ")
                if position > 0 || talk.wait(for: prompt, from: 0, seconds: timeout) != nil {
                    talk.send(bytes)
                } else {
                    problem = "no prompt"
                }
            case .type(let text):
                if let end = talk.wait(for: try pattern("^> "), from: position, seconds: timeout) {
                    position = end
                    talk.send(Array(text.utf8) + [13])
                } else {
                    problem = "no prompt for \"\(text)\""
                }
            case .expect(let text):
                if let end = talk.wait(for: try pattern(text), from: position, seconds: timeout) {
                    position = end
                } else {
                    problem = "missing: \(text)"
                }
            }
        }
        if !talk.end(seconds: problem == nil ? timeout : 0) && problem == nil {
            problem = "the system did not end"
        }
        return (try problem ?? judge(dialogue, talk.transcript), talk.transcript)
    }

    /// Runs it as `make run` does: the kernel's panic must end the run, with its status and the
    /// places in the source.
    private func watchPanic(_ dialogue: Dialogue) throws -> (problem: String?, transcript: String) {
        let machine = try emulator(dialogue.setup)
        let (status, text) = try output(
            of: CommandLine.arguments[0],
            [
                "run", machine.kernel, "--timeout", String(Int(timeout)), "--run",
                dialogue.setup.commands, "--append", dialogue.setup.append,
            ])
        if status != PanicWatch.status {
            return ("`swiftlet run` ended with status \(status)", text)
        }
        let said = text.replacingOccurrences(of: "\r", with: "")
        var position = 0
        for case .expect(let expected) in dialogue.steps {
            let range = NSRange(location: position, length: (said as NSString).length - position)
            guard
                let match = try pattern(expected).firstMatch(
                    in: said, options: .withoutAnchoringBounds, range: range)
            else { return ("missing: \(expected)", said) }
            position = match.range.location + match.range.length
        }
        return (try judge(dialogue, said), said)
    }

    /// What the whole run says: its end, and what must not have come.
    private func judge(_ dialogue: Dialogue, _ transcript: String) throws -> String? {
        var end = Dialogue.End.none
        for line in transcript.split(separator: "\n") {
            switch ConsoleEvent(line: String(line)) {
            case .powerOff(let status): end = .status(status)
            case .reboot: end = .reboot
            case .panic: end = .panic
            default: break
            }
        }
        if end != dialogue.end { return "ended with \(end), expected \(dialogue.end)" }
        for text in dialogue.absent {
            let range = NSRange(location: 0, length: (transcript as NSString).length)
            if try pattern(text).firstMatch(in: transcript, range: range) != nil {
                return "must not come: \(text)"
            }
        }
        if dialogue.places.isEmpty { return nil }
        var symbolicator = Symbolicator(kernel: kernel, more: tasks)
        let places = transcript.split(separator: "\n").flatMap { symbolicator.places(String($0)) }
        for text in dialogue.places {
            let wanted = try pattern(text)
            let isThere = places.contains {
                wanted.firstMatch(
                    in: $0, range: NSRange(location: 0, length: ($0 as NSString).length)) != nil
            }
            if !isThere { return "no such place: \(text)\n\(places.joined(separator: "\n"))" }
        }
        return nil
    }

    private func pattern(_ text: String) throws -> NSRegularExpression {
        do { return try NSRegularExpression(pattern: text, options: .anchorsMatchLines) } catch {
            throw ToolError("\(text): not a regular expression")
        }
    }

    private func emulator(_ setup: Dialogue.Setup) throws -> Emulator {
        var emulator = Emulator(kernel: try setup.damage.map(damaged) ?? setup.image ?? image)
        if let machine = setup.machine {
            if Board.all.contains(where: { $0.name == machine }) {
                try emulator.become(machine)
            } else {
                emulator.machine = machine
            }
        }
        if let processor = setup.processor { emulator.processor = processor }
        if let memory = setup.memory { emulator.memory = memory }
        emulator.cores = setup.cores
        emulator.coreThreads = setup.cores > 1 ? .turns : nil
        if let bytes = setup.card { emulator.card = try emptyCard(bytes) }
        if let date = setup.date { emulator.devices += ["-rtc", "base=\(date),clock=vm"] }
        emulator.append = String(repeating: "x=y ", count: setup.padding) + setup.append
        if !setup.commands.isEmpty { emulator.append += " run=\"\(setup.commands)\"" }
        emulator.isCounted = setup.isCounted
        if let source = setup.tree { emulator.tree = try compileTree(source) }
        return emulator
    }

    private func emptyCard(_ bytes: UInt64) throws -> String {
        let path = "build/empty-card-\(bytes).img"
        try writeFile([], to: path)
        guard let file = FileHandle(forWritingAtPath: path) else {
            throw ToolError("\(path): cannot be written")
        }
        try file.truncate(atOffset: bytes)
        return path
    }

    /// A copy of the image in which the kernel's function `name` starts with a trap instruction.
    private func damaged(_ name: String) throws -> String {
        let symbols = try output(of: "llvm-nm", [kernel]).text.split(separator: "\n").map {
            $0.split(separator: " ")
        }
        guard let line = symbols.first(where: { $0.last.map(String.init) == name }),
            let address = UInt64(line[0], radix: 16),
            let base = try ElfFile(path: kernel).segments.map(\.virtualAddress).min(),
            var bytes = FileManager.default.contents(atPath: image).map([UInt8].init)
        else { throw ToolError("\(kernel): no function \(name)") }
        let trap: [UInt8] = [0x20, 0x00, 0x20, 0xd4]  // brk #1
        let place = Int(address - base)
        bytes.replaceSubrange(place..<place + trap.count, with: trap)
        try writeFile(bytes, to: "build/damaged.img")
        return "build/damaged.img"
    }
}
