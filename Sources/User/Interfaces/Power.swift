// The service of a board's power: where no firmware call switches it (PSCI), the root task asks
// this service.

/// The board's reset and its watchdog.
@Service(version: 2)
public protocol Power {
    /// Reboots. It is not answered: the machine goes down a moment later. Other tasks ask the root
    /// task's service `machine`.
    @Method(1, .rootOnly) func reboot()

    /// Switches the board off; else as `reboot`.
    @Method(2, .rootOnly) func powerOff()

    /// Resets the board from now on if the supervisor shows no sign of life for so many seconds, 2
    /// to 15; 0 switches the watchdog off. The supervisor shows one each half second, and one may
    /// go amiss.
    @Method(3, .restricted) func setWatchdog(seconds: UInt8) throws(PowerError)

    /// Tells that the supervisor lives.
    @Method(4, .oneWay, .restricted) func feed()

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

    public var text: StaticString { "the watchdog takes 2 to 15 seconds, or 0" }
}
