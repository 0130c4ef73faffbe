// A tree as text, in pieces of any size.

import DeviceTree
import XCTest

final class TreeTextTests: TreeTestCase {
    /// The text in pieces, each of them with what was asked for.
    private func pieces(_ bytes: [UInt8], of size: Int) throws -> [[UInt8]] {
        try describe(bytes) { tree, _ in
            var pieces: [[UInt8]] = []
            var place = TreeTextPlace()
            while !place.isAtEnd {
                var piece: [UInt8] = []
                tree.sendText(from: &place, bytes: size) { piece.append($0) }
                pieces.append(piece)
                XCTAssertLessThan(pieces.count, 100_000)
                if pieces.count == 100_000 { break }
            }
            return pieces
        }
    }

    func testPiecesOfAnySizeMakeTheSameText() throws {
        let long = (0..<900).map { "0x\(String($0, radix: 16))" }.joined(separator: " ")
        let bytes = try compile(
            replacing: "ranges = <0x1000 0x0 0x09000000 0x100000>;",
            with: "ranges = <0x1000 0x0 0x09000000 0x100000>; holder { reg = <\(long)>; "
                + "status = \"okay\"; gpios = [01 02 03]; linux,code; };")
        let whole = try pieces(bytes, of: 1 << 20).flatMap { $0 }
        let text = String(decoding: whole, as: UTF8.self)
        XCTAssertTrue(text.hasPrefix("/ {\r\n"))
        XCTAssertTrue(text.hasSuffix("\r\n};\r\n"))
        XCTAssertTrue(text.contains("reg = <\(long)>;\r\n"))
        XCTAssertTrue(text.contains("status = \"okay\";"))
        XCTAssertTrue(text.contains("gpios = <0x1 0x2 0x3>;"))
        XCTAssertTrue(text.contains("linux,code;"))
        for size in [1, 17, 64, 100, 512, 4096] {
            let parts = try pieces(bytes, of: size)
            XCTAssertEqual(parts.flatMap { $0 }, whole, "\(size)")
            let longest = parts.map(\.count).max() ?? 0
            XCTAssertLessThanOrEqual(longest, size + TreeTextPlace.longestHead, "\(size)")
        }
    }
}
