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
import KernelABI
import Protocols
import ServiceCores
import UserRuntime

@c(Log_main) func logTask(_ address: UInt) -> Int32 {
    let information = startInformation(address)
    var server = Server(information)
    var ring = unsafe LogRing(memory: persistentMemory(information))
    var output = LogOutput()
    var message = LongMessage()
    while true {
        let request = server.next(into: &message)
        switch request.delivery {
        case .oneWay: append(request.client.task, &message, &ring, &output)
        case .message:
            if request[0] & 0xff == LogWord.read {
                setLine(request[1], ring, &message)
                server.reply(&message)
            } else {
                append(request.client.task, &message, &ring, &output)
                server.reply(RegisterMessage(0))
            }
        case .notification, .fault: break
        }
    }
}

private func append(
    _ task: UInt64, _ request: inout LongMessage, _ ring: inout LogRing,
    _ output: inout LogOutput
) {
    if request[0] & 0xff != LogWord.append { return }
    let count = min(Int(request[0] >> 8 & 0xff), LogWord.maximumLength)
    var text: [UInt8] = []
    for index in 0..<count { text.append(request.byte(index, at: 1)) }
    var bytes = text.mutableSpan
    PrintableText.clean(&bytes)
    Text.clearLogHeads(&bytes)
    let now = (Instant.now - Instant.immediately).microseconds
    let level = LogLevel(rawValue: UInt8(truncatingIfNeeded: request[0] >> 16 & 3)) ?? .notice
    ring.add(
        task: UInt16(truncatingIfNeeded: task), microseconds: now, level: level,
        text: text.span)
    var line = Text()
    line.logHead(microseconds: now, Name(TaskNames.name(of: task)))
    line.add(text)
    line.newLine()
    output.write(line.bytes)
}

/// The answer to `LogWord.read`: the first line from `sequence` on.
private func setLine(_ sequence: UInt64, _ ring: LogRing, _ message: inout LongMessage) {
    guard let entry = ring.entry(from: sequence) else {
        return message.set(RegisterMessage(1, ring.next))
    }
    message.set(RegisterMessage(0, entry.sequence, entry.microseconds, UInt64(entry.task)))
    message[4] = UInt64(entry.text.count) | UInt64(entry.level.rawValue) << 8
    let words = TaskNames.name(of: UInt64(entry.task))
    for index in 0..<4 { message[5 + index] = words[index] }
    message.setBytes(entry.text.span, at: 9)
}

/// Where lines are shown.
private struct LogOutput {
    private let serial = StartSlot.firstFree
    private var isOpen = false
    /// What a line may wait for the driver, in milliseconds.
    private static let patience: UInt64 = 200
    /// Times that a line is given to a driver without room: at most 200 ms.
    private static let attempts = 20

    mutating func write(_ line: [UInt8]) {
        if !isOpen {
            let name = Name("serial")
            isOpen = openService(
                [name.word0, name.word1, name.word2, name.word3], to: serial,
                deadline: .after(milliseconds: 20))
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

    /// Gives a line, which one request holds, to the driver.
    ///
    /// - Returns: whether the driver took it.
    private func send(_ line: [UInt8]) -> Bool {
        let deadline = Instant.after(milliseconds: LogOutput.patience)
        let count = min(line.count, SerialRequest.maximumWrite)
        let request = RegisterMessage(SerialRequest.write | UInt64(count) << 8)
        for _ in 0..<LogOutput.attempts {
            guard
                let reply = try? Endpoint(serial).call(
                    request, bytes: line.span.extracting(0..<count), deadline: deadline)
            else { return false }
            if reply[0] == 0 && reply[1] == UInt64(count) { return true }
            if reply[0] == SerialRequest.busy {
                // The notification may have brought the time for a sign of life instead.
                Notification(StartSlot.notification).pause(until: .after(milliseconds: 10))
                showSignOfLife()
            }
        }
        return false
    }
}
