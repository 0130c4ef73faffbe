// Which boards a manifest is for. One image holds the manifests of all boards; the root task takes
// the one that the device tree's root asks for by its `compatible` (Devicetree Specification 0.4,
// section 2.3.1).

/// The boards that a manifest is for.
public struct Boards: Equatable, Sendable {
    /// Values of a device tree's root `compatible`.
    public var compatible: [Compatible]
    /// Whether it is also taken for a board that no manifest names.
    public var isFallback: Bool

    public init(compatible: [Compatible] = [], isFallback: Bool = false) {
        self.compatible = compatible
        self.isFallback = isFallback
    }

    /// Boards of the longest list.
    public static let maximumCount = 16

    /// How well this manifest fits a board.
    ///
    /// - Parameter root: the root's `compatible`: strings that end in 0, the most specific first.
    /// - Returns: the place of the first string that is listed here, smaller is better; nil
    ///   where none is.
    /// - Complexity: O(bytes × boards).
    public func rank(for root: Span<UInt8>) -> Int? {
        var rank = 0
        var start = 0
        for end in 0..<root.count where root[end] == 0 {
            for value in compatible where value.isAt(start..<end, of: root) { return rank }
            start = end + 1
            rank += 1
        }
        return nil
    }

    func check() throws(ManifestError) {
        if compatible.isEmpty || compatible.count > Boards.maximumCount { throw .badBoards }
        for value in compatible where !value.isGood { throw .badBoards }
    }

    func encode(to out: inout ByteWriter) {
        out.byte(isFallback ? 1 : 0)
        out.values(compatible)
    }

    static func decode(
        _ bytes: Span<UInt8>, _ reader: inout ByteReader
    ) throws(ManifestError) -> Boards {
        let fallback = try reader.byte(bytes)
        if fallback > 1 { throw .badBoards }
        let boards = Boards(compatible: try reader.values(bytes), isFallback: fallback == 1)
        try boards.check()
        return boards
    }
}

extension Compatible {
    fileprivate func isAt(_ place: Range<Int>, of text: Span<UInt8>) -> Bool {
        if bytes.count != place.count { return false }
        for index in 0..<bytes.count where bytes[index] != text[place.lowerBound + index] {
            return false
        }
        return true
    }
}
