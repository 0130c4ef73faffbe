// `invoke` for the typed handles: arguments x1…x7, results x3…x10.

import CUserEntry
import KernelABI

/// Perform a method and return its results (w0 is x3).
func invokeForResults(
    _ method: Method, _ slot: Slot, _ a: UInt64 = 0, _ b: UInt64 = 0, _ c: UInt64 = 0,
    _ d: UInt64 = 0, _ e: UInt64 = 0, _ f: UInt64 = 0
) throws(KernelError) -> SwiftletWords {
    var words = SwiftletWords(w0: c, w1: d, w2: e, w3: f, w4: 0, w5: 0, w6: 0, w7: 0)
    let raw = unsafe swiftlet_svc_words(ControlWord(invoke: method, slot).raw, a, b, &words)
    try check(raw.result)
    return words
}

/// Perform a method that has no results.
@inline(__always) func invoke(
    _ method: Method, _ slot: Slot, _ a: UInt64 = 0, _ b: UInt64 = 0, _ c: UInt64 = 0,
    _ d: UInt64 = 0, _ e: UInt64 = 0, _ f: UInt64 = 0
) throws(KernelError) {
    _ = try invokeForResults(method, slot, a, b, c, d, e, f)
}

/// A system call exactly as given, for tests and for calls that have no handle.
public func rawSystemCall(
    _ control: UInt64, _ second: UInt64, _ third: UInt64, _ words: inout SwiftletWords
) -> SwiftletResult {
    unsafe swiftlet_svc_words(control, second, third, &words)
}
