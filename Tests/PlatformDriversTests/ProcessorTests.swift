// What the drivers do to the processor itself, against its model: a GICv3's system registers,
// firmware calls, a probing load.

import CAArch64
import PlatformDrivers
import Testing

/// What was written or performed, in order.
private func record(_ registers: [String: UInt64] = [:], _ body: () -> Void) -> [String] {
    swiftlet_model_reset()
    for (name, value) in registers { swiftlet_model_set(name, value) }
    body()
    return (0..<swiftlet_model_count()).map { index in
        let note = swiftlet_model_get(index)
        return "\(String(cString: note.what)) \(note.value)"
    }
}

@Suite struct ProcessorTests {
    /// By their encodings: Arm IHI 0069H, 12.2.
    @Test func eachRegisterOfAGICv3HasItsEncoding() {
        let core = CoreGICRegisters()
        let writes = record {
            core.write(.end, 1)
            core.write(.deactivate, 2)
            core.write(.control, 3)
            core.write(.priorityMask, 4)
            core.write(.groupEnable, 5)
            core.write(.systemAccess, 6)
            core.write(.softwareInterrupt, 7)
            core.synchronize()
        }
        #expect(
            writes == [
                "s3_0_c12_c12_1 1", "s3_0_c12_c11_1 2", "s3_0_c12_c12_4 3", "s3_0_c4_c6_0 4",
                "s3_0_c12_c12_7 5",
                "s3_0_c12_c12_5 6", "s3_0_c12_c11_5 7", "isb 0",
            ])
        #expect(record(["s3_0_c12_c12_0": 40]) {}.isEmpty && core.readAcknowledge() == 40)
    }

    @Test func firmwareIsCalledTheWayThatItsNameSays() {
        let calls = record(["x0": ~3]) {
            #expect(CoreFirmware().hypervisorCall(0x8400_0008, 1, 2) == -4)
            #expect(CoreFirmware().secureMonitorCall(0x8400_0009, 3, 4) == -4)
        }
        #expect(
            calls == ["hvc \(0x8400_0008)", "x1 1", "x2 2", "smc \(0x8400_0009)", "x1 3", "x2 4"])
    }

    /// A load, between a cleared syndrome and a barrier after which every abort has come.
    @Test func aProbeWaitsForItsAbort() {
        let accesses = record(["esr_el1": 0x9600_0010]) { #expect(MemoryProbe.answers(0x1000)) }
        #expect(accesses == ["esr_el1 0", "probe 4096", "dsb sy; isb 0"])
    }
    /// ISR_EL1: bit 8 is a system error, bits 6 and 7 are interrupts.
    @Test func aProbeThatAbortsAtOnceOrLaterIsNotAnswered() {
        func answers(pending: UInt64 = 0, syndrome: UInt64 = 0, late: UInt64 = 0) -> Bool {
            swiftlet_model_reset()
            swiftlet_model_set("isr_el1", pending)
            swiftlet_model_abort(syndrome, late)
            return MemoryProbe.answers(0x1000)
        }
        #expect(!answers(syndrome: 0x9600_0010))
        #expect(!answers(late: 1 << 8))
        #expect(answers(late: 1 << 6 | 1 << 7), "interrupts tell nothing")
        #expect(answers(pending: 1 << 8, late: 1 << 8), "what was pending before is another's")
        #expect(answers(late: 1 << 9))
    }
}
