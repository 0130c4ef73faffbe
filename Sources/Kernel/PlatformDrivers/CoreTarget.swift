// The cores as an interrupt controller names them, and the software interrupts between them.

/// A core at its interrupt controller: a bit of a GICv2's targets, the affinity for a GICv3, the
/// number of a BCM2836's core.
public struct CoreTarget: Equatable, Sendable {
    public let raw: UInt64
    public init(_ raw: UInt64) { self.raw = raw }
}

/// The software interrupts, by their numbers. A GICv2 adds the sender from bit 10 of the line on.
public enum SoftwareInterrupt: Int, Sendable {
    /// Look again at what to run.
    case look = 0
    /// Stop for good.
    case stop = 1

    /// The software interrupt that was taken as this line; nil if it is another line.
    @inline(__always) public init?(line: Int) { self.init(rawValue: line & 1023) }
}
