// A firmware as it may be: what a kernel must not rely on, it leaves in a state of its own; one
// case an image (firmware-tests).
//
// Every core that starts here goes on at KERNEL, at EL2 (from EL3 as well) or, after SYSTEM_ERRORS
// and AT_EL1, at EL1. X0 is TREE, or no tree's address: the kernel looks for one below its image.

#define EL2H 0x3c9
#define EL1H 0x3c5

    .text
    .globl _start
_start:
    mrs x0, currentel
    cmp x0, #(3 << 2)
    b.ne 1f
    mov x0, #0x531              // SCR_EL3: RW, HCE, NS, and what is RES1
    msr scr_el3, x0
    msr cptr_el3, xzr
    mov x0, #EL2H
    msr spsr_el3, x0
    adr x0, 1f
    msr elr_el3, x0
    eret
1:  adr x0, vectors
    msr vbar_el2, x0
    ldr x30, =KERNEL
#ifndef TREE
#define TREE 0
#endif
    ldr x0, =TREE

#if defined(MAILBOX) || defined(SPIN_TABLE)
    // Cores 1 to 3 of a Raspberry Pi 3 wait for an address: in their mailbox 3, or in page 0.
    mrs x1, mpidr_el1
    ands x1, x1, #3
    b.eq 4f
#ifdef MAILBOX
    ldr x2, =0x400000cc
    add x2, x2, x1, lsl #4
3:  ldr w3, [x2]
    cbz w3, 3b
    str w3, [x2]
#else
    mov x2, #0xd8
3:  wfe
    ldr x3, [x2, x1, lsl #3]
    cbz x3, 3b
#endif
    mov x30, x3
#ifdef LATE
    mrs x1, cntfrq_el0          // two seconds
    mrs x2, cntpct_el0
    add x1, x2, x1, lsl #1
5:  mrs x2, cntpct_el0
    cmp x2, x1
    b.lo 5b
#endif
4:
#endif

#ifdef AT_EL1
    mov x1, #(1 << 31)          // HCR_EL2.RW
    msr hcr_el2, x1
    mov x1, #3
    msr cnthctl_el2, x1
    msr cntvoff_el2, xzr
    mov x1, #EL1H
    msr spsr_el2, x1
    msr elr_el2, x30
    isb
    eret
#endif

#ifdef DEBUG_TRAPS
    mov x1, #0xf60              // MDCR_EL2: TDRA, TDOSA, TDA, TDE, TPM, TPMCR
    msr mdcr_el2, x1
    br x30
#endif

#ifdef MESSAGES
    // The first redistributor of `virt`: PROPBASER and PENDBASER with numbers of 16 bits, then
    // CTLR.EnableLPIs.
    ldr x1, =0x080a0000
    ldr x2, =0x4c00000f
    str x2, [x1, #0x70]
    ldr x2, =0x4c100000
    str x2, [x1, #0x78]
    mov w2, #1
    str w2, [x1]
    dsb sy
    br x30
#endif

#ifdef SYSTEM_ERRORS
    // One is pending when the kernel starts. Later each wfi of EL0 raises one; a wfi of EL1
    // ends at once.
    adr x1, stack
    mov sp, x1
    ldr x1, =(1 << 31 | 1 << 13 | 1 << 8 | 1 << 5)      // HCR_EL2: RW, TWI, VSE, AMO
    msr hcr_el2, x1
    mov x1, #3
    msr cnthctl_el2, x1
    msr cntvoff_el2, xzr
    mov x1, #EL1H
    msr spsr_el2, x1
    msr elr_el2, x30
    isb
    eret
#else
    br x30
#endif
    .ltorg

// All that comes to EL2 but a trapped wfi stays here.
    .balign 0x800
vectors:
    .org vectors + 0x400
    stp x0, x1, [sp, #-16]!
    mrs x0, esr_el2
    lsr x0, x0, #26
    cmp x0, #1                  // WFI or WFE
    b.ne .
    mrs x0, elr_el2
    add x0, x0, #4
    msr elr_el2, x0
    mrs x0, spsr_el2
    tst x0, #0xf
    b.ne 2f
    mrs x0, hcr_el2
    orr x0, x0, #(1 << 8)
    msr hcr_el2, x0
2:  ldp x0, x1, [sp], #16
    eret
    .org vectors + 0x480
    b .
    .org vectors + 0x800
    .space 256
stack:
