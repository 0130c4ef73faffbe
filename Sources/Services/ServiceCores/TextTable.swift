// A table for the terminal: columns as wide as their widest cell, numbers to the right, text to the
// left. Widths are columns of the terminal, not bytes.

/// Which side of its column a cell stands on.
public enum Alignment: Sendable { case left, right }

/// Rows of cells under headings. Missing cells are empty; cells beyond the last column are dropped.
public struct TextTable: Sendable {
    private var headings: [[UInt8]] = []
    private var alignments: [Alignment] = []
    private var widths: [Int] = []
    private var rows: [[[UInt8]]] = []

    public init() {}

    public mutating func column(_ heading: StaticString, _ alignment: Alignment = .left) {
        headings.append(Text(heading).bytes)
        alignments.append(alignment)
        widths.append(headings[headings.count - 1].count)
    }

    public mutating func row(_ cells: [[UInt8]]) {
        fit(cells)
        rows.append(cells)
    }

    public var rowCount: Int { rows.count }

    /// Makes the columns wide enough for a row that the table does not keep: one that is made again
    /// when it is shown.
    public mutating func fit(_ cells: [[UInt8]]) {
        for column in 0..<min(cells.count, widths.count) {
            widths[column] = max(widths[column], CharacterWidth.columns(of: cells[column]))
        }
    }

    /// The whole table, a line per row, without blanks at the ends of lines.
    /// - Complexity: O(rows × columns × width).
    public func render(to text: inout Text) {
        renderHeadings(to: &text)
        for row in rows { render(row, to: &text) }
    }

    public func renderHeadings(to text: inout Text) { render(headings, to: &text) }

    /// One row, kept or not.
    /// - Precondition: the columns fit it.
    public func render(_ cells: [[UInt8]], to text: inout Text) {
        var pending = 0
        for column in 0..<min(cells.count, widths.count) {
            let cell = cells[column]
            let blanks = widths[column] - CharacterWidth.columns(of: cell)
            if alignments[column] == .right { pending += blanks }
            if !cell.isEmpty {
                for _ in 0..<pending { text.add(byte: 32) }
                pending = 0
                text.add(cell)
            }
            if alignments[column] == .left { pending += blanks }
            pending += 2
        }
        text.newLine()
    }
}
