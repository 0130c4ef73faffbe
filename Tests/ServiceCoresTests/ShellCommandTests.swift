// The shell's table of commands: every name leads to its command, and what `help` says agrees with
// what is accepted.
import Testing

@testable import ServiceCores

@Suite struct ShellCommandTests {
    private func text(_ literal: StaticString) -> String {
        String(decoding: Text(literal).bytes, as: UTF8.self)
    }

    @Test func namesAreUniqueAndFound() {
        let all = ShellCommand.all
        #expect(all.count == 32)
        #expect(Set(all.map { text($0.name) }).count == all.count)
        for command in all { #expect(ShellCommand(name: Text(command.name).bytes) == command) }
        for wrong in ["", "p", "pss", "PS", "ps "] {
            #expect(ShellCommand(name: Array(wrong.utf8)) == nil)
        }
    }

    /// A parameter in brackets may be left out; one without must be there.
    @Test func countsAgreeWithTheUsage() {
        for command in ShellCommand.all where command != .echo {
            let words = text(command.parameters).split(separator: " ")
            #expect(command.argumentCounts.upperBound == words.count, "\(command)")
            let isOptional = words.isEmpty || words[0].hasPrefix("[")
            #expect(command.argumentCounts.contains(0) == isOptional, "\(command)")
        }
    }

    @Test func helpFitsATerminal() {
        for command in ShellCommand.all {
            #expect(text(command.summary).count + 24 <= 100)
            #expect(String(decoding: command.usage.bytes, as: UTF8.self).count < 24)
            #expect(text(command.detail).count <= 120)
        }
    }

    @Test(arguments: ["ipc", "ipc.", "ipc.call", "i", "system-call.null"]) func rowsThatMayExist(
        _ rows: String
    ) {
        #expect(BenchmarkRows.mayBegin(with: Array(rows.utf8)))
    }
    @Test(arguments: ["nosuch", "ipcx", "sweep.", "load.ipc", "IPC"]) func rowsThatDoNot(
        _ rows: String
    ) {
        #expect(!BenchmarkRows.mayBegin(with: Array(rows.utf8)))
    }
}
