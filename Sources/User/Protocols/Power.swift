// The service of a board's power: where no firmware call switches it (PSCI), the root task asks
// this service.

/// Word 0 of requests.
public enum PowerRequest {
    /// From the root task alone, which asks for `factory.power`. Never answered: the machine goes
    /// down a moment later. Reply to others: `notPermitted`.
    public static var reboot: UInt64 { 1 }
    /// As `reboot`.
    public static var powerOff: UInt64 { 2 }
    /// Word 1: seconds, 2 to 15; 0 switches it off. From now on the board is reset when the
    /// supervisor shows no sign of life for that long; it shows one each half second, and one may
    /// go amiss. Reply: 0; 1: out of range; `notPermitted`: the caller lacks the privilege
    /// `factory.power`.
    public static var watchdog: UInt64 { 3 }
    /// One-way, from the supervisor: it lives. From others it counts for nothing.
    public static var feed: UInt64 { 4 }
    /// Reply: 0, the watchdog's seconds or 0, the supervisor's signs of life since the
    /// driver started.
    public static var state: UInt64 { 5 }
    public static var notPermitted: UInt64 { 2 }
}
