// The service of a serial line, on a UART whose line takes nothing until the test lets it: what
// each answer of the driver says, and who waits.

import CUserEntry
import DriverCores
import Interfaces
import SerialService
import Testing

/// A line with no flow.
private final class Line {
    var isOpen = true
    /// How many bytes it takes yet.
    var rest = Int.max
    var sent: [UInt8] = []
    var typed: [UInt8] = []
}
private struct Port: SerialPort {
    let line: Line
    func clearInterrupts() {}
    mutating func receive() -> SerialInput? {
        line.typed.isEmpty ? nil : SerialInput(line.typed.removeFirst())
    }
    mutating func hasRoom() -> Bool { line.isOpen && line.rest > 0 }
    func send(_ byte: UInt8) {
        line.sent.append(byte)
        line.rest -= 1
    }
    func listen(receive: Bool, transmit: Bool) {}
}

/// The service and the model kernel's server around it.
private final class Console {
    let line = Line()
    private(set) var system: ModelSystem!
    private var service: SerialService<Port>!
    let client = SerialClient(ModelSystem.client)

    /// - Parameter waiting: places, of which each client may have all.
    init(waiting: Int = 4) {
        system = ModelSystem(waiting: waiting) { [unowned self] in
            SerialInterface.perform($0, for: &service, &$1)
        }
        let rings = [0, 1].map { _ in
            let memory = UnsafeMutableBufferPointer<UInt64>.allocate(capacity: ByteRing.wordCount)
            memory.initialize(repeating: 0)
            return ByteRing(memory: memory)
        }
        service = SerialService(
            SerialLine(port: Port(line: line), received: rings[0], pending: rings[1]),
            waiting: UInt64(waiting))
    }
    func interrupt() { service.takeInterrupt() }
    func forgetCallers() { service.forgetCallers() }

    /// Task `task` calls.
    func by(_ task: UInt64) -> SerialClient {
        system.caller = ClientBadge(task: task).raw
        return client
    }
    func fill() {
        line.isOpen = false
        for count in [288, 1] {
            while (try? by(1).writeRaw(raw("x", count), isEdited: false)) != nil {}
        }
    }
    /// The line takes all.
    func drain() {
        line.isOpen = true
        interrupt()
    }
    var shown: String { String(decoding: line.sent, as: UTF8.self) }
}

private func text(_ text: String, _ count: Int = 1) -> Bytes<160> {
    Bytes(prefixOf: Array(String(repeating: text, count: count).utf8).span)
}
private func raw(_ text: String, _ count: Int = 1) -> Bytes<288> {
    Bytes(prefixOf: Array(String(repeating: text, count: count).utf8).span)
}
private func string(_ bytes: Bytes<32>) -> String {
    String(decoding: (0..<bytes.count).map { bytes[$0] }, as: UTF8.self)
}

@Suite struct SerialServiceTests {
    @Test func textIsMarkedAndCleanAndRawBytesAreNot() throws {
        let console = Console()
        try console.by(12).write(text("a\u{1b}[2J\nb\n"))
        _ = try console.by(5).writeRaw(raw("\u{1b}[2J"), isEdited: false)
        #expect(console.shown == "12| a.[2J\r\n12| b\r\n\u{1b}[2J")
    }

