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
        var bytes: [UInt8] = []
        while true {
            let data = output.fileHandleForReading.availableData
            bytes += data
            // A character may come in pieces: it is text when all of it is here.
            let whole = data.isEmpty ? bytes.count : bytes.count - Conversation.unfinished(bytes)
            let piece = String(decoding: bytes[..<whole], as: UTF8.self)
            bytes.removeFirst(whole)
            condition.lock()
            text += piece.replacingOccurrences(of: "\r", with: "")
            hasEnded = data.isEmpty
            condition.broadcast()
            condition.unlock()
            if data.isEmpty { return }
        }
    }

    /// Bytes at the end that begin a character of UTF-8 and do not complete it: 0 to 3.
    private static func unfinished(_ bytes: [UInt8]) -> Int {
        for (index, byte) in bytes.suffix(3).reversed().enumerated() where byte & 0xc0 != 0x80 {
            let length = byte < 0xc0 ? 1 : byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4
            return length > index + 1 ? index + 1 : 0
        }
        return 0
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
            let found = pattern.firstMatch(
                in: text, options: .withoutAnchoringBounds, range: range)
            if let found {
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
