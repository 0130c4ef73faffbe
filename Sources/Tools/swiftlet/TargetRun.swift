// One boot of the tests that execute on the target, and what came of them.

import Foundation
import ToolCore

struct TargetRun {
    var emulator: Emulator
    let test: String
    /// Seconds after which a run that hangs is stopped.
    let timeout: Int
    private(set) var passed = 0
    private(set) var failed = 0
    private(set) var skipped = 0

    /// - Parameter test: a test's name, the beginning of names with a point behind it, or `all`.
    init(image: String, bundle: String, test: String, timeout: Int) {
        emulator = Emulator(kernel: image)
        emulator.otherBundle = bundle
        emulator.append = "test=\(test)"
        self.test = test
        self.timeout = timeout
    }

    /// Boots, and counts the tests. A run that panics, hangs, or counts otherwise than the target
    /// has failed in one more test.
    ///
    /// - Parameter show: takes each line for people.
    mutating func perform(_ show: @escaping (String) -> Void) throws {
        var (passed, failed, skipped) = (0, 0, 0)
        var hasFinished = false
        var panic = PanicWatch()
        let ended = try emulator.run(interactive: false, timeout: timeout) { line in
            switch ConsoleEvent(line: line) {
            case .passed(let name):
                passed += 1
                show("  passed  \(name)")
            case .failed(let name, let reason):
                failed += 1
                show("  FAILED  \(name): \(reason)")
            case .skipped(let name, let reason):
                skipped += 1
                show("  skipped \(name): \(reason)")
            case .finished(let p, let f, let s):
                hasFinished = (p, f, s) == (passed, failed, skipped)
            default: if !line.isEmpty { show("          \(line)") }
            }
            fflush(stdout)
            return panic.take(line)
        }
        for place in panic.places { show("          \(place)") }
        let count = passed + failed + skipped
        if ended && !panic.hasPanicked && count == 0 { show("no test is called \(test)") }
        if !ended { show("  FAILED  the run did not end within \(timeout) s") }
        if !ended || panic.hasPanicked || !hasFinished || count == 0 { failed += 1 }
        (self.passed, self.failed, self.skipped) = (passed, failed, skipped)
    }
}
