// The host tool's pure parts: ELF reading, bundle and image layout, manifest, console lines.

import KernelABI
import ServiceCores
import XCTest

@testable import ToolCore

final class ToolCoreTests: XCTestCase {
    /// A minimal ELF file with one segment of `code` at `address`.
    func elf(
        code: [UInt8], address: UInt64, memory: Int, flags: UInt64 = 5, machine: UInt64 = 183
    ) -> [UInt8] {
        var file: [UInt8] = [0x7f, 0x45, 0x4c, 0x46, 2, 1, 1] + [UInt8](repeating: 0, count: 9)
        func half(_ value: UInt64) -> [UInt8] { [UInt8(value & 0xff), UInt8(value >> 8 & 0xff)] }
        file += half(2) + half(machine) + [1, 0, 0, 0]
        file.append(word: address)
        file.append(word: 64)
        file.append(word: 0)
        file += [0, 0, 0, 0] + half(64) + half(56) + half(1) + half(0) + half(0) + half(0)
        file += [1, 0, 0, 0, UInt8(flags), 0, 0, 0]
        for value in [UInt64(120), address, address, UInt64(code.count), UInt64(memory), 4096] {
            file.append(word: value)
        }
        return file + code
    }

    func testElfSegmentIsRead() throws {
        let file = try ElfFile(bytes: elf(code: [1, 2, 3], address: 0x40_0000, memory: 10))
        XCTAssertEqual(file.segments.count, 1)
        XCTAssertEqual(file.flat(), [1, 2, 3, 0, 0, 0, 0, 0, 0, 0])
    }

    func testElfErrorsAreRefused() {
        XCTAssertThrowsError(try ElfFile(bytes: []))
        XCTAssertThrowsError(try ElfFile(bytes: elf(code: [1], address: 0, memory: 1, machine: 62)))
        var short = elf(code: [1, 2, 3], address: 0, memory: 3)
        short.removeLast()
        XCTAssertThrowsError(try ElfFile(bytes: short))
    }

    /// Every byte of the headers with every extreme value, and every length: an error or a file,
    /// never a trap.
    func testDamagedElfFilesAreReadOrRefused() throws {
        let good = elf(code: [1, 2, 3, 4], address: 0x40_0000, memory: 10)
        var refused = 0
        func read(_ bytes: [UInt8]) {
            guard let file = try? ElfFile(bytes: bytes), let codes = try? file.codes() else {
                return refused += 1
            }
            XCTAssertLessThanOrEqual(file.flat().count, 2 << 30)
            for code in codes {
                XCTAssertLessThanOrEqual(code.words.count * 4, bytes.count)
                XCTAssertEqual(code.errataSites(), [])
            }
        }
        for length in 0..<good.count { read(Array(good.prefix(length))) }
        XCTAssertEqual(refused, good.count)
        for width in [1, 2, 4, 8] {
            for at in 0...(good.count - width) {
                for value in [0, 1, 0x7f, 0x80, 0xff] as [UInt8] {
                    var bytes = good
                    for index in 0..<width { bytes[at + index] = value }
                    read(bytes)
                }
            }
        }
        XCTAssertNoThrow(try ElfFile(bytes: good).codes())
    }

    func testBundleLayout() throws {
        var writer = BundleWriter(
            root: try ElfFile(bytes: elf(code: [9, 8], address: 0x40_0010, memory: 5000)))
        writer.entries = [("a", [1, 2, 3]), ("manifest", [4])]
        let bundle = try writer.pack()
        XCTAssertEqual(bundle.number(0, 8), Bundle.magic)
        XCTAssertEqual(bundle.number(Bundle.sizeOffset, 8), UInt64(bundle.count))
        XCTAssertEqual(bundle.count % 4096, 0)
        XCTAssertEqual(bundle.number(bundle.count - 8, 8), Bundle.magic)
        let offset = Int(bundle.number(Bundle.rootSegmentsOffset, 8))
        XCTAssertEqual(bundle.number(Bundle.rootSegmentsOffset + 8, 8), 0x40_0000)
        XCTAssertEqual(bundle.number(Bundle.rootSegmentsOffset + 16, 8), 8192)
        XCTAssertEqual(bundle[offset + 16], 9)
        XCTAssertEqual(bundle.number(Bundle.entryCountOffset, 8), 2)
        let first = Int(bundle.number(Bundle.entriesOffset, 8))
        XCTAssertEqual(Array(bundle[first..<(first + 3)]), [1, 2, 3])
        XCTAssertEqual(bundle.number(Bundle.entriesOffset + 8, 8), 3)
    }

