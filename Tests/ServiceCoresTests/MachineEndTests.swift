// How a machine ends whose commands nobody performs.

import Protocols
import ServiceCores
import Testing

@Suite struct MachineEndTests {
    private func end(_ text: String) throws -> MachineEnd? {
        MachineEnd(arguments: try BootArguments(Array(text.utf8)))
    }

    @Test func theFirstEndCounts() throws {
        #expect(try end("run=\"poweroff 5\"") == .powerOff(status: 5))
        #expect(try end("quiet run=\"ps; log 20; poweroff 255; reboot\"") == .powerOff(status: 255))
        #expect(try end("run=reboot") == .reboot)
        #expect(try end("run=\"sleep 5; reboot; poweroff\"") == .reboot)
    }

    @Test func nothingDoneIsNoSuccess() throws {
        for text in ["poweroff", "poweroff 0", "poweroff 256", "poweroff x"] {
            #expect(try end("run=\"\(text)\"") == .powerOff(status: MachineEnd.unattended))
        }
    }

    @Test func commandsThatEndNothing() throws {
        for text in [
            "", "run=", "run=ps", "run=\"echo poweroff\"", "poweroff", "run=\"poweroff 'x\"",
        ] {
            #expect(try end(text) == nil)
        }
    }
}
