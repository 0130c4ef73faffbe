// How a machine ends whose command line has commands (`run="ps; poweroff 5"`), if nobody performs
// them.

import Protocols

extension MachineEnd {
    /// The status of commands that were not performed (EX_SOFTWARE of sysexits.h).
    public static let unattended: UInt8 = 70

    /// Finds the first `poweroff` or `reboot` among the commands of `run`. The status is the
    /// command's; where it says 0 or nothing, `unattended`, since nothing was done.
    ///
    /// - Returns: nil if the commands end nothing.
    public init?(arguments: BootArguments) {
        guard let run = arguments.value("run"), let line = try? CommandLine(run) else { return nil }
        for words in line.commands {
            switch ShellCommand(name: words[0]) {
            case .reboot:
                self = .reboot
                return
            case .poweroff:
                let status =
                    words.count > 1 ? words[1].number.flatMap { UInt8(exactly: $0) } ?? 0 : 0
                self = .powerOff(status: status == 0 ? MachineEnd.unattended : status)
                return
            default: continue
            }
        }
        return nil
    }
}
