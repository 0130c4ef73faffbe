// The end of a task that cannot go on, with its reason in the supervisor's report, which goes to
// the log.

import CUserEntry
import KernelABI
import Protocols

/// Ends the task; the supervisor's report holds the text and the place in the source. It stands
/// before the standard library's function, whose text a release build drops.
///
/// - Parameter text: the report shows its first 80 bytes. They travel in registers, so that nobody
///   has to read the memory of a task that failed.
@_disfavoredOverload @inline(never) public func fatalError(
    _ text: @autoclosure () -> Line, file: StaticString = #fileID, line: UInt = #line
) -> Never {
    let text = text()
    var words = SwiftletTrapText()
    words.w0 = text.word(0)
    words.w1 = text.word(1)
    words.w2 = text.word(2)
    words.w3 = text.word(3)
    words.w4 = text.word(4)
    words.w5 = text.word(5)
    words.w6 = text.word(6)
    words.w7 = text.word(7)
    words.w8 = text.word(8)
    words.w9 = text.word(9)
    // Safety: the file's name has its bytes in the program's constants; only the address is passed
    // on.
    unsafe swiftlet_trap_text(
        &words, UInt64(text.count), file.utf8Start, UInt64(file.utf8CodeUnitCount), UInt64(line))
}

/// The same for a constant text.
public func fatalError(
    _ text: @autoclosure () -> StaticString = "", file: StaticString = #fileID, line: UInt = #line
) -> Never {
    fatalError(Line(stringLiteral: text()), file: file, line: line)
}

extension Line {
    /// Bytes 8 · `index` to 8 · `index` + 7.
    fileprivate func word(_ index: Int) -> UInt64 {
        var word: UInt64 = 0
        for offset in 0..<8 { word |= UInt64(self[8 * index + offset]) << UInt64(8 * offset) }
        return word
    }
}

/// Ends the task as `fatalError` does, unless the condition holds. It stands before the standard
/// library's function, which a report does not tell the place of.
@inline(__always) public func precondition(
    _ condition: @autoclosure () -> Bool, _ text: @autoclosure () -> StaticString,
    file: StaticString = #fileID, line: UInt = #line
) {
    if !condition() { fatalError(text(), file: file, line: line) }
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
