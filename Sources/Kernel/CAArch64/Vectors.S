// The exception vectors: the entries into the kernel, and the exits that resume a thread.
//
//     vector                  entry              Swift function              exit
//     8 EL0 synchronous
//       plain call            (in the vector)    swiftlet_call               _message
//       plain replyAndReceive odd_call           swiftlet_reply_and_receive  _message
//       both, with IPC buffer other_call, 8:     swiftlet_exchange           _message
//       signal                other_call         swiftlet_signal             _quick, _signal
//       poll                  other_call, 2:     swiftlet_poll               _quick
//       yield                 other_call, 7:     swiftlet_yield              _quick, _yield
//       version               version_call       –                           eret
//       any other call        general_call       swiftlet_system_call        eret, swiftlet_exit
//       no system call        user_fault         swiftlet_fault              swiftlet_exit
//     9 EL0 interrupt         (in the vector)    swiftlet_interrupt          _woken, swiftlet_exit
//     11 EL0 system error     (in the vector)    –                           eret
//     4 EL1 synchronous       probe_failed       –                           eret
//                             kernel_exception   swiftlet_kernel_exception   none: panic
//     7 EL1 system error      (in the vector)    –                           eret
//     all others              kernel_exception   swiftlet_kernel_exception   none: panic
//     (no thread runs)        swiftlet_idle      swiftlet_idle_interrupt     swiftlet_exit
//
//     A fast path that declines continues as any other system call: signal, poll and yield by
//     swiftlet_exit_general and general_saved; the others within Swift, and then swiftlet_exit.
//     swiftlet_exit waits in swiftlet_idle if there is no thread to resume. Exits that may switch
//     the floating-point registers have a second form, …_floating_point. _x: swiftlet_exit_x.
//
// While user code runs, TPIDR_EL1 holds the running thread. SP_EL1 is the top of the kernel's
// stack, where 16 bytes of zeros lie. A system call saves only the registers that it must preserve,
// and some of them only if another thread continues. An interrupt or a fault saves all. The kernel
// keeps nothing on its stack from one entry to the next. CONTEXTIDR_EL1 holds the core's number.
//
// Path length decides the form of this file. Entries fill the room that their vectors leave, and
// end in one another by short branches. Bits 32–63 of the control word tell the frequent calls from
// the others (ControlWord). The frequent calls have entries of their own, which do only the work
// that their fast path needs.

#include "CAArch64Layout.h"

#define EC_SVC64 0x15
// Bits 32–63 of control words: the operation, above a length of up to PLAIN words in registers.
#define PLAIN 8
#define REPLY_AND_RECEIVE (1 << 8)
#define SIGNAL (2 << 8)
#define VERSION (5 << 8)
// The bit of x0 in which REPLY_AND_RECEIVE differs from CALL: the lowest bit of the operation.
#define ODD 40
// The bit that announces the IPC buffer, above the bits in which CALL and REPLY_AND_RECEIVE differ.
#define EXTENDED (1 << 6)
// ISR_EL1: a fast interrupt is pending. SPSR_EL1: system errors are masked.
#define ISR_F 6
#define SPSR_A (1 << 8)
// x0 of a call that returns a notification's bits (ResultWord).
#define NOTIFICATION (1 << 8)

// Each vector has room for 32 instructions, which the assembler checks. A vector for an exception
// of the kernel needs few of them. Code that is entered by name uses the rest.
.macro vector number
    .org swiftlet_vectors + 0x80 * \number
.endm

