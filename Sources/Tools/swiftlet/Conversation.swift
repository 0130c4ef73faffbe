// A machine that one talks with: bytes go to its console, and what it says is read as it comes.

import Foundation
import ToolCore

/// A QEMU of its own, from `start` to `end`.
final class Conversation: @unchecked Sendable {
    private let process = Process()
    private let input = Pipe()
    private let output = Pipe()
    private let condition = NSCondition()
    // Under the condition's lock from here on.
    private var text = ""
    private var hasEnded = false

    init(_ emulator: Emulator) throws {
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [Emulator.program(for: emulator.machine)] + emulator.arguments
        process.standardInput = input
        process.standardOutput = output
        process.standardError = output
        try start(process)
        Thread.detachNewThread { [self] in read() }
    }

    private func read() {
        while true {
            let data = output.fileHandleForReading.availableData
            condition.lock()
            text += String(decoding: data, as: UTF8.self).replacingOccurrences(of: "\r", with: "")
            hasEnded = data.isEmpty
            condition.broadcast()
            condition.unlock()
            if data.isEmpty { return }
        }
    }

    func send(_ bytes: [UInt8]) { try? input.fileHandleForWriting.write(contentsOf: Data(bytes)) }

    /// All that was said.
    var transcript: String {
        condition.lock()
        defer { condition.unlock() }
        return text
    }

    /// Waits until `pattern` matches at or behind `start`, or nothing more can come.
    /// - Returns: the end of the match.
    func wait(for pattern: NSRegularExpression, from start: Int, seconds: Double) -> Int? {
        let limit = Date(timeIntervalSinceNow: seconds)
        condition.lock()
        defer { condition.unlock() }
        while true {
            let range = NSRange(location: start, length: (text as NSString).length - start)
            if let found = pattern.firstMatch(in: text, options: .withoutAnchoringBounds, range: range) {
                return found.range.location + found.range.length
            }
            if hasEnded || !condition.wait(until: limit) { return nil }
        }
    }

    /// Waits for the machine's end; false where it had to be ended.
    func end(seconds: Double) -> Bool {
        let limit = Date(timeIntervalSinceNow: seconds)
        condition.lock()
        while !hasEnded && condition.wait(until: limit) {}
        let isOver = hasEnded
        condition.unlock()
        if !isOver { process.terminate() }
        process.waitUntilExit()
        runningEmulator = 0
        return isOver
    }
}
