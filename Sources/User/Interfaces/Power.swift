// The service of a board's power: where no firmware call switches it (PSCI), the root task asks
// this service.

/// The board's reset and its watchdog.
@Service(version: 1)
public protocol Power {
    /// Reboots. It is not answered: the machine goes down a moment later. For the root task alone,
    /// which asks for the privilege `factory.power`.
    @Method(1) func reboot() throws(PowerError)

    /// Switches the board off; else as `reboot`.
    @Method(2) func powerOff() throws(PowerError)

    /// Resets the board from now on if the supervisor shows no sign of life for so many seconds, 2
    /// to 15; 0 switches the watchdog off. The supervisor shows one each half second, and one may
    /// go amiss. The client needs the privilege `factory.power`.
    @Method(3) func setWatchdog(seconds: UInt8) throws(PowerError)

    /// Tells that the supervisor lives. From other tasks it counts for nothing.
    @Method(4, .oneWay) func feed()

    /// The state of the watchdog.
    @Method(5) func watchdog() -> WatchdogState
}

/// The watchdog.
@Message public struct WatchdogState: Sendable {
    /// 0: it is off.
    public var seconds: UInt8
    /// The supervisor's signs of life since the driver started.
    public var signs: UInt64

    public init(seconds: UInt8, signs: UInt64) {
        self.seconds = seconds
        self.signs = signs
    }
}

/// Why the power's driver refuses a request.
@Message public enum PowerError: UInt16, ServiceError {
    case outOfRange
    /// The client lacks the privilege.
    case notPermitted

    public var text: StaticString {
        switch self {
        case .outOfRange: "the watchdog takes 2 to 15 seconds, or 0"
        case .notPermitted: "this task may not switch the board's power"
        }
    }
}
