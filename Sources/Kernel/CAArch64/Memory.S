// Memory by the block: zeroing, copying, cache maintenance, the floating-point registers. Integer registers only, but for
// the last.

    .macro function name
    .section .text.\name, "ax"
    .balign 16
    .global \name
\name:
    .endm

// Zero x1 bytes (not 0) at x0, both multiples of 64. DC ZVA where the processor offers it for blocks of 64 bytes. The zeros are
// ordered before whatever makes them reachable: the walker of page tables observes memory on its own (Arm ARM B2.3.12).
function swiftlet_zero
    add x1, x0, x1
    mrs x2, dczid_el0
    and x2, x2, #0x1f
    cmp x2, #4
    b.ne 2f
1:  dc zva, x0
    add x0, x0, #64
    cmp x0, x1
    b.lo 1b                     // bound: KernelLimits.zeroStep / 64 - 1
    dsb ishst
    ret
2:  stp xzr, xzr, [x0]
    stp xzr, xzr, [x0, #16]
    stp xzr, xzr, [x0, #32]
    stp xzr, xzr, [x0, #48]
    add x0, x0, #64
    cmp x0, x1
    b.lo 2b                     // bound: KernelLimits.zeroStep / 64 - 1
    dsb ishst
    ret

// Every cache line that x1 bytes at x0 touch is cleaned and forgotten, also where cleaning would do: a mere clean is what errata
// 819472, 824069, 826319, 827319 and 855873 of the Cortex-A53 are about.
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
.macro each_pair operation
    \operation q0, q1, [x0]
    \operation q2, q3, [x0, #32]
    \operation q4, q5, [x0, #64]
    \operation q6, q7, [x0, #96]
    \operation q8, q9, [x0, #128]
    \operation q10, q11, [x0, #160]
    \operation q12, q13, [x0, #192]
    \operation q14, q15, [x0, #224]
    \operation q16, q17, [x0, #256]
    \operation q18, q19, [x0, #288]
    \operation q20, q21, [x0, #320]
    \operation q22, q23, [x0, #352]
    \operation q24, q25, [x0, #384]
    \operation q26, q27, [x0, #416]
    \operation q28, q29, [x0, #448]
    \operation q30, q31, [x0, #480]
.endm

function swiftlet_save_floating_point
    each_pair stp
    mrs x1, fpsr
    mrs x2, fpcr
    add x0, x0, #512
    stp x1, x2, [x0]
    ret

function swiftlet_restore_floating_point
    each_pair ldp
    add x0, x0, #512
    ldp x1, x2, [x0]
    msr fpsr, x1
    msr fpcr, x2
    ret

// memcpy and memmove: x0 destination, x1 source, x2 bytes; x0 is the result. Normal memory allows any alignment.
function memcpy
memcpy_up:
    mov x3, x0
    subs x2, x2, #64
    b.lo 2f
1:  ldp x4, x5, [x1]
    ldp x6, x7, [x1, #16]
    ldp x8, x9, [x1, #32]
    ldp x10, x11, [x1, #48]
    stp x4, x5, [x3]
    stp x6, x7, [x3, #16]
    stp x8, x9, [x3, #32]
    stp x10, x11, [x3, #48]
    add x1, x1, #64
    add x3, x3, #64
    subs x2, x2, #64
    b.hs 1b                     // bound: KernelLimits.loanStep / 64 - 1
2:  adds x2, x2, #56
    b.mi 4f
3:  ldr x4, [x1], #8
    str x4, [x3], #8
    subs x2, x2, #8
    b.pl 3b                     // bound: 6
4:  adds x2, x2, #8
    b.eq 6f
5:  ldrb w4, [x1], #1
    strb w4, [x3], #1
    subs x2, x2, #1
    b.ne 5b                     // bound: 6
6:  ret

function memmove
    sub x3, x0, x1
    cmp x3, x2                  // unsigned: a destination below the source is far above it
    b.hs memcpy
    add x1, x1, x2
    add x3, x0, x2
    subs x2, x2, #64
    b.lo 2f
1:  ldp x4, x5, [x1, #-16]
    ldp x6, x7, [x1, #-32]
    ldp x8, x9, [x1, #-48]
    ldp x10, x11, [x1, #-64]!
    stp x4, x5, [x3, #-16]
    stp x6, x7, [x3, #-32]
    stp x8, x9, [x3, #-48]
    stp x10, x11, [x3, #-64]!
    subs x2, x2, #64
    b.hs 1b                     // bound: KernelLimits.loanStep / 64 - 1
2:  adds x2, x2, #56
    b.mi 4f
3:  ldr x4, [x1, #-8]!
    str x4, [x3, #-8]!
    subs x2, x2, #8
    b.pl 3b                     // bound: 6
4:  adds x2, x2, #8
    b.eq 6f
5:  ldrb w4, [x1, #-1]!
    strb w4, [x3, #-1]!
    subs x2, x2, #1
    b.ne 5b                     // bound: 6
6:  ret

// x0 destination, w1 byte, x2 bytes; x0 is the result.
function memset
    mov x3, x0
    and x1, x1, #0xff
    orr x1, x1, x1, lsl #8
    orr x1, x1, x1, lsl #16
    orr x1, x1, x1, lsl #32
1:  subs x2, x2, #16
    b.lo 2f
    stp x1, x1, [x3], #16
    b 1b                        // bound: 288 / 16
2:  adds x2, x2, #16
    b.eq 4f
3:  strb w1, [x3], #1
    subs x2, x2, #1
    b.ne 3b                     // bound: 14
4:  ret
