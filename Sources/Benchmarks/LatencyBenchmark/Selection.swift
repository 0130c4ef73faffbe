// Which rows to run: the value of `bench=` on the kernel's command line. Within a running system
// there is no command line for the task: the shell's argument comes as the file `arguments` of
// its bundle.

import BenchmarkStatistics
import KernelABI

/// `all`, `quick` (what needs neither loads nor long operations), or the beginning of rows' names.
@safe struct Selection {
    private var text: UnsafeRawBufferPointer = unsafe UnsafeRawBufferPointer(start: nil, count: 0)
    /// Whether only the short rows run.
    private(set) var isQuick = false
    /// Whether the task has the machine to itself. Within a running system there is neither a
    /// device tree nor the memory for sweeps and loads.
    let isAlone: Bool
    /// The core of what is measured.
    private(set) var core = 0

    /// Reads the command line. It is the only property of the tree that can hold these options.
    init(_ boot: BootInformation) {
        isAlone = boot.deviceTreeSize != 0
        if !isAlone {
            readArguments(boot)
            return
        }
        // Safety: the kernel mapped the tree there, for good, and says how long it is.
        guard let start = unsafe UnsafeRawPointer(bitPattern: UInt(boot.deviceTreeAddress)) else {
            return
        }
        let tree = unsafe UnsafeRawBufferPointer(start: start, count: Int(boot.deviceTreeSize))
        if let rows = unsafe Selection.option("bench=", in: tree) { unsafe select(rows) }
        if let number = unsafe Selection.option(" core=", in: tree), number.count == 1 {
            core = Int(unsafe number[0] &- UInt8(ascii: "0"))
        }
    }

    /// The text behind `key`, up to the next blank or the end of the string.
    private static func option(
        _ key: StaticString, in bytes: UnsafeRawBufferPointer
    ) -> UnsafeRawBufferPointer? {
        var at = 0
        while at + key.utf8CodeUnitCount < bytes.count {
            let begin = at + key.utf8CodeUnitCount
            if unsafe isEqual(UnsafeRawBufferPointer(rebasing: bytes[at..<begin]), key) {
                var end = begin
                while end < bytes.count, unsafe bytes[end] > 32 { end += 1 }
                return unsafe UnsafeRawBufferPointer(rebasing: bytes[begin..<end])
            }
            at += 1
        }
        return nil
    }

    /// The bundle's one file, where there is one.
    private mutating func readArguments(_ boot: BootInformation) {
        // Safety: the root task mapped the bundle there, for good, and says how long it is; the
        // file is checked against that.
        guard let start = unsafe UnsafeRawPointer(bitPattern: UInt(boot.bundleAddress)) else {
            return
        }
        let bundle = unsafe UnsafeRawBufferPointer(start: start, count: Int(boot.bundleSize))
        func word(_ offset: Int) -> Int {
            unsafe offset + 8 > bundle.count
                ? 0 : Int(bundle.load(fromByteOffset: offset, as: UInt32.self))
        }
        let (offset, size) = (word(Bundle.entriesOffset), word(Bundle.entriesOffset + 8))
        if word(Bundle.entryCountOffset) == 0 || offset + size > bundle.count { return }
        unsafe select(UnsafeRawBufferPointer(rebasing: bundle[offset..<(offset + size)]))
    }

    private mutating func select(_ value: UnsafeRawBufferPointer) {
        if unsafe Selection.isEqual(value, "quick") {
            isQuick = true
        } else if unsafe !Selection.isEqual(value, "all") {
            unsafe text = value
        }
    }

    /// Whether the row runs.
    func accepts(_ name: RowName) -> Bool { unsafe text.count <= name.count && agrees(name) }
    /// Whether a row may run whose name begins with `prefix`: its objects are needed.
    func needs(_ prefix: RowName) -> Bool { agrees(prefix) }

    /// Whether one of both begins with the other.
    private func agrees(_ name: RowName) -> Bool {
        // Safety: `index` stays below both counts.
        for index in 0..<min(unsafe text.count, name.count)
        where unsafe text[index] != name[index] {
            return false
        }
        return true
    }
    private static func isEqual(_ bytes: UnsafeRawBufferPointer, _ text: StaticString) -> Bool {
        if bytes.count != text.utf8CodeUnitCount { return false }
        // Safety: `index` stays below both counts.
        for index in 0..<bytes.count where unsafe bytes[index] != text.utf8Start[index] {
            return false
        }
        return true
    }
}
