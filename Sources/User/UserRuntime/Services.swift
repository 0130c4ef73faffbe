// A line for the log.

import KernelABI
import Protocols

/// The methods of the service `log` that the runtime calls (Sources/User/Interfaces/Log.swift).
private enum LogMethod {
    static var append: UInt64 { 1 }
    static var appendAndWait: UInt64 { 2 }
}

/// The methods of the service `supervisor` that the runtime calls
/// (Sources/User/Interfaces/Supervisor.swift).
enum SupervisorMethod {
    static var showLife: UInt64 { 1 }
    static var loseLines: UInt64 { 2 }
}

/// Sends a line to the log, if the task's level has it; gives up after 100 ms. A line that the log
/// does not take is counted, and the supervisor tells the count. It allocates nothing.
public func log(_ line: @autoclosure () -> Line, _ level: LogLevel = .notice) {
    if unsafe logLevel.rawValue < level.rawValue { return }
    line().with { text in _ = log(text, level) }
}

/// The largest level of lines that the task sends.
nonisolated(unsafe) var logLevel = LogLevel.notice

/// Sends a line of bytes to the log; gives up after 100 ms, or at `deadline`. A line that the log
/// does not take is counted, and the supervisor tells the count.
///
/// - Returns: whether the log took it.
@discardableResult
public func log(
    _ text: Span<UInt8>, _ level: LogLevel = .notice, to log: Endpoint = Endpoint(StartSlot.log),
    deadline: Instant = .after(milliseconds: 100)
) -> Bool {
    do throws(SystemError) {
        try request(LogMethod.append, level, text).send(to: log, by: deadline)
        return true
    } catch {
        noteLostLine(error)
        return false
    }
}

/// Sends a line to the log and waits until it was shown, or `deadline`. A line that the log does
/// not take is counted, and the supervisor tells the count.
///
/// - Returns: whether it was shown.
public func logAndWait(
    _ text: Span<UInt8>, _ level: LogLevel = .notice, deadline: Instant
) -> Bool {
    do throws(SystemError) {
        let request = request(LogMethod.appendAndWait, level, text)
        try request.call(Endpoint(StartSlot.log), by: deadline).end()
        return true
    } catch {
        noteLostLine(error)
        return false
    }
}

/// Lines that the log did not take, of this task's present life.
nonisolated(unsafe) private var lostLines: UInt64 = 0

/// Counts a lost line and tells the supervisor the sum. It never waits: a sum that the supervisor
/// does not take now is part of the next one.
private func noteLostLine(_ error: SystemError) {
    // One thread of a task writes to the log; two that write at once may miscount, no more.
    unsafe lostLines &+= 1
    var request = RequestWriter(method: SupervisorMethod.loseLines)
    request.put(unsafe lostLines)
    request.put(error != .kernel(.invalidCapability))
    try? request.send(to: Endpoint(StartSlot.supervisor), by: .immediately)
}

/// What passes the capacity of a line is cut off.
private func request(_ method: UInt64, _ level: LogLevel, _ text: Span<UInt8>) -> RequestWriter {
    var request = RequestWriter(method: method)
    request.put(level)
    request.put(text.extracting(0..<min(text.count, Line.capacity)))
    return request
}
