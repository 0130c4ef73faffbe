// A line of text in a buffer of fixed size.

import Protocols
import Testing

@Suite struct LineTests {
    private func text(_ line: Line) -> String {
        line.with { bytes in
            String(decoding: (0..<bytes.count).map { bytes[$0] }, as: UTF8.self)
        }
    }

    @Test func partsStandWhereTheyAreWritten() {
        let name: StaticString = "pin"
        let inner: Line = "\(1) of \(2)"
        #expect(text("\(name) \(3): \(inner), \(hex: 0x1f0 as UInt64)") == "pin 3: 1 of 2, 0x1f0")
        #expect(text("") == "" && text("plain") == "plain")
    }

    @Test func numbersOfEverySize() {
        for value in [0, 1, 9, 10, 99, 100, UInt64.max / 10, UInt64.max - 1, .max] {
            #expect(text("\(value)") == String(value))
            #expect(text("\(hex: value)") == "0x" + String(value, radix: 16))
        }
        for value in [Int64.min, -1, 0, .max] { #expect(text("\(value)") == String(value)) }
        #expect(text("\(UInt8.max) \(Int8.min)") == "255 -128")
    }

    @Test func whatDoesNotFitIsCutOff() {
        var line = Line()
        for index in 0..<300 {
            line.add(byte: UInt8(index % 10) + 48)
            #expect(line.count == min(index + 1, Line.capacity))
        }
        #expect(text(line).hasSuffix("8901") && line[231] == 49 && line[232] == 0 && line[-1] == 0)
        line.add("more")
        #expect(line.count == Line.capacity)
    }
}