// Saves x3–x10, x19–x30, SP, PC, PSTATE and TPIDR_EL0 to the thread in x17, which may not continue.
// x4 and x5 are free then.
.macro save_caller
    stp x3, x4, [x17, #SWIFTLET_THREAD_X(3)]
    stp x5, x6, [x17, #SWIFTLET_THREAD_X(5)]
    stp x7, x8, [x17, #SWIFTLET_THREAD_X(7)]
    stp x9, x10, [x17, #SWIFTLET_THREAD_X(9)]
    mrs x4, sp_el0
    mrs x5, elr_el1
    stp x4, x5, [x17, #SWIFTLET_THREAD_SP]
    save_state x17
    save_preserved x17
    stp x29, x30, [x17, #SWIFTLET_THREAD_X(29)]
.endm

// Saves PSTATE and TPIDR_EL0 of a thread that leaves in a system call. Not every register in its
// context is current, so SWIFTLET_FULL is clear.
.macro save_state thread
    mrs x4, spsr_el1
    mrs x5, tpidr_el0
    stp x4, x5, [\thread, #SWIFTLET_THREAD_FLAGS]
.endm

.macro save_preserved thread
    stp x19, x20, [\thread, #SWIFTLET_THREAD_X(19)]
    stp x21, x22, [\thread, #SWIFTLET_THREAD_X(21)]
    stp x23, x24, [\thread, #SWIFTLET_THREAD_X(23)]
    stp x25, x26, [\thread, #SWIFTLET_THREAD_X(25)]
    stp x27, x28, [\thread, #SWIFTLET_THREAD_X(27)]
.endm

// Saves all that a quick call must keep of its thread, which succeeded and does not continue. x4
// and x5 are free then.
.macro save_quick thread
    mrs x4, sp_el0
    mrs x5, elr_el1
    stp x4, x5, [\thread, #SWIFTLET_THREAD_SP]
    save_state \thread
    save_preserved \thread
    stp x29, x30, [\thread, #SWIFTLET_THREAD_X(29)]
    stp xzr, xzr, [\thread, #SWIFTLET_THREAD_X(0)]
    stp xzr, xzr, [\thread, #SWIFTLET_THREAD_X(2)]
    stp xzr, xzr, [\thread, #SWIFTLET_THREAD_X(4)]
    stp xzr, xzr, [\thread, #SWIFTLET_THREAD_X(6)]
    stp xzr, xzr, [\thread, #SWIFTLET_THREAD_X(8)]
    str xzr, [\thread, #SWIFTLET_THREAD_X(10)]
.endm

.macro restore_preserved thread
    ldp x19, x20, [\thread, #SWIFTLET_THREAD_X(19)]
    ldp x21, x22, [\thread, #SWIFTLET_THREAD_X(21)]
    ldp x23, x24, [\thread, #SWIFTLET_THREAD_X(23)]
    ldp x25, x26, [\thread, #SWIFTLET_THREAD_X(25)]
    ldp x27, x28, [\thread, #SWIFTLET_THREAD_X(27)]
    ldp x29, x30, [\thread, #SWIFTLET_THREAD_X(29)]
.endm

// Saves all registers to the thread in x16, which did not ask for this. Its x16 and x17 lie below
// SP.
.macro save_all
    stp x0, x1, [x16, #SWIFTLET_THREAD_X(0)]
    stp x2, x3, [x16, #SWIFTLET_THREAD_X(2)]
    stp x4, x5, [x16, #SWIFTLET_THREAD_X(4)]
    stp x6, x7, [x16, #SWIFTLET_THREAD_X(6)]
    stp x8, x9, [x16, #SWIFTLET_THREAD_X(8)]
    stp x10, x11, [x16, #SWIFTLET_THREAD_X(10)]
    stp x12, x13, [x16, #SWIFTLET_THREAD_X(12)]
    stp x14, x15, [x16, #SWIFTLET_THREAD_X(14)]
    ldp x14, x15, [sp, #-16]
    stp x14, x15, [x16, #SWIFTLET_THREAD_X(16)]
    stp x18, x19, [x16, #SWIFTLET_THREAD_X(18)]
    stp x20, x21, [x16, #SWIFTLET_THREAD_X(20)]
    stp x22, x23, [x16, #SWIFTLET_THREAD_X(22)]
    stp x24, x25, [x16, #SWIFTLET_THREAD_X(24)]
    stp x26, x27, [x16, #SWIFTLET_THREAD_X(26)]
    stp x28, x29, [x16, #SWIFTLET_THREAD_X(28)]
    mrs x14, sp_el0
    stp x30, x14, [x16, #SWIFTLET_THREAD_X(30)]
    mrs x14, elr_el1
    mrs x15, spsr_el1
    orr x15, x15, #SWIFTLET_FULL
    stp x14, x15, [x16, #SWIFTLET_THREAD_PC]
    mrs x14, tpidr_el0
    str x14, [x16, #SWIFTLET_THREAD_TPIDR]
    mov x0, x16
.endm

// Clears the registers that a system call does not preserve, so that they hold no kernel data: in
// pairs, from 16 bytes of zeros.
.macro clear_scratch zeros:vararg
    ldp x11, x12, [\zeros]
    ldp x13, x14, [\zeros]
    ldp x15, x16, [\zeros]
    ldp x17, x18, [\zeros]
.endm
.macro clear_words zeros:vararg
    ldp x3, x4, [\zeros]
    ldp x5, x6, [\zeros]
    ldp x7, x8, [\zeros]
    ldp x9, x10, [\zeros]
.endm

// An exception of the kernel itself, or one that this configuration cannot cause. TPIDR_EL1 keeps
// x0 meanwhile.
.macro broken number
    vector \number
    msr tpidr_el1, x0
    mov x0, #\number
    b kernel_exception
.endm

// Increments a 64-bit counter. x16 and x17 are lost.
.macro count counter
    adrp x16, \counter
    ldr x17, [x16, :lo12:\counter]
    add x17, x17, #1
    str x17, [x16, :lo12:\counter]
.endm

    .section .text.vectors, "ax"
    .balign 0x800
    .global swiftlet_vectors
swiftlet_vectors:
    broken 0
// x0: the vector's number; TPIDR_EL1: x0 of the interrupted code. The stack cannot be trusted:
// CONTEXTIDR_EL1 tells the core's block.
kernel_exception:
    msr tpidrro_el0, x1
    mrs x1, contextidr_el1      // the core's number
    lsl x1, x1, #SWIFTLET_CORE_SHIFT
    orr x1, x1, #SWIFTLET_CORES_BASE
    add x1, x1, #SWIFTLET_CORE_EXCEPTION
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
    b kernel_exception_rest

    broken 1
kernel_exception_rest:
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
    add sp, x0, #(SWIFTLET_CORE_EMERGENCY + SWIFTLET_EMERGENCY_STACK_BYTES - SWIFTLET_CORE_EXCEPTION)
    b swiftlet_kernel_exception

    broken 2
version_call:
    adrp x3, swiftlet_version
    add x3, x3, :lo12:swiftlet_version
    ldp x3, x4, [x3]
    mov x0, xzr
    mov x1, xzr
    mov x2, xzr
    ldp x5, x6, [sp]
    ldp x7, x8, [sp]
    ldp x9, x10, [sp]
    clear_scratch sp
    eret

    broken 3
    .global swiftlet_exit_message
swiftlet_exit_message:
    msr ttbr0_el1, x4
    msr tpidr_el1, x2
    ldp x16, x17, [x2, #SWIFTLET_THREAD_SP]
    msr sp_el0, x16
    msr elr_el1, x17
    ldp x16, x17, [x2, #SWIFTLET_THREAD_FLAGS]
    msr spsr_el1, x16
    msr tpidr_el0, x17
    restore_preserved x2
    mov x2, xzr
    ldp x9, x10, [x3, #SWIFTLET_THREAD_X(9)]
    ldp x7, x8, [x3, #SWIFTLET_THREAD_X(7)]
    ldp x5, x6, [x3, #SWIFTLET_THREAD_X(5)]
    ldp x3, x4, [x3, #SWIFTLET_THREAD_X(3)]
    clear_scratch sp
    eret

    // From EL1: synchronous. Two instructions of the kernel may abort: the load and the store of a
    // probe.
    vector 4
    msr tpidr_el1, x0
    msr tpidrro_el0, x1
    mrs x0, elr_el1
    adr x1, probe_load
    cmp x0, x1
    b.eq probe_failed
    adr x1, swiftlet_probe_write
    cmp x0, x1
    b.eq probe_failed
    mrs x1, tpidrro_el0
    mov x0, #4
    b kernel_exception

    .global swiftlet_probe
swiftlet_probe:
probe_load:
    ldr w0, [x0]
probe_done:
    ret
    .global swiftlet_probe_write
swiftlet_probe_write:
    str w1, [x0]
    ret
probe_failed:
    adr x0, probe_done
    msr elr_el1, x0
    mov x0, #-1
    eret

    broken 5
    // x0: the call's result, x1: its value.
    .global swiftlet_exit_quick
swiftlet_exit_quick:
    mov x2, xzr
    clear_words sp
    clear_scratch sp
    eret

    broken 6
    .global swiftlet_exit_yield
swiftlet_exit_yield:
    save_quick x1
    b exit_to_thread

    // From EL1: system error. The kernel lets it in at two places where x16 and x17 are free: in
    // Boot.S, and below. Each time it takes one.
    vector 7
    count swiftlet_system_errors
    mrs x16, spsr_el1
    orr x16, x16, #SPSR_A
    msr spsr_el1, x16
    eret

    // No thread runs. A fast interrupt and a system error, which no thread takes, would end every
    // wfi at once. Both are counted here, and the system error is cleared.
    .global swiftlet_idle
swiftlet_idle:
    adrp x0, swiftlet_idle_translation_base
    ldr x0, [x0, :lo12:swiftlet_idle_translation_base]
    msr ttbr0_el1, x0
    dsb sy
    mrs x0, isr_el1
    tbz x0, #ISR_F, 1f
    count swiftlet_fast_interrupts
1:  msr daifclr, #4
    isb
    msr daifset, #4
    wfi                         // a masked interrupt ends it as well
    b swiftlet_idle_interrupt

    .global swiftlet_halt
swiftlet_halt:
    msr daifset, #0xf
2:  wfi
    b 2b

    // From EL0: synchronous
    vector 8
    stp x16, x17, [sp, #-16]
    mrs x16, esr_el1
    lsr x17, x16, #26
    cmp x17, #EC_SVC64
    b.ne user_fault
    tbnz x0, #ODD, odd_call
    lsr x16, x0, #32
    cmp x16, #PLAIN
    b.hi other_call
    mrs x17, tpidr_el1
    save_caller
    mov x3, x17
    b swiftlet_call

    // From EL0: interrupt
    vector 9
    stp x16, x17, [sp, #-16]
    mrs x16, tpidr_el1
    save_all
    b swiftlet_interrupt

    broken 10
exit_full:
    and x16, x16, #~SWIFTLET_FULL
    msr spsr_el1, x16
    ldp x10, x11, [x0, #SWIFTLET_THREAD_X(10)]
    ldp x12, x13, [x0, #SWIFTLET_THREAD_X(12)]
    ldp x14, x15, [x0, #SWIFTLET_THREAD_X(14)]
    ldp x16, x17, [x0, #SWIFTLET_THREAD_X(16)]
    ldr x18, [x0, #SWIFTLET_THREAD_X(18)]
    ldp x0, x1, [x0, #SWIFTLET_THREAD_X(0)]
    eret

    // From EL0: system error. Nothing tells which thread made the access
    // (docs/decisions/0013-strays.md), so the thread continues.
    vector 11
    stp x16, x17, [sp, #-16]
    count swiftlet_system_errors
    ldp x16, x17, [sp, #-16]
    eret

    broken 12
    broken 13
    broken 14
    broken 15
    .org swiftlet_vectors + 0x800

    .balign 64
odd_call:
    lsr x16, x0, #32
    sub x17, x16, #REPLY_AND_RECEIVE
    cmp x17, #PLAIN
    b.hi other_call
    mrs x17, tpidr_el1
    save_caller
    mov x3, x17
    b swiftlet_reply_and_receive

    // Calls that need no more than x0 and x1, and mostly return to their thread. Nothing is saved.
    // Swift leaves by a branch to one of the exits below, with x19–x30 unchanged.
other_call:
    sub x17, x16, #SIGNAL
    cmp x17, #(VERSION - SIGNAL)
    b.hi 8f
    b.eq version_call
    mrs x3, tpidr_el1
    tbnz x16, #8, 2f            // POLL: 3 << 8
    tbnz x16, #10, 7f           // YIELD: 4 << 8
    b swiftlet_signal
2:  b swiftlet_poll
7:  b swiftlet_yield
    .global swiftlet_exit_general
swiftlet_exit_general:
    mov x17, x0
    b general_saved

    // A call or a replyAndReceive with the IPC buffer and nothing but words leaves here.
8:  lsr x17, x16, #9
    cmp x17, #EXTENDED
    b.ne general_call
    mrs x17, tpidr_el1
    save_caller
    mov x3, x17
    b swiftlet_exchange

    // All other calls. The thread mostly continues, so x19–x28 and TPIDR_EL0 are saved only if it
    // does not.
general_call:
    mrs x17, tpidr_el1
    stp x0, x1, [x17, #SWIFTLET_THREAD_X(0)]
    stp x2, x3, [x17, #SWIFTLET_THREAD_X(2)]
    stp x4, x5, [x17, #SWIFTLET_THREAD_X(4)]
    stp x6, x7, [x17, #SWIFTLET_THREAD_X(6)]
    stp x8, x9, [x17, #SWIFTLET_THREAD_X(8)]
    str x10, [x17, #SWIFTLET_THREAD_X(10)]
general_saved:
    stp x29, x30, [x17, #SWIFTLET_THREAD_X(29)]
    mrs x4, sp_el0
    mrs x5, elr_el1
    stp x4, x5, [x17, #SWIFTLET_THREAD_SP]
    mov x29, x17
    mov x0, x17
    bl swiftlet_system_call
    cmp x0, x29
    b.ne 5f
    ldr x17, [x29, #SWIFTLET_THREAD_PC]
    msr elr_el1, x17
    ldp x0, x1, [x29, #SWIFTLET_THREAD_X(0)]
    ldp x2, x3, [x29, #SWIFTLET_THREAD_X(2)]
    ldp x4, x5, [x29, #SWIFTLET_THREAD_X(4)]
    ldp x6, x7, [x29, #SWIFTLET_THREAD_X(6)]
    ldp x8, x9, [x29, #SWIFTLET_THREAD_X(8)]
    ldr x10, [x29, #SWIFTLET_THREAD_X(10)]
    clear_scratch sp
    ldp x29, x30, [x29, #SWIFTLET_THREAD_X(29)]
    eret
5:  save_preserved x29
    save_state x29

// Resumes the thread in x0 as its context says; 0: waits for an interrupt.
    .global swiftlet_exit
swiftlet_exit:
    cbz x0, swiftlet_idle
exit_to_thread:
    ldr x16, [x0, #SWIFTLET_THREAD_TRANSLATION_BASE]
    msr ttbr0_el1, x16
    msr tpidr_el1, x0
    ldp x16, x17, [x0, #SWIFTLET_THREAD_SP]
    msr sp_el0, x16
    msr elr_el1, x17
    ldp x16, x17, [x0, #SWIFTLET_THREAD_FLAGS]
    msr tpidr_el0, x17
    restore_preserved x0
    ldp x2, x3, [x0, #SWIFTLET_THREAD_X(2)]
    ldp x4, x5, [x0, #SWIFTLET_THREAD_X(4)]
    ldp x6, x7, [x0, #SWIFTLET_THREAD_X(6)]
    ldp x8, x9, [x0, #SWIFTLET_THREAD_X(8)]
    tbnz x16, #SWIFTLET_FULL_BIT, exit_full
    ldr x10, [x0, #SWIFTLET_THREAD_X(10)]
    msr spsr_el1, x16
    clear_scratch sp
    ldp x0, x1, [x0, #SWIFTLET_THREAD_X(0)]
    eret
    .global swiftlet_exit_signal
swiftlet_exit_signal:
    save_quick x2
    .global swiftlet_exit_woken
swiftlet_exit_woken:
    ldr x16, [x0, #SWIFTLET_THREAD_TRANSLATION_BASE]
    msr ttbr0_el1, x16
    msr tpidr_el1, x0
    ldp x16, x17, [x0, #SWIFTLET_THREAD_SP]
    msr sp_el0, x16
    msr elr_el1, x17
    ldp x16, x17, [x0, #SWIFTLET_THREAD_FLAGS]
    msr spsr_el1, x16
    msr tpidr_el0, x17
    restore_preserved x0
    mov x0, #NOTIFICATION
    mov x2, xzr
    clear_words sp
    clear_scratch sp
    eret

// The same exits with a switch of the floating-point registers. Two arguments are the areas of the
// thread that leaves and of the next one: x5 and x6; x3 and x4; x2 and x3; x2 and x3. 0: that
// thread uses no floating point.
    .global swiftlet_exit_message_floating_point
swiftlet_exit_message_floating_point:
    bl swiftlet_switch_floating_point_registers
    b swiftlet_exit_message
    .global swiftlet_exit_signal_floating_point
swiftlet_exit_signal_floating_point:
    mov x6, x4
    save_quick x2
    mov x5, x3
    b 1f
    .global swiftlet_exit_woken_floating_point
swiftlet_exit_woken_floating_point:
    mov x5, x2
    mov x6, x3
1:  bl swiftlet_switch_floating_point_registers
    b swiftlet_exit_woken
    .global swiftlet_exit_yield_floating_point
swiftlet_exit_yield_floating_point:
    save_quick x1
    mov x5, x2
    mov x6, x3
    bl swiftlet_switch_floating_point_registers
    b exit_to_thread

    // Every synchronous exception of EL0 except a system call.
user_fault:
    mrs x16, tpidr_el1
    save_all
    mrs x1, esr_el1
    mrs x2, far_el1
    bl swiftlet_fault
    b swiftlet_exit
