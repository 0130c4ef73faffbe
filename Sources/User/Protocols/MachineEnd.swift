// How a machine ends.

/// What becomes of the machine when all tasks end.
public enum MachineEnd: Equatable, Sendable {
    /// It is switched off. An emulator ends with the status.
    case powerOff(status: UInt8)
    case reboot
}
