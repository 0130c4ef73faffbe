// The bundle as it lies in the root task's memory: files by name.

import Interfaces
import KernelABI
import ServiceCores

/// Safety: the kernel mapped `size` bytes of the bundle at `base`, read-only and for good; every
/// access below is checked against that.
@safe struct BundleReader {
    private let bytes: UnsafeRawBufferPointer

    init(boot: BootInformation) {
        unsafe bytes = UnsafeRawBufferPointer(
            start: UnsafeRawPointer(bitPattern: UInt(boot.bundleAddress)),
            count: Int(boot.bundleSize))
    }

    private func word(_ offset: Int) -> UInt64 {
        unsafe offset >= 0 && offset <= bytes.count - 8
            ? bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self) : 0
    }

    /// Files in the bundle.
    var count: Int { Int(min(word(Bundle.entryCountOffset), 1000)) }

    func name(_ index: Int) -> Name {
        let entry = Bundle.entriesOffset + index * Bundle.entryStride
        return Name(word(entry + 16), word(entry + 24), word(entry + 32), word(entry + 40))
    }

    /// File `index`; nil when it reaches outside the bundle.
    func file(_ index: Int) -> UnsafeBufferPointer<UInt8>? {
        let entry = Bundle.entriesOffset + index * Bundle.entryStride
        let offset = word(entry)
        let size = word(entry + 8)
        if unsafe offset > UInt64(bytes.count) || size > UInt64(bytes.count) - offset { return nil }
        let part = unsafe UnsafeRawBufferPointer(rebasing: bytes[Int(offset)..<Int(offset + size)])
        return unsafe part.assumingMemoryBound(to: UInt8.self)
    }

    /// The file called `name`; nil when there is none, or it reaches outside the bundle.
    func file(_ name: Name) -> UnsafeBufferPointer<UInt8>? {
        for index in 0..<count where self.name(index) == name { return unsafe file(index) }
        return nil
    }
}
