// The keys of a TOML table, each read with its type and its range. Every error names the file, the
// line, the table and the key.

import TOMLKit

/// The keys that a table may have, as the file spells them.
typealias TableKey = CaseIterable & Hashable & RawRepresentable<String>

/// A file's path, and where its tables and keys stand.
struct TOMLFile {
    let path: String
    let lines: KeyLines

    init(toml: String, path: String) {
        self.path = path
        lines = KeyLines(toml: toml)
    }

    /// - Parameter place: a table's path in the file, or a key's.
    func error(_ place: [String], _ text: String) -> ToolError {
        ToolError("\(path): line \(lines.line(place)): \(text)")
    }
}

/// A table of a file, for messages.
struct TablePlace<Key: TableKey> {
    let file: TOMLFile
    /// The table's path in the file.
    let table: [String]
    /// What the table is; empty for the file as a whole.
    var name: String

    /// An error of the table, or of one of its keys.
    func error(_ key: Key?, _ text: String) -> ToolError { error(at: key?.rawValue, text) }

    fileprivate func error(at key: String?, _ text: String) -> ToolError {
        file.error(table + (key.map { [$0] } ?? []), name.isEmpty ? text : "\(name): \(text)")
    }
    fileprivate func line(_ key: String) -> Int { file.lines.line(table + [key]) }
    fileprivate func below(_ key: Key) -> String {
        name.isEmpty ? key.rawValue : "\(name): \(key.rawValue)"
    }
}

/// One table. It has no key but those of `Key`.
struct Fields<Key: TableKey> {
    var place: TablePlace<Key>
    private let values: TOMLTable

    private init(_ values: TOMLTable, _ file: TOMLFile, _ table: [String], name: String) {
        self.values = values
        place = TablePlace(file: file, table: table, name: name)
    }

    /// Reads a text: `read` gets the whole file's table, which lives as long as that.
    static func read<Result>(
        toml: String, path: String, _ read: (Fields) throws -> Result
    ) throws -> Result {
        let values: TOMLTable
        do { values = try TOMLTable(string: toml) } catch let error as TOMLParseError {
            let place = error.source.begin
            throw ToolError(
                "\(path): line \(place.line), column \(place.column): \(error.description)")
        }
        return try withExtendedLifetime(values) {
            let fields = Fields(values, TOMLFile(toml: toml, path: path), [], name: "")
            try fields.checkKeys()
            return try read(fields)
        }
    }

    func error(_ key: Key?, _ text: String) -> ToolError { place.error(key, text) }

    /// Throws for the first key that the table may not have, and names the known key that
    /// is nearest.
    func checkKeys() throws {
        let unknown = values.keys.filter { Key(rawValue: $0) == nil }
        if let key = unknown.min(by: { place.line($0) < place.line($1) }) {
            let unused = Key.allCases.map { $0.rawValue }.filter { values[$0] == nil }
            let nearest = unused.min { $0.distance(to: key) < $1.distance(to: key) }
            let isNear =
                nearest.map { 3 * $0.distance(to: key) <= max($0.count, key.count) } ?? false
            let hint = isNear ? "; is it \"\(nearest ?? "")\"?" : ""
            throw place.error(at: key, "unknown key \"\(key)\"\(hint)")
        }
    }

    private func value(_ key: Key) -> TOMLValueConvertible? { values[key.rawValue] }

    func has(_ key: Key) -> Bool { value(key) != nil }

    func text(_ key: Key) throws -> String? {
        guard let value = value(key) else { return nil }
        guard let text = value.string else {
            throw error(key, "\(key.rawValue) is a text in quotes")
        }
        return text
    }

    func texts(_ key: Key) throws -> [String] {
        guard let value = value(key) else { return [] }
        let texts = value.array?.map { $0.string } ?? [nil]
        return try texts.map {
            guard let text = $0 else {
                throw error(key, "\(key.rawValue) is a list of texts in quotes")
            }
            return text
        }
    }

    /// - Throws: for a number that `N` cannot hold.
    func number<N: FixedWidthInteger>(_ key: Key) throws -> N? {
        guard let value = value(key) else { return nil }
        guard let number = value.int else { throw error(key, "\(key.rawValue) is a whole number") }
        guard let fitting = N(exactly: number) else {
            throw error(key, "\(key.rawValue) is \(number); it has \(N.min) to \(N.max)")
        }
        return fitting
    }

    /// Left out: false.
    func flag(_ key: Key) throws -> Bool {
        guard let value = value(key) else { return false }
        guard let flag = value.bool else { throw error(key, "\(key.rawValue) is true or false") }
        return flag
    }

    /// The table below a key.
    func fields<Inner: TableKey>(_ key: Key, of: Inner.Type) throws -> Fields<Inner>? {
        guard let value = value(key) else { return nil }
        guard let values = value.table else { throw error(key, "\(key.rawValue) is a table") }
        let inner = Fields<Inner>(
            values, place.file, place.table + [key.rawValue], name: place.below(key))
        try inner.checkKeys()
        return inner
    }

    /// The tables of a list, each called by `key` and its number from 1. The reader of a table
    /// calls `checkKeys` once it knows a better name.
    func list<Inner: TableKey>(_ key: Key, of: Inner.Type) throws -> [Fields<Inner>] {
        let tables = value(key).map { $0.array?.map { $0.table } ?? [nil] } ?? []
        return try tables.enumerated().map { index, values in
            guard let values else {
                throw error(key, "\(key.rawValue) is a list of tables: write [[\(key.rawValue)]]")
            }
            return Fields<Inner>(
                values, place.file, place.table + [key.rawValue, "\(index + 1)"],
                name: "\(key.rawValue) \(index + 1)")
        }
    }

    func required<Value>(_ key: Key, _ value: Value?) throws -> Value {
        guard let value else { throw error(nil, "\(key.rawValue) is missing") }
        return value
    }
}

extension String {
    /// How many letters are to be inserted, removed, replaced or swapped with their neighbour.
    /// - Complexity: O(length × length).
    func distance(to other: String) -> Int {
        let (a, b) = (Array(utf8), Array(other.utf8))
        var before: [Int] = []
        var last: [Int] = Array(0...b.count)
        for i in 0..<a.count {
            var row: [Int] = [i + 1]
            for j in 0..<b.count {
                let cost: Int = a[i] == b[j] ? 0 : 1
                var least: Int = last[j] + cost
                least = Swift.min(least, row[j] + 1)
                least = Swift.min(least, last[j + 1] + 1)
                if i > 0 && j > 0 && a[i] == b[j - 1] && a[i - 1] == b[j] {
                    least = Swift.min(least, before[j - 1] + 1)
                }
                row.append(least)
            }
            (before, last) = (last, row)
        }
        return last[b.count]
    }
}
