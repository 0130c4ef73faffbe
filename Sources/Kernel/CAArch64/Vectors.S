// Exceptions in, threads out.
//
// While user code runs, SP_EL1 holds the address of the running thread's context, so that an entry saves registers without
// looking anything up. A system call saves only what it must preserve; an interrupt or a fault saves everything. The kernel
// keeps nothing on its stack from one entry to the next: each entry starts at the stack's top, each exit abandons it.
//
// Path length is the point of this file: an entry by system call is 26 instructions, its exit 28.

#include "CAArch64Layout.h"

#define EC_SVC64 0x15

.macro vector
    .balign 0x80
.endm

// All registers but x16 and x17, which are saved already.
.macro save_all
    stp x0, x1, [sp, #SWIFTLET_CONTEXT_X(0)]
    stp x2, x3, [sp, #SWIFTLET_CONTEXT_X(2)]
    stp x4, x5, [sp, #SWIFTLET_CONTEXT_X(4)]
    stp x6, x7, [sp, #SWIFTLET_CONTEXT_X(6)]
    stp x8, x9, [sp, #SWIFTLET_CONTEXT_X(8)]
    stp x10, x11, [sp, #SWIFTLET_CONTEXT_X(10)]
    stp x12, x13, [sp, #SWIFTLET_CONTEXT_X(12)]
    stp x14, x15, [sp, #SWIFTLET_CONTEXT_X(14)]
    stp x18, x19, [sp, #SWIFTLET_CONTEXT_X(18)]
    stp x20, x21, [sp, #SWIFTLET_CONTEXT_X(20)]
    stp x22, x23, [sp, #SWIFTLET_CONTEXT_X(22)]
    stp x24, x25, [sp, #SWIFTLET_CONTEXT_X(24)]
    stp x26, x27, [sp, #SWIFTLET_CONTEXT_X(26)]
    stp x28, x29, [sp, #SWIFTLET_CONTEXT_X(28)]
    mrs x0, sp_el0
    stp x30, x0, [sp, #SWIFTLET_CONTEXT_X(30)]
    mrs x0, elr_el1
    mrs x1, spsr_el1
    stp x0, x1, [sp, #SWIFTLET_CONTEXT_PC]
    mrs x0, tpidr_el0
    mov x1, #1
    stp x0, x1, [sp, #SWIFTLET_CONTEXT_TPIDR]
    mov x0, sp
    adrp x1, swiftlet_stack + SWIFTLET_STACK_BYTES
    mov sp, x1
.endm

.macro restore_preserved
    ldp x19, x20, [sp, #SWIFTLET_CONTEXT_X(19)]
    ldp x21, x22, [sp, #SWIFTLET_CONTEXT_X(21)]
    ldp x23, x24, [sp, #SWIFTLET_CONTEXT_X(23)]
    ldp x25, x26, [sp, #SWIFTLET_CONTEXT_X(25)]
    ldp x27, x28, [sp, #SWIFTLET_CONTEXT_X(27)]
    ldp x29, x30, [sp, #SWIFTLET_CONTEXT_X(29)]
.endm

// No kernel data in what a system call does not preserve.
.macro clear_scratch
    mov x11, xzr
    mov x12, xzr
    mov x13, xzr
    mov x14, xzr
    mov x15, xzr
    mov x16, xzr
    mov x17, xzr
    mov x18, xzr
.endm

// An exception of the kernel itself, or one that no configuration of ours can cause: x0 is kept in TPIDR_EL1 meanwhile.
.macro broken number
    vector
    msr tpidr_el1, x0
    mov x0, #\number
    b kernel_exception
.endm

    .section .text.vectors, "ax"
    .balign 0x800
    .global swiftlet_vectors
swiftlet_vectors:
    broken 0
    broken 1
    broken 2
    broken 3
    // From EL1: synchronous. One instruction of the kernel may abort: the load of a probe.
    vector
    msr tpidr_el1, x0
    msr tpidrro_el0, x1
    mrs x0, elr_el1
    adr x1, probe_load
    cmp x0, x1
    b.eq probe_failed
    mrs x1, tpidrro_el0
    mov x0, #4
    b kernel_exception

    broken 5
    broken 6
    broken 7

    // From EL0: synchronous
    vector
    stp x16, x17, [sp, #SWIFTLET_CONTEXT_X(16)]
    mrs x16, esr_el1
    lsr x17, x16, #26
    cmp x17, #EC_SVC64
    b.ne user_fault
    stp x0, x1, [sp, #SWIFTLET_CONTEXT_X(0)]
    stp x2, x3, [sp, #SWIFTLET_CONTEXT_X(2)]
    stp x4, x5, [sp, #SWIFTLET_CONTEXT_X(4)]
    stp x6, x7, [sp, #SWIFTLET_CONTEXT_X(6)]
    stp x8, x9, [sp, #SWIFTLET_CONTEXT_X(8)]
    str x10, [sp, #SWIFTLET_CONTEXT_X(10)]
    stp x19, x20, [sp, #SWIFTLET_CONTEXT_X(19)]
    stp x21, x22, [sp, #SWIFTLET_CONTEXT_X(21)]
    stp x23, x24, [sp, #SWIFTLET_CONTEXT_X(23)]
    stp x25, x26, [sp, #SWIFTLET_CONTEXT_X(25)]
    stp x27, x28, [sp, #SWIFTLET_CONTEXT_X(27)]
    stp x29, x30, [sp, #SWIFTLET_CONTEXT_X(29)]
    mrs x16, sp_el0
    mrs x17, elr_el1
    stp x16, x17, [sp, #SWIFTLET_CONTEXT_SP]
    mrs x16, tpidr_el0
    stp x16, xzr, [sp, #SWIFTLET_CONTEXT_TPIDR]
    mov x3, sp
    adrp x16, swiftlet_stack + SWIFTLET_STACK_BYTES
    mov sp, x16
    b swiftlet_system_call

    // From EL0: interrupt
    vector
    stp x16, x17, [sp, #SWIFTLET_CONTEXT_X(16)]
    save_all
    b swiftlet_interrupt

    broken 10

    // From EL0: system error. Nothing says which access it was; it came while this thread ran.
    vector
    stp x16, x17, [sp, #SWIFTLET_CONTEXT_X(16)]
    mrs x16, esr_el1
    b user_fault

    broken 12
    broken 13
    broken 14
    broken 15
    .balign 0x80

    .global swiftlet_probe
swiftlet_probe:
probe_load:
    ldr w0, [x0]
probe_done:
    ret
probe_failed:
    adr x0, probe_done
    msr elr_el1, x0
    mov x0, #-1
    eret

user_fault:
    mrs x17, far_el1
    save_all
    mov x1, x16
    mov x2, x17
    b swiftlet_fault

    .section .text.exit_message, "ax"
    .balign 64
    .global swiftlet_exit_message
swiftlet_exit_message:
    msr ttbr0_el1, x4
    mov sp, x2
    mov x2, xzr
    ldp x16, x17, [sp, #SWIFTLET_CONTEXT_SP]
    msr sp_el0, x16
    msr elr_el1, x17
    ldr x16, [sp, #SWIFTLET_CONTEXT_TPIDR]
    msr tpidr_el0, x16
    msr spsr_el1, xzr
    restore_preserved
    ldp x9, x10, [x3, #SWIFTLET_CONTEXT_X(9)]
    ldp x7, x8, [x3, #SWIFTLET_CONTEXT_X(7)]
    ldp x5, x6, [x3, #SWIFTLET_CONTEXT_X(5)]
    ldp x3, x4, [x3, #SWIFTLET_CONTEXT_X(3)]
    clear_scratch
    eret

    .section .text.exit_registers, "ax"
    .balign 64
    .global swiftlet_exit_registers
swiftlet_exit_registers:
    msr ttbr0_el1, x1
    mov sp, x0
    ldp x16, x17, [sp, #SWIFTLET_CONTEXT_SP]
    msr sp_el0, x16
    msr elr_el1, x17
    ldp x16, x17, [sp, #SWIFTLET_CONTEXT_TPIDR]
    msr tpidr_el0, x16
    restore_preserved
    ldp x0, x1, [sp, #SWIFTLET_CONTEXT_X(0)]
    ldp x2, x3, [sp, #SWIFTLET_CONTEXT_X(2)]
    ldp x4, x5, [sp, #SWIFTLET_CONTEXT_X(4)]
    ldp x6, x7, [sp, #SWIFTLET_CONTEXT_X(6)]
    ldp x8, x9, [sp, #SWIFTLET_CONTEXT_X(8)]
    cbnz x17, 1f
    ldr x10, [sp, #SWIFTLET_CONTEXT_X(10)]
    msr spsr_el1, xzr
    clear_scratch
    eret
1:  ldr x16, [sp, #SWIFTLET_CONTEXT_FLAGS]
    msr spsr_el1, x16
    ldp x10, x11, [sp, #SWIFTLET_CONTEXT_X(10)]
    ldp x12, x13, [sp, #SWIFTLET_CONTEXT_X(12)]
    ldp x14, x15, [sp, #SWIFTLET_CONTEXT_X(14)]
    ldp x16, x17, [sp, #SWIFTLET_CONTEXT_X(16)]
    ldr x18, [sp, #SWIFTLET_CONTEXT_X(18)]
    eret

    .section .text.idle, "ax"
    .global swiftlet_idle
swiftlet_idle:
    adrp x0, swiftlet_idle_translation_base
    ldr x0, [x0, :lo12:swiftlet_idle_translation_base]
    msr ttbr0_el1, x0
    adrp x0, swiftlet_stack + SWIFTLET_STACK_BYTES
    mov sp, x0
    dsb sy
    wfi                         // a masked interrupt ends it as well
    b swiftlet_idle_interrupt

    .global swiftlet_halt
swiftlet_halt:
    msr daifset, #0xf
1:  wfi
    b 1b

// x0: the vector's number; TPIDR_EL1: x0 of the code that was interrupted. The stack cannot be trusted.
kernel_exception:
    msr tpidrro_el0, x1
    adrp x1, swiftlet_kernel_exception_area
    add x1, x1, :lo12:swiftlet_kernel_exception_area
    str x0, [x1, #SWIFTLET_EXCEPTION_VECTOR]
    mrs x0, tpidr_el1
    str x0, [x1]
    mov x0, x1
    mrs x1, tpidrro_el0
    stp x1, x2, [x0, #8]
    stp x3, x4, [x0, #24]
    stp x5, x6, [x0, #40]
    stp x7, x8, [x0, #56]
    stp x9, x10, [x0, #72]
    stp x11, x12, [x0, #88]
    stp x13, x14, [x0, #104]
    stp x15, x16, [x0, #120]
    stp x17, x18, [x0, #136]
    stp x19, x20, [x0, #152]
    stp x21, x22, [x0, #168]
    stp x23, x24, [x0, #184]
    stp x25, x26, [x0, #200]
    stp x27, x28, [x0, #216]
    stp x29, x30, [x0, #232]
    mov x1, sp
    str x1, [x0, #SWIFTLET_EXCEPTION_SP]
    mrs x1, elr_el1
    mrs x2, spsr_el1
    stp x1, x2, [x0, #SWIFTLET_EXCEPTION_PC]
    mrs x1, esr_el1
    mrs x2, far_el1
    stp x1, x2, [x0, #SWIFTLET_EXCEPTION_SYNDROME]
    adrp x1, swiftlet_emergency_stack + SWIFTLET_EMERGENCY_STACK_BYTES
    mov sp, x1
    b swiftlet_kernel_exception
