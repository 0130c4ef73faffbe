// Which rows to print: the value of `bench=` on the kernel's command line. Within a running system there is no device tree
// for the task: the shell's argument comes as the file `arguments` of its bundle.

import KernelABI

/// `all`, `quick` (the rows of short paths), or the beginning of rows' names.
@safe struct Selection {
    private var text: UnsafeRawBufferPointer = unsafe UnsafeRawBufferPointer(start: nil, count: 0)

    /// Finds `bench=` in the tree's strings: the command line is the only property that can hold it.
    init(_ boot: BootInformation) {
        if boot.deviceTreeSize == 0 {
            readArguments(boot)
            return
        }
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

    /// The bundle's one file, where there is one.
    private mutating func readArguments(_ boot: BootInformation) {
        // Safety: the root task mapped the bundle there, for good, and says how long it is; the file is checked against that.
        guard let start = unsafe UnsafeRawPointer(bitPattern: UInt(boot.bundleAddress)) else { return }
        let bundle = unsafe UnsafeRawBufferPointer(start: start, count: Int(boot.bundleSize))
        func word(_ offset: Int) -> Int {
            unsafe offset + 8 > bundle.count ? 0 : Int(bundle.load(fromByteOffset: offset, as: UInt32.self))
        }
        let (offset, size) = (word(Bundle.entriesOffset), word(Bundle.entriesOffset + 8))
        if word(Bundle.entryCountOffset) == 0 || offset + size > bundle.count { return }
        unsafe text = UnsafeRawBufferPointer(rebasing: bundle[offset..<(offset + size)])
    }

    /// Whether the long rows are left out.
    var isQuick: Bool { unsafe text.count == 5 && Selection.begins(text, "quick") }
    private var isAll: Bool { unsafe text.isEmpty || isQuick || (text.count == 3 && Selection.begins(text, "all")) }
    func accepts(_ name: StaticString) -> Bool { unsafe isAll || Selection.begins(text, name) }
    /// The same for a name that ends in a number.
    func accepts(_ name: StaticString, _ number: UInt64) -> Bool {
        let length = name.utf8CodeUnitCount
        if unsafe text.count <= length { return accepts(name) }
        if unsafe !Selection.begins(UnsafeRawBufferPointer(rebasing: text[0..<length]), name) { return false }
        var digits = 1
        var power: UInt64 = 1
        while number / power >= 10 {
            power *= 10
            digits += 1
        }
        if unsafe text.count - length > digits { return false }
        for index in unsafe length..<text.count {
            if unsafe text[index] != UInt8(truncatingIfNeeded: 48 + number / power % 10) { return false }
            power /= 10
        }
        return true
    }

    /// Whether `name` begins with all of `text`.
    private static func begins(_ text: UnsafeRawBufferPointer, _ name: StaticString) -> Bool {
        if text.count > name.utf8CodeUnitCount { return false }
        // Safety: both indices stay below the lengths that were just compared.
        for index in 0..<text.count where unsafe text[index] != name.utf8Start[index] { return false }
        return true
    }
}
