// The end of a task that cannot go on, with its reason in the supervisor's report.

import CUserEntry
import KernelABI

/// Ends the task; the supervisor's report holds the text and the place in the source. It stands
/// before the standard library's function, whose text a release build drops.
///
/// - Parameter text: a constant; the report shows its first 80 bytes.
public func fatalError(
    _ text: @autoclosure () -> StaticString = "", file: StaticString = #fileID, line: UInt = #line
) -> Never {
    let text = text()
    // Safety: both have their bytes in the program's constants; only addresses are passed on.
    unsafe swiftlet_trap_text(
        text.utf8Start, UInt64(text.utf8CodeUnitCount), file.utf8Start,
        UInt64(file.utf8CodeUnitCount), UInt64(line))
}

/// Makes a kernel call whose refusal the task cannot live with, such as the one that binds a
/// driver's interrupt: where the kernel refuses, the task ends as by `fatalError`.
///
/// - Parameter text: says what is wrong then.
@inline(__always) public func orEnd(
    _ text: @autoclosure () -> StaticString, _ call: @autoclosure () throws(KernelError) -> Void,
    file: StaticString = #fileID, line: UInt = #line
) {
    do throws(KernelError) { try call() } catch { fatalError(text(), file: file, line: line) }
}
