// Memory by the block: zeroing, cache maintenance, the floating-point registers. Only the last uses
// other than integer registers. Copies: Sources/Shared/CMemory.

    .macro function name
    .section .text.\name, "ax"
    .balign 16
    .global \name
\name:
    .endm

// Zeroes x1 bytes (not 0) at x0, both multiples of 64; by DC ZVA if the processor has it for blocks
// of 64 bytes, and says nothing else in DCZID_EL0. The zeros are ordered before later stores that
// make them reachable, since the walker of page tables observes memory on its own (Arm ARM
// B2.3.12).
function swiftlet_zero
    mrs x2, dczid_el0
    cmp x2, #4
    b.ne 2f
1:  dc zva, x0
    add x0, x0, #64
    subs x1, x1, #64
    b.hi 1b                     // bound: KernelLimits.zeroStep / 64 - 1
    dsb ishst
    ret
2:  stp xzr, xzr, [x0, #16]
    stp xzr, xzr, [x0, #32]
    stp xzr, xzr, [x0, #48]
    stp xzr, xzr, [x0], #64
    subs x1, x1, #64
    b.hi 2b                     // bound: KernelLimits.zeroStep / 64 - 1
    dsb ishst
    ret

// Cleans and invalidates every cache line that x1 bytes at x0 touch. It never only cleans: errata
// 819472, 824069, 826319, 827319 and 855873 of the Cortex-A53 concern a mere clean.
.macro clean_by_line
    cbz x1, 2f
    mrs x2, ctr_el0
    ubfx x2, x2, #16, #4
    mov x3, #4
    lsl x3, x3, x2
    add x1, x0, x1
    sub x2, x3, #1
    bic x0, x0, x2
1:  dc civac, x0
    add x0, x0, x3
    cmp x0, x1
    b.lo 1b
2:
.endm

function swiftlet_cache_clean
    clean_by_line               // bound: KernelLimits.cacheStep / 64
    dsb sy
    ret

function swiftlet_cache_unify
    clean_by_line               // bound: KernelLimits.cacheStep / 64
    dsb ish
    ic ialluis
    dsb ish
    isb
    ret

    .arch_extension fp
    .arch_extension simd
// q0-q31 at byte 16, after FPSR and FPCR: so all of them are within an instruction's reach.
.macro each_pair operation, area
    \operation q0, q1, [\area, #16]
    \operation q2, q3, [\area, #48]
    \operation q4, q5, [\area, #80]
    \operation q6, q7, [\area, #112]
    \operation q8, q9, [\area, #144]
    \operation q10, q11, [\area, #176]
    \operation q12, q13, [\area, #208]
    \operation q14, q15, [\area, #240]
    \operation q16, q17, [\area, #272]
    \operation q18, q19, [\area, #304]
    \operation q20, q21, [\area, #336]
    \operation q22, q23, [\area, #368]
    \operation q24, q25, [\area, #400]
    \operation q26, q27, [\area, #432]
    \operation q28, q29, [\area, #464]
    \operation q30, q31, [\area, #496]
.endm
// CPACR_EL1.FPEN: user code may use floating point, or traps; the kernel may.
#define MAY_USE (3 << 20)
#define MUST_TRAP (1 << 20)

// Writes the registers to x0 and loads others from x1; 0: leaves that part out.
function swiftlet_switch_floating_point
    mov x5, x0
    mov x6, x1
// The same in x5 and x6. Changes x16 and x17.
    .global swiftlet_switch_floating_point_registers
swiftlet_switch_floating_point_registers:
    cbz x5, 1f
    mrs x16, fpsr
    mrs x17, fpcr
    stp x16, x17, [x5]
    each_pair stp, x5
    cbnz x6, 2f
    mov x16, #MUST_TRAP
    msr cpacr_el1, x16
    ret
1:  mov x16, #MAY_USE
    msr cpacr_el1, x16
2:  ldp x16, x17, [x6]
    msr fpsr, x16
    msr fpcr, x17
    each_pair ldp, x6
    ret
