// The benchmark's record of paths with interrupts masked: read, merged with the shipped kernel's
// rows, compared with bounds.

import KernelABI
import ToolCore
import XCTest

final class MaskedPathTests: XCTestCase {
    private func block(
        _ name: String, _ length: Int, _ control: UInt64, goal: Int? = 1200
    ) -> String {
        """
        # Row: \(name)
        # Goal: -
        # Longest Masked: \(length)
        \(goal.map { "# Longest Masked Goal: \($0)\n" } ?? "")# Longest Masked Call: \(control)
        # Longest Masked Place: 4096
        # Missed Cycles: 0

        """
    }
    private func report(_ blocks: String) -> BenchReport {
        BenchReport(text: "# bench begin\n\(blocks)# bench end\n")
    }
    private let setPriority = ControlWord(invoke: .setPriority, Slot(9)).raw

    func testARowHasItsOwnPath() {
        let rows = report(
            block("a", 1201, setPriority) + block("b", 1200, EntryKind.interruptControl)
        ).rows
        XCTAssertEqual(rows[0].masked?.length, 1201)
        XCTAssertEqual(rows[0].masked?.entry, "invoke setPriority")
        XCTAssertEqual(rows[0].masked?.place, 4096)
        XCTAssertEqual(rows[0].masked?.isKept, false)
        XCTAssertEqual(rows[1].masked?.entry, "interrupt")
        XCTAssertEqual(rows[1].masked?.isKept, true)
    }

    func testWithoutCountedInstructionsThereIsNoVerdict() {
        let row = report(block("a", 9000, setPriority, goal: nil)).rows[0]
        XCTAssertEqual(row.masked?.length, 9000)
        XCTAssertNil(row.masked?.isKept)
    }

    func testTheShippedKernelsRowsTakeTheRecordOfTheOther() {
        var shipped = report("# Row: a\n# Goal: 7 kept\n# Max Latencies: 5\n# Missed Cycles: 0\n")
        shipped.add(report(block("a", 1201, setPriority) + block("b", 3, setPriority)))
        XCTAssertEqual(shipped.rows.map(\.name), ["a", "b"])
        XCTAssertEqual(shipped.rows[0].maximum, 5)
        XCTAssertEqual(shipped.rows[0].goal, 7)
        XCTAssertEqual(shipped.rows[0].masked?.length, 1201)
        XCTAssertEqual(
            shipped.summary,
            "2 rows: 1 kept their goal, 0 missed it, 1 have none; longest masked path: 1 kept the "
                + "goal, 1 missed it")
    }

    func testTheLongestComesFirst() {
        let lines = report(
            block("a", 5, setPriority) + block("b", 1300, EntryKind.faultControl) + block("c", 5, 0)
        ).maskedLines
        XCTAssertEqual(lines.dropFirst().map { $0.prefix(1) }, ["b", "a", "c"])
        XCTAssertTrue(lines[1].hasSuffix("1300     1200  missed  fault"), lines[1])
        XCTAssertTrue(lines[3].hasSuffix("5     1200  kept    call"), lines[3])
        XCTAssertEqual(report("").maskedLines, [])
    }

    func testOperationsOnTreesAreSummed() {
        func row(_ name: String, _ maximum: Int, _ length: Int) -> String {
            block(name, length, 0).replacing("# Goal: -", with: "# Max Latencies: \(maximum)")
        }
        let lines = report(
            row("chain.1.callers-0.call", 700, 640) + row("chain.15.callers-200.call", 900, 500)
                + row("chain.15.callers-200.suspend", 800, 600) + row("sweep.yield", 9000, 9000)
        ).treeLines
        XCTAssertEqual(
            lines.dropFirst(2),
            [
                "| call | 900 (15 × 200) | 640 (1 × 0) |",
                "| suspend | 800 (15 × 200) | 600 (15 × 200) |",
            ])
        XCTAssertEqual(report(block("sweep.yield", 1, 0)).treeLines, [])
        XCTAssertEqual(
            report("# Row: chain.1.callers-0.call\n# Max Latencies: 5\n").treeLines.last,
            "| call | 5 (1 × 0) | – |")
    }

    // Entries and their bounds

    private func entries(_ list: [(EntryKind, Int)]) -> BenchReport {
        report(list.map { "# Longest of entry \($0.0.index): \($0.1)\n" }.joined())
    }

