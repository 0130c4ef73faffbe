// What the kernel writes to the processor's registers, against the model: features, timer, floating
// point, translation.

import CAArch64
import Testing

@testable import AArch64

@Suite struct ProcessorTests {
    @Test func identificationIsRead() {
        _ = onProcessor([
            "midr_el1": 0x410f_d034, "mpidr_el1": 0x8000_0001, "cntfrq_el0": 62_500_000,
        ]) {
            let processor = Processor()
            #expect(processor.identification == 0x410f_d034)
            #expect(processor.affinity == 0x8000_0001)
            #expect(processor.counterFrequency == 62_500_000)
        }
    }

    /// ID_AA64DFR0_EL1.PMUVer: 0 is none, 15 is one that is not the architecture's.
    @Test func countersAreThereByTheirVersion() {
        for version in 0..<UInt64(16) {
            _ = onProcessor(["id_aa64dfr0_el1": version << 8 | 0xffff_f0ff]) {
                #expect(
                    Processor().hasCycleCounter == (version != 0 && version != 15),
                    "version \(version)")
            }
        }
    }

    /// ID_AA64MMFR0_EL1.ASIDBits: 2 is 16 bits, everything else counts as 8.
    @Test func addressSpacesHaveNumbersOfEightOrSixteenBits() {
        for field in 0..<UInt64(16) {
            _ = onProcessor(["id_aa64mmfr0_el1": field << 4 | 0xffff_ff0f]) {
                #expect(Processor().asidBits == (field == 2 ? 16 : 8), "ASIDBits \(field)")
            }
        }
    }

    static let withoutCounters = [
        Note("cntkctl_el1", 1 << 1), Note("mdscr_el1", 1 << 12), Note("isb"),
    ]

    @Test func userCodeGetsTheVirtualCounterAlone() {
        #expect(onProcessor { Processor().openUserRegisters() } == Self.withoutCounters)
    }
    @Test func userCodeGetsTheCycleCounterWhereThereIsOne() {
        let record = onProcessor(["id_aa64dfr0_el1": 1 << 8]) { Processor().openUserRegisters() }
        #expect(
            record == Self.withoutCounters.dropLast() + [
                Note("pmintenclr_el1", 0xffff_ffff), Note("pmccfiltr_el0", 0),
                Note("pmcntenset_el0", 1 << 31),
                Note("pmcr_el0", 0x45), Note("pmuserenr_el0", 4), Note("isb"),
            ])
    }

    /// CPACR_EL1.FPEN: 1 traps EL0, 3 traps nobody.
    @Test func floatingPointIsSwitchedForUserCodeOnly() {
        #expect(onProcessor { FloatingPoint.set(enabled: true) } == [Note("cpacr_el1", 3 << 20)])
        #expect(onProcessor { FloatingPoint.set(enabled: false) } == [Note("cpacr_el1", 1 << 20)])
        #expect(onProcessor { Processor().closeFloatingPoint() } == [Note("cpacr_el1", 1 << 20)])
    }

    @Test func theTimerComparesThenRuns() {
        #expect(
            onProcessor { GenericTimer.set(77) } == [
                Note("cntv_cval_el0", 77), Note("cntv_ctl_el0", 1),
            ])
        #expect(onProcessor { GenericTimer.off() } == [Note("cntv_ctl_el0", 0)])
        _ = onProcessor(["cntvct_el0": 1234]) { #expect(GenericTimer.now == 1234) }
    }

    @Test func translationBasesCarryTheASIDAtBit48() {
        #expect(Translation.base(rootTable: 0x4000_1000, asid: 0) == 0x4000_1000)
        #expect(Translation.base(rootTable: 0x4000_1000, asid: 255) == 0x00ff_0000_4000_1000)
        #expect(
            onProcessor { Translation.activate(0x1_0000_4000_1000) } == [
                Note("ttbr0_el1", 0x1_0000_4000_1000), Note("isb"),
            ])
    }

    /// Arm ARM D8.14.6: bits 55 to 12 of the address at bit 0, the ASID at bit 48.
    @Test func invalidationNamesPageAndASID() {
        let page = "dsb ishst; tlbi vae1is, %0; dsb ish; isb"
        #expect(
            onProcessor { Translation.invalidate(page: 0x7f_ffff_f000, asid: 3) } == [
                Note(page, 3 << 48 | 0x7ff_ffff)
            ])
        #expect(
            onProcessor { Translation.invalidate(page: ~0, asid: 0) } == [
                Note(page, 0xfff_ffff_ffff)
            ])
        #expect(
            onProcessor { Translation.invalidate(asid: 254) } == [
                Note("dsb ishst; tlbi aside1is, %0; dsb ish; isb", 254 << 48)
            ])
        #expect(
            onProcessor { Translation.invalidateAll() } == [
                Note("dsb ishst; tlbi vmalle1is; dsb ish; isb")
            ])
        #expect(onProcessor { Translation.publish() } == [Note("dsb ishst; isb")])
    }
}
