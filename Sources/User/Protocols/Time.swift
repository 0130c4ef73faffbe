// UTC, its source and its quality: for the service `time`, and for the logic of its clock.

/// Where the time comes from; a larger one is the better one.
public enum UTCSource: UInt64, Sendable, CaseIterable {
    case unset = 0
    case rtc = 1
    case hand = 2
    case sntp = 3

    public var text: StaticString {
        switch self {
        case .unset: "unset"
        case .rtc: "the board's clock"
        case .hand: "set by hand"
        case .sntp: "the network"
        }
    }
}

/// UTC at one instant, with its quality.
public struct UTCReading: Equatable, Sendable {
    /// Since the start of 1970; 0 if it is unset.
    public var microseconds: UInt64
    public var source: UTCSource
    /// How far off it may be, in microseconds: that of the source, and the counter's drift since.
    public var error: UInt64
    /// Microseconds since it was set.
    public var age: UInt64

    public init(
        microseconds: UInt64 = 0, source: UTCSource = .unset, error: UInt64 = 0, age: UInt64 = 0
    ) {
        self.microseconds = microseconds
        self.source = source
        self.error = error
        self.age = age
    }
}
