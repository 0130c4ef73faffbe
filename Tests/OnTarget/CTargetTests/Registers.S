// A system call, and a loop, with every register filled: what the kernel must keep, it keeps, and
// what it must clear is clear. Register xN holds the number N before and after.
    .arch armv8-a
    .text

.macro save_frame
    stp     x29, x30, [sp, #-128]!
    stp     x19, x20, [sp, #16]
    stp     x21, x22, [sp, #32]
    stp     x23, x24, [sp, #48]
    stp     x25, x26, [sp, #64]
    stp     x27, x28, [sp, #80]
    str     x0, [sp, #96]
.endm
.macro restore_frame
    ldp     x19, x20, [sp, #16]
    ldp     x21, x22, [sp, #32]
    ldp     x23, x24, [sp, #48]
    ldp     x25, x26, [sp, #64]
    ldp     x27, x28, [sp, #80]
    ldp     x29, x30, [sp], #128
.endm
.macro fill from, to
    .irp number, 2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30
    .if \number >= \from && \number <= \to
    mov     x\number, #\number
    .endif
    .endr
.endm
// x0: not 0 where one of the registers differs from its number.
.macro gather from, to
    mov     x0, xzr
    .irp number, 2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30
    .if \number >= \from && \number <= \to
    sub     x\number, x\number, #\number
    orr     x0, x0, x\number
    .endif
    .endr
.endm

// x0 to x2: a system call's; x3: the condition flags. Returns the flags behind the call.
    .globl flagsAcrossCall
flagsAcrossCall:
    msr     nzcv, x3
    svc     #0
    mrs     x0, nzcv
    ret

// The same with PSTATE.DIT set.
    .globl dataIndependenceAcrossCall
dataIndependenceAcrossCall:
    mov     x3, #(1 << 24)
    msr     s3_3_c4_c2_5, x3
    svc     #0
    mrs     x0, s3_3_c4_c2_5
    msr     s3_3_c4_c2_5, xzr
    ret

// x0: the 11 words x0 to x10 of the call, which receive its results. Returns bits: 0: x11 to x18
// are not clear; 1: x19 to x30 changed; 2: TPIDR_EL0 changed.
    .globl checkedSystemCall
checkedSystemCall:
    save_frame
    mrs     x1, tpidr_el0
    str     x1, [sp, #104]
    mov     x17, x0
    ldp     x0, x1, [x17]
    ldp     x2, x3, [x17, #16]
    ldp     x4, x5, [x17, #32]
    ldp     x6, x7, [x17, #48]
    ldp     x8, x9, [x17, #64]
    ldr     x10, [x17, #80]
    fill    11, 30
    svc     #0
    orr     x11, x11, x12
    orr     x13, x13, x14
    orr     x15, x15, x16
    orr     x17, x17, x18
    orr     x11, x11, x13
    orr     x15, x15, x17
    orr     x11, x11, x15
    cmp     x11, #0
    cset    x11, ne
    ldr     x17, [sp, #96]
    stp     x0, x1, [x17]
    stp     x2, x3, [x17, #16]
    stp     x4, x5, [x17, #32]
    stp     x6, x7, [x17, #48]
    stp     x8, x9, [x17, #64]
    str     x10, [x17, #80]
    mov     x1, x11
    gather  19, 30
    cmp     x0, #0
    cset    x0, ne
    orr     x0, x1, x0, lsl #1
    ldr     x2, [sp, #104]
    mrs     x3, tpidr_el0
    cmp     x2, x3
    cset    x2, ne
    orr     x0, x0, x2, lsl #2
    restore_frame
    ret

// x0: a word that is 0 until the loop shall end. Returns not 0 where a register or a condition flag
// changed meanwhile.
    .globl spinWithRegisters
spinWithRegisters:
    save_frame
    fill    2, 30
    mov     x1, #0xa0000000             // N and C set, Z and V clear
    msr     nzcv, x1
1:  ldr     x1, [x0]
    cbz     x1, 1b
    mrs     x1, nzcv
    gather  2, 30
    mov     x2, #0xa0000000
    eor     x1, x1, x2
    orr     x0, x0, x1
    restore_frame
    ret

// x0: which of the 24 instructions below; x1: an address for those that take one. Most end in a
// fault; those that may end in none return.
    .globl oddInstruction
oddInstruction:
    mov     x9, sp
    adr     x2, 1f
    and     x0, x0, #31
    cmp     x0, #24
    csel    x0, xzr, x0, hs
    add     x2, x2, x0, lsl #4
    br      x2
.macro odd code:vararg
    \code
    mov     sp, x9
    ret
    nop
.endm
1:
    odd     ldr x3, [x1]
    odd     str x1, [x1]
    odd     ldxr x3, [x1]
    odd     br x1
    odd     .word 0
    odd     brk #7
    odd     .word 0xd4000021            // svc #1
    odd     .word 0xd4000002            // hvc #0
    odd     .word 0xd4000003            // smc #0
    odd     .word 0xd4400000            // hlt #0
    odd     .word 0xd69f03e0            // eret
    odd     .word 0xd5381000            // mrs x0, sctlr_el1
    odd     .word 0xd5181000            // msr sctlr_el1, x0
    odd     .word 0xd53be220            // mrs x0, cntp_ctl_el0
    odd     .word 0xd5033fdf            // isb
    odd     .word 0xd50342df            // msr daifset, #2
    odd     .word 0xd503207f            // wfi
    odd     .word 0xd503205f            // wfe
    odd     .word 0xd50b7421            // dc zva, x1
    odd     .word 0xd50b7b21            // dc cvau, x1
    odd     .word 0xd5087801            // at s1e1r, x1
    odd     .word 0xd508871f            // tlbi vmalle1
    odd     .word 0x1e604000            // fmov d0, d0
    odd     .word 0xd51bd041            // msr tpidr_el0, x1 (undone when the thread starts again)