    func testWritableAndExecutableRootIsRefused() throws {
        let writer = BundleWriter(
            root: try ElfFile(bytes: elf(code: [1], address: 0x40_0000, memory: 1, flags: 7)))
        XCTAssertThrowsError(try writer.pack())
    }

    func testAKernelIsNoRootTaskAndATaskNoKernel() throws {
        let kernel = try ElfFile(
            bytes: elf(code: [1, 2, 3, 4], address: 0xffff_ffff_c000_0000, memory: 4))
        XCTAssertThrowsError(try BundleWriter(root: kernel).pack())
        XCTAssertThrowsError(
            try BundleWriter(
                root: ElfFile(bytes: elf(code: [1], address: 4096, memory: 1, flags: 4))
            ).pack())
        let task = try ElfFile(bytes: elf(code: [1, 2, 3, 4], address: 0x40_0000, memory: 4))
        XCTAssertThrowsError(try makeImage(kernel: task, bundle: []))
    }

    func testTwoEntriesOfOneNameAreRefused() throws {
        var writer = BundleWriter(
            root: try ElfFile(bytes: elf(code: [9, 8], address: 0x40_0000, memory: 2)))
        writer.entries = [("a", [1]), ("b", [2])]
        XCTAssertNoThrow(try writer.pack())
        writer.entries = [("a", [1]), ("b", [2]), ("a", [3])]
        XCTAssertThrowsError(try writer.pack())
    }

    func testImageSizeCoversTheBundle() throws {
        let code =
            [UInt8](repeating: 7, count: 56) + [0x41, 0x52, 0x4d, 0x64]
            + [UInt8](repeating: 7, count: 40)
        let kernel = try ElfFile(bytes: elf(code: code, address: 0, memory: 5000))
        let image = try makeImage(kernel: kernel, bundle: [UInt8](repeating: 1, count: 4096))
        XCTAssertEqual(image.count, 8192 + 4096)
        XCTAssertEqual(image.number(16, 8), UInt64(image.count))
        XCTAssertEqual(image[8192], 1)
    }

    func testConsoleLines() {
        XCTAssertEqual(ConsoleEvent(line: "ok 3 - ipc.call\r"), .passed("ipc.call"))
        XCTAssertEqual(
            ConsoleEvent(line: "not ok 4 - ipc.send: got 3"), .failed("ipc.send", reason: "got 3"))
        XCTAssertEqual(
            ConsoleEvent(line: "ok 5 - fp.calls # SKIP it counts instructions\r"),
            .skipped("fp.calls", reason: "it counts instructions"))
        XCTAssertEqual(
            ConsoleEvent(line: "swiftlet-tests: 12 passed, 1 failed, 3 skipped"),
            .finished(passed: 12, failed: 1, skipped: 3))
        XCTAssertEqual(ConsoleEvent(line: "swiftlet: power off, status 7"), .powerOff(status: 7))
        XCTAssertEqual(ConsoleEvent(line: "swiftlet: kernel panic: brk"), .panic("brk"))
        XCTAssertEqual(ConsoleEvent(line: "hello"), .other)
    }

    private let benchText = """
        # Clock: before the beginning
        # bench begin
        # Clock: x
        #.......

        # Row: a.b
        # Unit: instructions
        # Goal: 225 kept
        # Histogram
        000002 000000995
        000004 000000005
        # Total: 000001000
        # Min Latencies: 00002
        # Avg Latencies: 00002
        # Max Latencies: 00004
        # Percentiles: 50=2 99.99=4
        # Histogram Overflows: 00000
        # Missed Cycles: 00003
        # Row: c
        # Goal: -
        # Missed Cycles: 00000
        # Row: d
        # Goal: 1 missed
        # Missed Cycles: 00000
        # Not run: e
        # Summary: rows 3, goals kept 1, goals missed 1
        # row      min    avg    max   goal
        # a.b        2      2      4    225 instructions
        # bench end
        """

