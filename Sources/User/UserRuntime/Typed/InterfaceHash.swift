// How client and server find out that they were built from different versions of an interface.

/// The hash of an interface. Two tasks with the same hash understand each other's messages.
public struct InterfaceHash: Equatable, Sendable {
    public private(set) var raw: UInt64 = 0xcbf2_9ce4_8422_2325

    /// - Parameter version: the service's author increments it if the meaning of a method changes
    ///   and its types do not.
    public init(_ name: StaticString, version: UInt64) {
        add(name)
        add(version)
    }
    /// A method.
    public mutating func add(_ number: UInt64, _ name: StaticString, _ kind: StaticString) {
        add(number)
        add(name)
        add(kind)
    }
    /// A parameter, a result, an error, a field or a case.
    public mutating func add(_ shape: UInt64, _ name: StaticString = "") {
        for index in 0..<8 as Range<UInt64> { mix(UInt8(truncatingIfNeeded: shape >> (8 * index))) }
        add(name)
    }
    private mutating func add(_ text: StaticString) {
        // Safety: a static string is there for good, and says how long it is.
        text.withUTF8Buffer { bytes in
            for index in 0..<bytes.count { unsafe mix(bytes[index]) }
        }
        mix(0)
    }
    /// FNV-1a.
    private mutating func mix(_ byte: UInt8) { raw = (raw ^ UInt64(byte)) &* 0x100_0000_01b3 }
}
