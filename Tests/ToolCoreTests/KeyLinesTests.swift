// Where tables and keys stand: strings, comments and brackets within values are no keys.

import XCTest

@testable import ToolCore

final class KeyLinesTests: XCTestCase {
    func testTablesListsAndKeys() {
        let lines = KeyLines(
            toml: """
                # a = 1
                first = "] # = 'x' \\""  # b = 2
                [board]
                text = '''
                inside = 1
                [[task]]
                ''\'''
                after."quoted.key" = [ # ]
                  { c = 1 }, # [
                  "d = 2",
                ]

                [[task]]
                name = "a"
                [task.restart]
                maximum = 1
                [[task]]
                  [[task.inner]]
                  [[task.inner]]
                  deep = "\""
                  x = 1
                \"""

                """)
        let places: [([String], Int)] = [
            (["first"], 2), (["board"], 3), (["board", "text"], 4),
            (["board", "after", "quoted.key"], 8),
            (["task", "1"], 13), (["task", "1", "name"], 14), (["task", "1", "restart"], 15),
            (["task", "1", "restart", "maximum"], 16), (["task", "2"], 17),
            (["task", "2", "inner", "2"], 19), (["task", "2", "inner", "2", "deep"], 20),
            // What is not there has the line of what is around it.
            (["task", "1", "name", "x"], 14), (["task", "2", "x"], 17), (["a"], 1), (["b"], 1),
            (["c"], 1), ([], 1), (["inside"], 1), (["task", "3"], 1),
        ]
        for (path, line) in places { XCTAssertEqual(lines.line(path), line, "\(path)") }
    }

    /// Any text is read to its end.
    func testTextsThatAreNotTOML() {
        for text in [
            "[", "[[", "\"", "a = \"\\", "a = '''", "a", "=", "]", "a = [", "[a\nb = 1", "a.\"",
            "\\", "\r",
        ] {
            _ = KeyLines(toml: text)
            XCTAssertEqual(KeyLines(toml: text + "\n\nb = 1").line(["none"]), 1)
        }
    }

    func testDistance() {
        for (a, b, distance) in [
            ("priority", "priorty", 1), ("priority", "priroity", 1), ("heap", "heaps", 1),
            ("heap", "keep", 2), ("", "abc", 3), ("stack", "stack", 0), ("start", "stack", 2),
        ] {
            XCTAssertEqual(a.distance(to: b), distance, "\(a) \(b)")
            XCTAssertEqual(b.distance(to: a), distance, "\(b) \(a)")
        }
    }
}
