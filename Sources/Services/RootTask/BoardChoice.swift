// Which manifest of the bundle is for this board: the one that names what the device tree's root is
// compatible with.

import DeviceTree
import Interfaces
import KernelABI
import ServiceCores

/// The encoded manifest to take; on a board that none names the fallback, and the console says so.
/// Nil: there is none, or one is damaged that may be for this board.
func chooseManifest(
    _ boot: BootInformation, _ bundle: BundleReader, _ console: RootConsole
) -> UnsafeBufferPointer<UInt8>? {
    let root = unsafe boardNames(boot)
    var best: (entry: Int, rank: Int)?
    var fallback: Int?
    var isSound = true
    for entry in 0..<bundle.count
    where bundle.name(entry).withoutNumber == Name(Manifest.entryName) {
        guard
            let boards = unsafe bundle.file(entry).flatMap({
                try? Manifest.boards(of: unsafe Span(_unsafeElements: $0))
            })
        else {
            isSound = false
            console.line {
                $0.add(bundle.name(entry))
                $0.add(" is damaged, or of another version")
            }
            continue
        }
        if boards.isFallback { fallback = entry }
        guard let rank = boards.rank(for: unsafe Span(_unsafeElements: root)) else { continue }
        if rank < best?.rank ?? .max { best = (entry, rank) }
    }
    if let best { return unsafe bundle.file(best.entry) }
    console.line {
        unsafe tell(root, taking: isSound ? fallback.map { bundle.name($0) } : nil, &$0)
    }
    return isSound ? unsafe fallback.flatMap { unsafe bundle.file($0) } : nil
}

/// In words, of a list that may be of any length.
private func tell(_ root: UnsafeBufferPointer<UInt8>, taking fallback: Name?, _ text: inout Text) {
    text.add("no system.toml is for this board")
    let length = min(root.count, 128)
    for index in 0..<length {
        let byte = unsafe root[index]
        if index == 0 || (unsafe root[index - 1]) == 0 { text.add(", ") }
        if byte > 32 && byte < 127 { text.add(byte: byte) }
    }
    guard let fallback else { return }
    text.add("; taking ")
    text.add(fallback)
}

/// The `compatible` of the device tree's root: strings that end in 0, the most specific first;
/// empty where there is none.
private func boardNames(_ boot: BootInformation) -> UnsafeBufferPointer<UInt8> {
    let start = unsafe UnsafeRawPointer(bitPattern: UInt(boot.deviceTreeAddress))
    // Safety: the kernel mapped that many bytes of the tree there, for good.
    guard let start = unsafe start,
        let tree = try? unsafe DeviceTree(at: start, limit: Int(boot.deviceTreeSize)),
        let names = tree.root.property("compatible")
    else { return unsafe UnsafeBufferPointer(start: nil, count: 0) }
    return unsafe names.bytes.assumingMemoryBound(to: UInt8.self)
}