    /// A text that does not fit is refused as a whole.
    @Test func aFullLineTakesNothing() throws {
        let console = Console()
        console.fill()
        for _ in 0..<2 {
            #expect(throws: SystemError.service(SerialError.full.rawValue)) {
                try console.by(12).write(text("a\n"))
            }
        }
        console.drain()
        let before = console.line.sent.count
        try console.by(12).write(text("a\n"))
        #expect(console.shown.dropFirst(before) == "\r\n12| a\r\n")
    }

    /// A writer of short texts takes no room from one that waits for more.
    @Test func whoWaitsForRoomComesFirst() throws {
        let console = Console()
        console.fill()
        #expect(throws: SystemError.kernel(.timedOut)) {
            try console.by(12).waitForRoom(by: .never)
        }
        (console.line.isOpen, console.line.rest) = (true, 100)
        console.interrupt()
        #expect(console.system.answers.isEmpty)
        #expect(throws: SystemError.service(SerialError.full.rawValue)) {
            try console.by(13).write(text("a"))
        }
        console.line.rest = Int.max
        console.interrupt()
        #expect(console.system.answers.values.contains([0]))
        try console.by(13).write(text("a"))
    }

    /// Whoever has waited for room finds room for any text.
    @Test func afterAWaitTheLongestTextFits() throws {
        let console = Console()
        #expect(throws: Never.self) { try console.by(12).waitForRoom(by: .never) }
        console.fill()
        #expect(throws: SystemError.kernel(.timedOut)) {
            try console.by(12).waitForRoom(by: .never)
        }
        console.drain()
        #expect(console.system.answers.values.contains([0]))
        console.line.isOpen = false
        try console.by(12).write(text("a\n", 80))
    }

    /// One place is the reader's, and two are writers': a third writer is `busy`, until somebody
    /// gives up.
    @Test func aWriterWithoutAPlaceIsBusy() throws {
        let console = Console(waiting: 3)
        console.fill()
        #expect(throws: SystemError.kernel(.timedOut)) {
            try console.by(5).read(from: .max, replacements: 0, by: .never)
        }
        for task in 12...13 as ClosedRange<UInt64> {
            #expect(throws: SystemError.kernel(.timedOut)) {
                try console.by(task).waitForRoom(by: .never)
            }
        }
        #expect(throws: SystemError.refused(.busy)) { try console.by(14).waitForRoom(by: .never) }
        // It needs no place.
        #expect(throws: SystemError.service(SerialError.full.rawValue)) {
            try console.by(14).write(text("a"))
        }
        console.system.leave(1)
        console.forgetCallers()
        #expect(throws: SystemError.kernel(.timedOut)) {
            try console.by(14).waitForRoom(by: .never)
        }
        console.drain()
        try console.by(14).waitForRoom(by: .never)
    }

    /// However many write, and whoever reads first: a reader finds a place.
    @Test func writersLeaveTheReaderItsPlace() throws {
        let console = Console(waiting: 3)
        console.fill()
        for task in 12...13 as ClosedRange<UInt64> {
            #expect(throws: SystemError.kernel(.timedOut)) {
                try console.by(task).waitForRoom(by: .never)
            }
        }
        #expect(throws: SystemError.refused(.busy)) { try console.by(14).waitForRoom(by: .never) }
        #expect(throws: SystemError.kernel(.timedOut)) {
            try console.by(5).read(from: .max, replacements: 0, by: .never)
        }
    }

    /// A request that empties the ring leaves nothing for an interrupt to tell of.
    @Test func whoWaitsForRoomIsAnsweredWithoutAnInterrupt() throws {
        let console = Console()
        console.fill()
        #expect(throws: SystemError.kernel(.timedOut)) {
            try console.by(12).waitForRoom(by: .never)
        }
        console.line.isOpen = true
        try console.by(5).release(before: .max)
        #expect(console.system.answers.values.filter { $0 == [0] }.count == 2)
    }

    @Test func typedBytesReachTheReaderOnce() throws {
        let console = Console()
        console.line.typed = Array("ls".utf8)
        let read = try console.by(5).read(from: .max, replacements: 0, by: .never)
        #expect(string(read.bytes) == "ls" && read.first == 0)
        // Not released yet.
        let again = try console.by(5).read(from: 1, replacements: 0, by: .never)
        #expect(string(again.bytes) == "s" && again.first == 1)
        try console.by(5).release(before: 2)
        #expect(throws: SystemError.kernel(.timedOut)) {
            try console.by(5).read(from: 2, replacements: 0, by: .never)
        }
        console.line.typed = [UInt8](repeating: 65, count: 40)
        console.interrupt()
        let words = try #require(console.system.answers.values.first)
        #expect(words[1] == 2 && words[2] == 32)
        let rest = try console.by(5).read(from: 34, replacements: 0, by: .never)
        #expect(rest.bytes.count == 8)
        #expect(try console.by(5).state().received == 42)
    }

    @Test func oneTaskReads() throws {
        let console = Console()
        console.line.typed = Array("a".utf8)
        _ = try console.by(5).read(from: .max, replacements: 0, by: .never)
        let taken = SystemError.service(SerialError.taken.rawValue)
        #expect(throws: taken) {
            try console.by(7).read(from: .max, replacements: 0, by: .never)
        }
        #expect(throws: taken) { try console.by(7).release(before: 1) }
        #expect(try console.by(5).state().received == 1)
    }

    /// What others write takes the place of a line under work: its owner's read returns.
    @Test func aReplacedLineIsTold() throws {
        let console = Console()
        let known = try console.by(5).writeRaw(raw("> "), isEdited: true)
        #expect(throws: SystemError.kernel(.timedOut)) {
            try console.by(5).read(from: .max, replacements: known, by: .never)
        }
        try console.by(12).write(text("a\n"))
        #expect(console.system.answers.values.contains([0, 0, 0, known + 1]))
        // An answer that came too late is given again.
        let read = try console.by(5).read(from: .max, replacements: known, by: .never)
        #expect(read.bytes.count == 0 && read.replacements == known + 1)
        #expect(console.shown == "> \r\u{1b}[K12| a\r\n")
    }
}
