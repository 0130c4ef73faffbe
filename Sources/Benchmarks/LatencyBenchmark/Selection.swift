// Which rows to print: the value of `bench=` on the kernel's command line. Within a running system there is no command line
// for the task, and all rows are printed.

import KernelABI

/// `all`, `quick` (the rows of short paths), or the beginning of rows' names.
@safe struct Selection {
    private var text: UnsafeRawBufferPointer = unsafe UnsafeRawBufferPointer(start: nil, count: 0)

    /// Within a running system there is neither a device tree nor the memory for the long rows.
    private let isBoxed: Bool

    /// Finds `bench=` in the tree's strings: the command line is the only property that can hold it.
    init(_ boot: BootInformation) {
        isBoxed = boot.deviceTreeSize == 0
        // Safety: the kernel mapped the tree there, for good, and says how long it is.
        guard let start = unsafe UnsafeRawPointer(bitPattern: UInt(boot.deviceTreeAddress)) else { return }
        let bytes = unsafe UnsafeRawBufferPointer(start: start, count: Int(boot.deviceTreeSize))
        let key: StaticString = "bench="
        var at = 0
        while at + key.utf8CodeUnitCount < bytes.count {
            let begin = at + key.utf8CodeUnitCount
            if unsafe Selection.begins(UnsafeRawBufferPointer(rebasing: bytes[at..<begin]), key) {
                var end = begin
                while end < bytes.count, unsafe bytes[end] > 32 { end += 1 }
                unsafe text = UnsafeRawBufferPointer(rebasing: bytes[begin..<end])
                return
            }
            at += 1
        }
    }

    /// Whether the long rows are left out.
    var isQuick: Bool { unsafe isBoxed || text.count == 5 && Selection.begins(text, "quick") }
    private var isAll: Bool { unsafe text.isEmpty || isQuick || (text.count == 3 && Selection.begins(text, "all")) }
    func accepts(_ name: StaticString) -> Bool { unsafe isAll || Selection.begins(text, name) }

    /// Whether `name` begins with all of `text`.
    private static func begins(_ text: UnsafeRawBufferPointer, _ name: StaticString) -> Bool {
        if text.count > name.utf8CodeUnitCount { return false }
        // Safety: both indices stay below the lengths that were just compared.
        for index in 0..<text.count where unsafe text[index] != name.utf8Start[index] { return false }
        return true
    }
}
