// Lines that reach no log: told at the first and at each doubling, and none is lost without a word.
import Testing

@testable import ServiceCores

@Suite struct LostLinesTests {
    @Test func theFirstAndEachDoublingIsTold() {
        #expect(told(Array(0...100)) == [1, 3, 7, 15, 31, 63])
    }

    private func told(_ sums: [UInt64]) -> [UInt64] {
        var lost = LostLines()
        return sums.filter { lost.isToTell($0) }
    }

    /// Whatever a task claims, in a loop: each sum is told once.
    @Test func noSumIsToldTwice() {
        for sum in [1, 1 << 62, 1 << 63, ~0] as [UInt64] {
            #expect(told([sum, sum, 1, 0, sum]) == [sum])
        }
        let claims = (0..<1000).flatMap { _ in [1 << 63, ~0, 1] as [UInt64] }
        #expect(told(claims) == [1 << 63])
    }

    @Test func linesWithoutAPlaceAreCounted() {
        var lines = WaitingLines(Name("supervisor"))
        for number in 0..<WaitingLines.places + 3 { lines.append([UInt8(number)]) }
        for number in 0..<WaitingLines.places {
            #expect(lines.first == [UInt8(number)])
            lines.removeFirst()
        }
        let last = lines.first.map { String(decoding: $0, as: UTF8.self) }
        #expect(last == "supervisor lost 3 lines: the log did not take them")
        lines.removeFirst()
        #expect(lines.isEmpty)
        lines.append([7])
        lines.removeFirst()
        #expect(lines.isEmpty)
    }
}
