// The root task's service `machine`: the end of all tasks.

/// Switches the machine off, by the board's driver if it has one, else by the kernel. It answers
/// only if neither can.
@Service(version: 1)
public protocol Machine {
    /// Reboots.
    @Method(1) func reboot() throws(RootError)

    /// Switches the machine off. An emulator ends with `status`.
    @Method(2) func powerOff(status: UInt8) throws(RootError)
}