    func testEntriesAreNamedAndCompared() {
        var report = entries([
            (EntryKind(control: setPriority), 400), (EntryKind(control: 0), 500), (.interrupt, 600),
            (.fault, 300),
        ])
        XCTAssertEqual(report.notes, [])
        report.setBounds(
            """
            call\t6000\t1000
            callback\t7\t7
            invoke setPriority\t5410\t410
            interrupt while idle\t5610\t610
            interrupt while user code ran, timer\t5650\t650
            fault: page\t5330\t330
            floating-point trap\t5340\t340
            something else\tnone
            """)
        XCTAssertEqual(
            report.entries.map(\.entry), ["invoke setPriority", "call", "interrupt", "fault"])
        XCTAssertEqual(report.entries.map(\.bound), [410, 1000, 650, 340])
        XCTAssertTrue(
            report.entries[0].tableLine.hasSuffix("410             1.02"),
            report.entries[0].tableLine)
        XCTAssertTrue(report.entries[1].tableLine.hasSuffix("1000             2.00"))
        XCTAssertEqual(report.entries[0].tableLine.count, BenchReport.entryHead.count)
    }

    func testABoundIsAtMostTwiceWhatIsMeasured() {
        var report = entries([(.interrupt, 600), (.fault, 300), (EntryKind(control: 0), 500)])
        report.setBounds(
            "interrupt\t9\t1200\nfault\t9\t601\ncall\t9\t499\nsignal\t9\t5\ninvoke revoke\t9\t7",
            isWhole: true)
        XCTAssertEqual(
            report.entries.map(\.objection),
            [
                nil, "fault: the bound 601 is more than 2 times the longest measured section, 300",
                "call: 500 measured, above the bound 499",
                "signal: no row of the benchmark measures it", nil,
            ])
        XCTAssertEqual(
            report.entryLines.dropFirst().map { $0.prefix { $0 != " " } },
            ["invoke", "signal", "fault", "interrupt", "call"])
    }

    func testTheLongestOfSeveralRunsCounts() {
        var report = entries([(.interrupt, 600), (.fault, 300)])
        report.noteLongest(entries([(.interrupt, 500), (.fault, 301), (.scheduling, 7)]).entries)
        XCTAssertEqual(report.entries.map(\.entry), ["interrupt", "fault", "scheduling loop"])
        XCTAssertEqual(report.entries.map(\.measured), [600, 301, 7])
    }

    func testEntriesWithABudgetAreKeptApart() {
        let report = report(
            "# Longest of entry \(EntryKind.fault.index): 300\n"
                + "# Longest of entry \(EntryKind.fault.index) with a budget: 310\n")
        XCTAssertEqual(report.entries.map(\.measured), [300])
        XCTAssertEqual(report.entriesWithBudget.map(\.entry), ["fault"])
        XCTAssertEqual(report.entriesWithBudget.map(\.measured), [310])
        XCTAssertEqual(report.notes, [])
    }

    func testAnEntryWithoutBoundSaysSo() {
        let report = entries([(.interrupt, 600)])
        XCTAssertNil(report.entries[0].bound)
        XCTAssertTrue(report.entries[0].tableLine.hasSuffix("600        -                -"))
    }

    func testEveryEntryHasItsIndex() {
        var seen: Set<UInt64> = [
            EntryKind.interrupt.index, EntryKind.fault.index, EntryKind.unknown.index,
            EntryKind.scheduling.index,
        ]
        for number in UInt8.min...127 {
            guard let call = SystemCall(rawValue: number), call != .invoke else { continue }
            let kind = EntryKind(
                control: ControlWord(call, Slot(3), length: 120, capabilities: 4, timed: true).raw)
            XCTAssertEqual(kind.systemCall, call)
            XCTAssertNil(kind.method)
            XCTAssertTrue(seen.insert(kind.index).inserted)
        }
        for number in UInt8.min...255 {
            guard let method = Method(rawValue: number) else { continue }
            let kind = EntryKind(control: ControlWord(invoke: method, .ownTable).raw)
            XCTAssertEqual(kind.method, method)
            XCTAssertNil(kind.systemCall)
            XCTAssertLessThan(kind.index, UInt64(EntryKind.count))
            XCTAssertTrue(seen.insert(kind.index).inserted)
        }
        XCTAssertEqual(EntryKind(control: 0x7f << 40), .unknown)
        XCTAssertEqual(
            EntryKind(control: UInt64(SystemCall.invoke.rawValue) << 40 | 0xff << 32), .unknown)
    }
}
