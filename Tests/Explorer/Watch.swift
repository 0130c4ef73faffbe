// A step that traps in the kernel, or never ends, is reported like a violation.

import Foundation

enum Watch {
    /// Seconds in which one state must be expanded.
    nonisolated(unsafe) static var patience: UInt32 = 60
    /// What to say of the step that is under way.
    nonisolated(unsafe) static var report: () -> Void = {}

    /// From now on a trap, or a step without end, ends the program with a report.
    static func begin(_ report: @escaping () -> Void) {
        Watch.report = report
        for number in [SIGILL, SIGTRAP, SIGSEGV, SIGBUS, SIGABRT, SIGALRM] {
            signal(number) { _ in
                Watch.report()
                fflush(nil)
                _exit(1)
            }
        }
    }
    static func restart() { alarm(patience) }
}
