// What the system prints, line by line: tests' results, power-off, panic.

/// One line of the console that the tool acts upon.
public enum ConsoleEvent: Equatable {
    case passed(String)
    case skipped(String, reason: String)
    case failed(String, reason: String)
    /// The test task's own totals.
    case finished(passed: Int, failed: Int, skipped: Int)
    case powerOff(status: Int)
    case reboot
    case panic(String)
    /// A panic's last line.
    case halted
    case other

    public init(line: String) {
        var line = line.trimmed
        // The kernel's line may come behind a task's that was not ended.
        if let start = line.ranges(of: "swiftlet: ").last?.lowerBound {
            line = String(line[start...])
        }
        if let rest = line.after("ok "), let name = rest.afterNumberAndDash {
            let parts = name.split(separator: " # SKIP ", maxSplits: 1).map(String.init)
            self = parts.count > 1 ? .skipped(parts[0], reason: parts[1]) : .passed(name)
        } else if let rest = line.after("not ok "), let text = rest.afterNumberAndDash {
            let parts = text.split(separator: ":", maxSplits: 1).map { String($0).trimmed }
            self = .failed(parts.first ?? "", reason: parts.count > 1 ? parts[1] : "")
        } else if let rest = line.after("swiftlet-tests: ") {
            let numbers = rest.split(whereSeparator: { !$0.isNumber }).compactMap { Int($0) }
            self =
                numbers.count == 3
                ? .finished(passed: numbers[0], failed: numbers[1], skipped: numbers[2]) : .other
        } else if let rest = line.after("swiftlet: power off, status "), let status = Int(rest) {
            self = .powerOff(status: status)
        } else if line == "swiftlet: reboot" {
            self = .reboot
        } else if line == "swiftlet: halted" {
            self = .halted
        } else if let rest = line.after("swiftlet: kernel panic: ") {
            self = .panic(rest)
        } else {
            self = .other
        }
    }
}

extension String {
    var trimmed: String {
        var text = Substring(self)
        while let last = text.last, last.isWhitespace { text.removeLast() }
        while let first = text.first, first.isWhitespace { text.removeFirst() }
        return String(text)
    }
    func after(_ prefix: String) -> String? {
        hasPrefix(prefix) ? String(dropFirst(prefix.count)) : nil
    }
    /// "12 - name" gives "name".
    var afterNumberAndDash: String? {
        let parts = split(separator: " ", maxSplits: 2)
        guard parts.count == 3, Int(parts[0]) != nil, parts[1] == "-" else { return nil }
        return String(parts[2])
    }
}
