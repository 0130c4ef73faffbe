// Servers whose listings have no end, and which take their time. No command of the shell may follow
// them for ever, or look as if it hung.

import Interfaces
import KernelABI
import Protocols
import ServiceCores
import UserRuntime

/// The client's patience is 1.5 s.
private func answerLate() {
    sleep(milliseconds: 1200)
    showSignOfLife()
}

/// In the place of the log.
struct EndlessLog: ~Copyable, LogServer, ServiceTask {
    /// Answers that come late.
    private var late = 5

    mutating func append(_ level: LogLevel, _ text: Bytes<232>, _ client: ClientBadge) {}
    mutating func appendAndWait(_ level: LogLevel, _ text: Bytes<232>, _ client: ClientBadge) {}
    mutating func line(
        from sequence: UInt64, _ client: ClientBadge
    ) throws(LogError) -> LogLine {
        if late > 0 {
            late -= 1
            answerLate()
        }
        var text = Bytes<232>()
        while text.append(UInt8(ascii: "x")) {}
        guard let text = FixedString(checking: text) else { throw .noLine }
        return LogLine(
            sequence: sequence, microseconds: 0, level: .notice, task: 1,
            name: FixedString(name: Name("endless").words), text: text)
    }
    mutating func next(_ client: ClientBadge) -> UInt64 { .max }
    mutating func forgetCallers() {}
    mutating func perform(_ request: Received, _ loop: inout Server) {
        LogInterface.perform(request, for: &self, &loop)
    }
}

/// In the place of the device manager, which starts the drivers and provides no service.
struct EndlessDevices: ~Copyable, DevicesServer, ServiceTask {
    /// No piece has a byte.
    mutating func tree(
        from position: UInt64, into text: borrowing LentForWriting<UInt8>, _ client: ClientBadge
    ) throws(DevicesError) -> TextPiece { TextPiece(bytes: 0, isLast: false) }
    /// Each piece has one.
    mutating func list(
        from position: UInt64, into text: borrowing LentForWriting<UInt8>, _ client: ClientBadge
    ) throws(DevicesError) -> TextPiece { TextPiece(bytes: 1, isLast: false) }
    mutating func commandLine(
        from start: UInt64, into text: borrowing LentForWriting<UInt8>, _ client: ClientBadge
    ) throws(DevicesError) -> CommandLinePart { CommandLinePart(bytes: 0, whole: 4096) }
    mutating func light(_ index: UInt8, _ client: ClientBadge) throws(DevicesError) -> Light {
        if index < 4 { answerLate() }
        let name = FixedString<32>(name: Name("endless").words)
        return Light(
            name: name, pin: 1, isActiveLow: false, holder: .none, driver: 0, bank: name)
    }
    mutating func forgetCallers() {}
    mutating func perform(_ request: Received, _ loop: inout Server) {
        DevicesInterface.perform(request, for: &self, &loop)
    }
}