    func testBenchReport() throws {
        let report = BenchReport(text: benchText)
        XCTAssertEqual(report.notes, ["Clock: x", "Not run: e"])
        XCTAssertEqual(report.rows.map(\.name), ["a.b", "c", "d"])
        XCTAssertEqual(
            report.digest,
            [
                "Summary: rows 3, goals kept 1, goals missed 1",
                "row      min    avg    max   goal",
                "a.b        2      2      4    225 instructions",
            ])
        let row = report.rows[0]
        XCTAssertEqual(row.unit, "instructions")
        XCTAssertEqual(row.goal, 225)
        XCTAssertEqual(row.isKept, true)
        XCTAssertEqual(row.maximum, 4)
        XCTAssertEqual(row.missed, 3)
        XCTAssertEqual(row.histogram, ["2": 995, "4": 5])
        XCTAssertEqual(row.percentiles["99.99"], 4)
        XCTAssertNil(report.rows[1].goal)
        XCTAssertNil(report.rows[1].isKept)
        XCTAssertEqual(report.rows[2].isKept, false)
        XCTAssertEqual(report.summary, "3 rows: 1 kept their goal, 1 missed it, 1 have none")
        XCTAssertTrue(row.tableLine.hasSuffix("225  kept  (3 cycles missed)"))
        XCTAssertEqual(
            BenchReport.tableHead.count + "  missed".count, report.rows[2].tableLine.count)
    }

    func testBenchReportSaysWhenARowIsComplete() {
        var report = BenchReport()
        let complete = benchText.split(separator: "\n").compactMap {
            report.add(line: String($0))?.name
        }
        XCTAssertEqual(complete, ["a.b", "c", "d"])
    }

    func testBenchReportIsCompleteAtItsEndWithoutError() {
        XCTAssertTrue(BenchReport(text: benchText).isComplete)
        XCTAssertFalse(BenchReport(text: benchText.replacing("# bench end", with: "")).isComplete)
        XCTAssertFalse(
            BenchReport(text: benchText.replacing("# Not run: e", with: "# error 5")).isComplete)
    }

    func testAnotherRunAddsOnlyWhatIsMissing() {
        var report = BenchReport(
            text: "# bench begin\n# Row: d\n# Goal: 2 kept\n# Missed Cycles: 0\n# Clock: x\n")
        report.add(BenchReport(text: benchText))
        XCTAssertEqual(report.rows.map(\.name), ["d", "a.b", "c"])
        XCTAssertEqual(report.rows[0].goal, 2)
        XCTAssertEqual(report.notes, ["Clock: x", "Not run: e"])
    }

    func testLongestPathIsNamed() {
        func note(_ raw: UInt64) -> String? {
            let text = "# bench begin\n# Longest masked path: control word \(raw)\n"
            return BenchReport(text: text).notes.first
        }
        XCTAssertEqual(
            note(ControlWord(.call, Slot(7), length: 120, capabilities: 4).raw),
            "Longest masked path: call, 120 words, 4 capabilities")
        XCTAssertEqual(
            note(ControlWord(invoke: .retype, Slot(7)).raw), "Longest masked path: invoke retype")
        XCTAssertEqual(note(EntryKind.interruptControl), "Longest masked path: interrupt")
        XCTAssertEqual(note(EntryKind.faultControl), "Longest masked path: fault")
    }

    func testCyclictestText() {
        let lines = BenchReport(text: benchText).rows[0].cyclictestText.split(separator: "\n").map(
            String.init)
        XCTAssertEqual(
            lines,
            [
                "# a.b: instructions", "# Histogram", "000000 000000", "000001 000000",
                "000002 000995", "000003 000000",
                "000004 000005", "# Total: 000001000", "# Min Latencies: 00002",
                "# Avg Latencies: 00002", "# Max Latencies: 00004", "# Histogram Overflows: 00000",
            ])
    }
}
