// Which manifest of the bundle is for this board: the one that names what the device tree's root is compatible with.

import DeviceTree
import KernelABI
import ServiceCores

/// The encoded manifest to take; on a board that none names the fallback, and the console says so. Nil: there is none.
func chooseManifest(_ boot: BootInformation, _ bundle: BundleReader, _ console: RootConsole)
    -> UnsafeBufferPointer<UInt8>?
{
    let root = unsafe boardNames(boot)
    var best: (entry: Int, rank: Int)?
    var fallback: Int?
    for entry in 0..<bundle.count where bundle.name(entry).withoutNumber == Name("manifest") {
        guard let file = unsafe bundle.file(entry) else { continue }
        guard let boards = try? Manifest.boards(of: unsafe Span(_unsafeElements: file)) else { continue }
        if boards.isFallback { fallback = entry }
        guard let rank = boards.rank(for: unsafe Span(_unsafeElements: root)) else { continue }
        if rank < best?.rank ?? .max { best = (entry, rank) }
    }
    if let best { return unsafe bundle.file(best.entry) }
    console.line {
        $0.add("no system.toml is for this board, ")
        for index in 0..<root.count {
            let byte = unsafe root[index]
            $0.add(byte: byte > 32 && byte < 127 ? byte : UInt8(ascii: " "))
        }
        if let fallback {
            $0.add("; taking ")
            $0.add(bundle.name(fallback))
        }
    }
    return unsafe fallback.flatMap { unsafe bundle.file($0) }
}

/// The `compatible` of the device tree's root: strings that end in 0, the most specific first; empty where there is none.
private func boardNames(_ boot: BootInformation) -> UnsafeBufferPointer<UInt8> {
    let start = unsafe UnsafeRawPointer(bitPattern: UInt(boot.deviceTreeAddress))
    // Safety: the kernel mapped that many bytes of the tree there, for good.
    guard let start = unsafe start, let tree = try? unsafe DeviceTree(at: start, limit: Int(boot.deviceTreeSize)),
        let names = tree.root.property("compatible")
    else { return unsafe UnsafeBufferPointer(start: nil, count: 0) }
    return unsafe names.bytes.assumingMemoryBound(to: UInt8.self)
}
