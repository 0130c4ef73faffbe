// The log: keeps the last lines in memory that survives it, shows each new one on the console, and
// reads old ones back.
//
// A line begins with its time and the name of the task that sent it, by the kernel's badge:
// `[1.181 supervisor] `. Its text is printable characters and nothing else, and holds no such head,
// so no text looks like another task's line. `LogRing` says whose lines make room for new ones.
//
// A line goes to the serial driver. While there is none (at boot, or when it just died) it goes to
// the kernel's console, so that the line which says why the driver died is not lost with it.

import Interfaces
import ServiceCores

@c(Log_main) func logTask(_ address: UInt) -> Int32 {
    let information = startInformation(address)
    let loop = Server(information)
    serve(LogKeeper(information), loop)
}

struct LogKeeper: ~Copyable, LogServer, ServiceTask {
    private var ring: LogRing
    private var output = LogOutput()

    init(_ information: StartInformation) {
        ring = unsafe LogRing(memory: persistentMemory(information))
    }

    mutating func append(_ level: LogLevel, _ text: Bytes<232>, _ client: ClientBadge) {
        add(level, text, client)
    }
    mutating func appendAndWait(_ level: LogLevel, _ text: Bytes<232>, _ client: ClientBadge) {
        add(level, text, client)
    }

    private mutating func add(_ level: LogLevel, _ text: Bytes<232>, _ client: ClientBadge) {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.count)
        for index in 0..<text.count { bytes.append(text[index]) }
        var span = bytes.mutableSpan
        PrintableText.clean(&span)
        Text.clearLogHeads(&span)
        let now = (Instant.now - Instant.immediately).microseconds
        ring.add(
            task: UInt16(truncatingIfNeeded: client.task), microseconds: now, level: level,
            text: bytes.span)
        var line = Text()
        line.logHead(microseconds: now, Name(TaskNames.name(of: client.task)))
        line.add(bytes)
        line.newLine()
        output.write(line.bytes)
    }

    mutating func line(
        from sequence: UInt64, _ client: ClientBadge
    ) throws(LogError) -> LogLine {
        guard let entry = ring.entry(from: sequence) else { throw .noLine }
        let name = Name(TaskNames.name(of: UInt64(entry.task)))
        return LogLine(
            sequence: entry.sequence, microseconds: entry.microseconds, level: entry.level,
            task: entry.task, name: FixedString(cleaning: name.bytes.span),
            text: FixedString(cleaning: entry.text.span))
    }

    mutating func next(_ client: ClientBadge) -> UInt64 { ring.next }

    mutating func forgetCallers() {}
    mutating func perform(_ request: Received, _ loop: inout Server) {
        LogInterface.perform(request, for: &self, &loop)
    }
}

/// Where lines are shown.
private struct LogOutput {
    private let serial = StartSlot.firstFree
    private var isOpen = false
    /// What a line may wait for the driver, in milliseconds.
    private static let patience: UInt64 = 200
    /// Times that a line is given to a driver without room. If too many others wait for room, each
    /// is 10 ms behind the last.
    private static let attempts = 20

    mutating func write(_ line: [UInt8]) {
        if !isOpen {
            let client = try? SerialClient(finding: serial, by: .after(milliseconds: 20))
            isOpen = client != nil
        }
        if isOpen && send(line) { return }
        var text = Text()
        // Somebody's line may be on the screen, of which only the driver knew; nobody's is before
        // there was a driver.
        if isOpen { text.add("\r\u{1b}[K") }
        // That console adds the carriage return at a line's end itself.
        for byte in line where byte != 13 { text.add(byte: byte) }
        unsafe text.bytes.withUnsafeBytes {
            unsafe SystemControl(StartSlot.systemControl).write($0)
        }
    }

    /// Gives a line to the driver, in one request: no other task's text comes between.
    ///
    /// - Returns: whether the driver took it.
    private func send(_ line: [UInt8]) -> Bool {
        let bytes = Bytes<288>(prefixOf: line.span)
        let deadline = Instant.after(milliseconds: LogOutput.patience)
        let client = SerialClient(Endpoint(serial))
        for _ in 0..<LogOutput.attempts {
            do throws(SystemError) {
                _ = try client.writeRaw(bytes, isEdited: false, by: deadline)
                return true
            } catch {
                let isFull = error.of(SerialError.self) == .full
                if !isFull || !waitForRoom(client, by: deadline) { return false }
            }
        }
        return false
    }

    /// Returns whether it is worth to try again.
    private func waitForRoom(_ client: SerialClient, by deadline: Instant) -> Bool {
        do throws(SystemError) { try client.waitForRoom(by: deadline) } catch {
            if error != .refused(.busy) { return false }
            // The notification may have brought the time for a sign of life instead.
            Notification(StartSlot.notification).pause(until: .after(milliseconds: 10))
            showSignOfLife()
        }
        return true
    }
}
