// The listings that people read, piece by piece: how far each task has come.

import DeviceTree
import Interfaces
import ServiceCores

struct Listings {
    private enum Place {
        case tree(TreeTextPlace)
        /// The next row, the headings first.
        case list(row: Int)
    }
    private struct Reader {
        let task: UInt64
        var place: Place
        /// Bytes that it was given so far.
        var position: UInt64 = 0
    }
    /// One for each task that ever asked; at most `Manifest.maximumTasks`.
    private var readers: [Reader] = []
    /// Bytes at which a piece is long enough: with the longest head of the tree or row of the list
    /// behind them it stays within `DevicesError.pieceBytes`.
    private static var enough: Int { 512 }
    /// Rows of the list in a piece: each is made of cells, which costs some 9,000 instructions, and
    /// some twice as many.
    private static var rows: Int { 2 }

    /// Returns the next piece of a listing for a task, which has read `position` bytes of it.
    mutating func piece(
        isTree: Bool, from position: UInt64, of task: UInt64, _ tree: DeviceTree, _ devices: Devices
    ) throws(DevicesError) -> (bytes: [UInt8], isLast: Bool) {
        if position == 0 {
            readers.removeAll { $0.task == task }
            readers.append(
                Reader(task: task, place: isTree ? .tree(TreeTextPlace()) : .list(row: 0)))
        }
        guard let index = readers.firstIndex(where: { $0.task == task }),
            readers[index].position == position
        else { throw .otherPlace }
        var text = Text()
        let isLast: Bool
        switch readers[index].place {
        case .tree(var place) where isTree:
            // What is not shown may fill a piece: a piece without a byte has no place behind it.
            repeat {
                tree.sendText(from: &place, bytes: Listings.enough) { text.add(byte: $0) }
            } while text.bytes.isEmpty && !place.isAtEnd
            readers[index].place = .tree(place)
            isLast = place.isAtEnd
        case .list(var row) where !isTree:
            let end = min(row + Listings.rows, devices.count + 1)
            while row < end && text.bytes.count < Listings.enough {
                devices.describe(row, tree, &text)
                row += 1
            }
            readers[index].place = .list(row: row)
            isLast = row > devices.count
        default: throw .otherPlace
        }
        readers[index].position += UInt64(text.bytes.count)
        return (text.bytes, isLast)
    }
}
