// The model of the processor, as tests read its record.

import CAArch64

/// What was written or performed.
struct Note: Equatable, CustomStringConvertible {
    let what: String
    let value: UInt64
    init(_ what: String, _ value: UInt64 = 0) {
        self.what = what
        self.value = value
    }
    var description: String { "\(what): \(String(value, radix: 16))" }
}

/// Runs `body` on a processor whose registers read as these, and as 0.
///
/// - Returns: the record.
func onProcessor(
    _ registers: [String: UInt64] = [:], _ body: () throws -> Void
) rethrows -> [Note] {
    swiftlet_model_reset()
    for (name, value) in registers { swiftlet_model_set(name, value) }
    try body()
    return (0..<swiftlet_model_count()).map { index in
        let note = swiftlet_model_get(index)
        return Note(String(cString: note.what), note.value)
    }
}
