// Revision codes of real boards.
import ServiceCores
import XCTest

final class BoardRevisionTests: XCTestCase {
    func testCodesOfRealBoards() {
        let boards: [(UInt32, String, UInt64, UInt64)] = [
            (0xa02082, "Raspberry Pi 3 B", 1024, 2), (0xa020d3, "Raspberry Pi 3 B+", 1024, 3),
            (0x9020e0, "Raspberry Pi 3 A+", 512, 0), (0x902120, "Raspberry Pi Zero 2 W", 512, 0),
            (0xa03111, "Raspberry Pi 4 B", 1024, 1), (0xb03115, "Raspberry Pi 4 B", 2048, 5),
            (0xd03114, "Raspberry Pi 4 B", 8192, 4), (0xc04170, "Raspberry Pi 5", 4096, 0),
        ]
        for (code, name, megabytes, minor) in boards {
            let board = BoardRevision(code: code)
            XCTAssertEqual("\(board.name)", name)
            XCTAssertEqual(board.megabytes, megabytes)
            XCTAssertEqual(board.minor, minor)
        }
    }

    func testAnOldCodeSaysNothing() {
        let board = BoardRevision(code: 0x0010)
        XCTAssertNil(board.megabytes)
        XCTAssertNil(board.minor)
        XCTAssertEqual("\(board.name)", "a board with an old revision code")
    }
}
