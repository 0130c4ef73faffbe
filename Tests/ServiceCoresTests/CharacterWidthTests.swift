// The width of characters, held against the C library's.
import Foundation
import Testing

@testable import ServiceCores

/// `wcwidth` of the C library, which its headers show to X/Open programs only.
private let wcwidth: @convention(c) (wchar_t) -> Int32 = {
    precondition(setlocale(LC_CTYPE, "C.UTF-8") != nil)
    return unsafeBitCast(dlsym(nil, "wcwidth")!, to: (@convention(c) (wchar_t) -> Int32).self)
}()

/// Columns that the C library gives a character; -1 where it knows none.
func widthOfTheCLibrary(_ scalar: Unicode.Scalar) -> Int { Int(wcwidth(wchar_t(scalar.value))) }

@Suite struct CharacterWidthTests {
    /// Characters whose width Unicode 16 changed: C libraries differ.
    private let changed: [ClosedRange<UInt32>] = [
        0x2630...0x2637, 0x268a...0x268f, 0x1d300...0x1d376,
    ]

    @Test func widthsAreThoseOfTheCLibrary() {
        var compared = 0
        var different: [String] = []
        let ranges: [ClosedRange<UInt32>] = [
            0x20...0x32fff, 0xe0000...0xe0fff, 0x100000...0x1000ff,
        ]
        for value in ranges.joined() {
            // Later characters are those that an older C library does not know.
            guard let scalar = Unicode.Scalar(value), let age = scalar.properties.age,
                age.major <= 14,
                !CharacterWidth.isControl(value), !scalar.properties.isNoncharacterCodePoint,
                !changed.contains(where: { $0.contains(value) })
            else { continue }
            compared += 1
            let width = widthOfTheCLibrary(scalar)
            if width != CharacterWidth.columns(of: value) {
                different.append("\(String(value, radix: 16)): \(width)")
            }
        }
        #expect(compared > 140_000)
        #expect(different == [])
    }

    @Test func textsAreMeasured() {
        #expect(CharacterWidth.columns(of: Array("abc".utf8)) == 3)
        #expect(CharacterWidth.columns(of: Array("caf\u{e9}".utf8)) == 4)
        #expect(CharacterWidth.columns(of: Array("e\u{301}\u{65e5}".utf8)) == 3)
        #expect(CharacterWidth.columns(of: [0xff, 97, 0xe2, 0x82]) == 3)
    }

    /// Every third character survives the way through bytes.
    @Test func charactersAreTakenAndGiven() {
        for value in stride(from: UInt32(0), through: 0x10ffff, by: 3) {
            guard let scalar = Unicode.Scalar(value) else { continue }
            let bytes = CharacterInput.bytes(of: value)
            if bytes != Array(scalar.utf8) { Issue.record("\(value) is \(bytes)") }
            var input = CharacterInput()
            var taken: [UInt32] = []
            for byte in bytes {
                if input.isBroken(by: byte) { taken.append(CharacterInput.replacement) }
                if let scalar = input.take(byte) { taken.append(scalar) }
            }
            if taken != [value] { Issue.record("\(value) became \(taken)") }
        }
    }

    /// Noise is read as the standard library reads it.
    @Test func noiseIsReadAsTheStandardLibraryDoes() {
        var generator = Generator(state: 7)
        let bytes: [UInt8] = [
            0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc2, 0xdf, 0xe0, 0xe1, 0xed,
            0xef, 0xf0, 0xf1, 0xf4, 0xf5, 0xff,
        ]
        for _ in 0..<20_000 {
            let text = (0..<8).map { _ in bytes[Int(generator.next() % UInt64(bytes.count))] }
            var input = CharacterInput()
            var taken: [UInt32] = []
            for byte in text {
                if input.isBroken(by: byte) { taken.append(CharacterInput.replacement) }
                if let scalar = input.take(byte) { taken.append(scalar) }
            }
            if input.isInside { taken.append(CharacterInput.replacement) }
            #expect(taken == String(decoding: text, as: UTF8.self).unicodeScalars.map(\.value))
        }
    }
}
