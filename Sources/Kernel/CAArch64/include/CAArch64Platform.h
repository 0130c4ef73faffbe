// System registers of the interrupt controller, and calls of the firmware: for PlatformDrivers.
#ifndef SWIFTLET_CAARCH64_PLATFORM_H
#define SWIFTLET_CAARCH64_PLATFORM_H

#include "CAArch64.h"

// GICv3 CPU interface (GIC architecture specification, 12.2), by encoding, since not every
// assembler setting knows the names.
SWIFTLET_READ(gic_acknowledge, "s3_0_c12_c12_0")     // ICC_IAR1_EL1
SWIFTLET_READ(gic_pending, "s3_0_c12_c12_2")         // ICC_HPPIR1_EL1
SWIFTLET_WRITE(gic_end, "s3_0_c12_c12_1")            // ICC_EOIR1_EL1
SWIFTLET_WRITE(gic_deactivate, "s3_0_c12_c11_1")     // ICC_DIR_EL1
SWIFTLET_WRITE(gic_control, "s3_0_c12_c12_4")        // ICC_CTLR_EL1
SWIFTLET_WRITE(gic_priority_mask, "s3_0_c4_c6_0")    // ICC_PMR_EL1
SWIFTLET_WRITE(gic_group_enable, "s3_0_c12_c12_7")   // ICC_IGRPEN1_EL1
SWIFTLET_WRITE(gic_system_access, "s3_0_c12_c12_5")  // ICC_SRE_EL1
SWIFTLET_WRITE(gic_software_interrupt, "s3_0_c12_c11_5")  // ICC_SGI1R_EL1

// Tells whether a load aborted: `swiftlet_probe` survives it.
SWIFTLET_READ(syndrome, "esr_el1")
SWIFTLET_WRITE(syndrome, "esr_el1")
/// Waits until all earlier accesses are complete, or have aborted.
SWIFTLET_INLINE void swiftlet_complete(void) { SWIFTLET_PERFORM("dsb sy; isb"); }

/// Calls a PSCI function (Arm DEN 0022), by `smc` or `hvc`.
SWIFTLET_INLINE uint64_t swiftlet_firmware_call(
    uint64_t function, uint64_t first, uint64_t second, uint64_t use_smc) {
#ifdef SWIFTLET_MODEL
    swiftlet_model_note(use_smc ? "smc" : "hvc", function);
    swiftlet_model_note("x1", first);
    swiftlet_model_note("x2", second);
    return swiftlet_model_read("x0");
#else
    register uint64_t x0 __asm__("x0") = function;
    register uint64_t x1 __asm__("x1") = first;
    register uint64_t x2 __asm__("x2") = second;
    register uint64_t x3 __asm__("x3") = 0;
    if (use_smc)
        __asm__ volatile("smc #0"
                         : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3)::"memory", "x4", "x5", "x6", "x7",
                           "x8", "x9", "x10", "x11", "x12", "x13", "x14", "x15", "x16", "x17");
    else
        __asm__ volatile("hvc #0"
                         : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3)::"memory", "x4", "x5", "x6", "x7",
                           "x8", "x9", "x10", "x11", "x12", "x13", "x14", "x15", "x16", "x17");
    return x0;
#endif
}

#endif
