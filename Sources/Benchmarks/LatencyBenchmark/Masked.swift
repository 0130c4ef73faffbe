// The longest path with interrupts masked, row by row: the kernel's record is read and set back
// around what a row performs.
//
// Only a kernel that was built to record has one. What lies between the rows (building, restoring,
// printing) counts for the whole run and for no row.

import CBenchmark
import KernelABI
import UserRuntime

/// The longest masked path of a while, with the system call it belongs to and the place where it
/// ended.
struct MaskedPath {
    var length: UInt64 = 0
    var control: UInt64 = 0
    var place: UInt64 = 0

    /// Where the record of the present row, or of the whole run, stands: rows are made by methods
    /// that change nothing.
    private let address: UInt64

    static var ofRow: MaskedPath { MaskedPath(at: Shared.maskedInRow) }
    static var ofRun: MaskedPath { MaskedPath(at: Shared.maskedInRun) }

    private init(at address: UInt64) {
        self.address = address
        length = bench_load(address)
        control = bench_load(address + 8)
        place = bench_load(address + 16)
    }
    /// Takes a path that is longer.
    func note(_ length: UInt64, control: UInt64, place: UInt64) {
        if length <= self.length { return }
        bench_store(address, length)
        bench_store(address + 8, control)
        bench_store(address + 16, place)
    }
    func clear() { bench_store(address, 0) }
}

extension Bench {
    /// From here on the kernel's record is the row's.
    func startMasked() throws(KernelError) { try takeMasked(forRow: false) }
    /// Up to here it was.
    func stopMasked() throws(KernelError) { try takeMasked(forRow: true) }

    private func takeMasked(forRow isRow: Bool) throws(KernelError) {
        if !recordsMasked { return }
        let (length, control, place) = try console.longestMasked()
        try console.resetStatistics()
        MaskedPath.ofRun.note(length, control: control, place: place)
        if isRow { MaskedPath.ofRow.note(length, control: control, place: place) }
    }
}
