// The exception vectors: the entries into the kernel, and the exits that resume a thread.
//
//     vector                  entry              Swift function              exit
//     8 EL0 synchronous
//       plain call            (in the vector)    swiftlet_call               _message
//       plain replyAndReceive odd_call           swiftlet_reply_and_receive  _message
//       both, with IPC buffer other_call, 8:     swiftlet_exchange           _message
//       call with terms       rare_call          swiftlet_call_with_terms    _message, swiftlet_exit
//       signal                other_call         swiftlet_signal             _quick, _signal
//       poll                  other_call, 2:     swiftlet_poll               _quick
//       yield                 other_call, 7:     swiftlet_yield              _quick, _yield
//       wait                  other_call, 3:     swiftlet_sleep              _blocked
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
//     A fast path that declines continues as any other system call: signal, poll, yield and
//     wait by swiftlet_exit_general and general_saved; the others within Swift, and then
//     swiftlet_exit. That one waits in swiftlet_idle if there is no thread to resume. Exits that may
//     switch the floating-point registers have a second form, …_floating_point. _x:
//     swiftlet_exit_x.
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
#include "Lock.inc"

#define EC_SVC64 0x15
// Bits 32–63 of control words: the operation, above a length of up to PLAIN words in registers.
#define PLAIN 8
#define REPLY_AND_RECEIVE (1 << 8)
#define SIGNAL (2 << 8)
#define VERSION (5 << 8)
#define WAIT (6 << 8)
#define SEND (7 << 8)
#define UNLOCK (12 << 8)
// The bit of x0 in which REPLY_AND_RECEIVE differs from CALL: the lowest bit of the operation.
#define ODD 40
// The operation in bits 32–63 of a control word.
#define OPERATION (0x7f << 8)
// The number of capabilities in them.
#define CAPABILITIES (0xf << 16)
// The bit that announces the IPC buffer, above the bits in which CALL and REPLY_AND_RECEIVE differ.
#define EXTENDED (1 << 6)
// ISR_EL1: a fast interrupt is pending. SPSR_EL1: system errors are masked.
#define ISR_I 7
#define ISR_F 6
#define SPSR_A (1 << 8)
// x0 of a call that returns a notification's bits (ResultWord).
#define NOTIFICATION (1 << 8)

// Each vector has room for 32 instructions, which the assembler checks. A vector for an exception
// of the kernel needs few of them. Code that is entered by name uses the rest.
.macro vector table, number
    .org \table + 0x80 * \number
.endm

// Looks for a pending interrupt before the lock is released. x13 is lost.
.macro look_again pending
    mrs x13, isr_el1
    tbnz x13, #ISR_I, \pending
.endm

// Saves x3–x10, x19–x30, SP, PC, PSTATE and TPIDR_EL0 to a thread that may not continue. x2 would
// be a deadline, which a message of words alone has not. x4 and x5 are free then.
.macro save_caller thread
    stp x3, x4, [\thread, #SWIFTLET_THREAD_X(3)]
    stp x5, x6, [\thread, #SWIFTLET_THREAD_X(5)]
    stp x7, x8, [\thread, #SWIFTLET_THREAD_X(7)]
    stp x9, x10, [\thread, #SWIFTLET_THREAD_X(9)]
    save_thread \thread
.endm

// Saves x0–x10 to the thread in x17.
.macro save_arguments
    stp x0, x1, [x17, #SWIFTLET_THREAD_X(0)]
    stp x2, x3, [x17, #SWIFTLET_THREAD_X(2)]
    stp x4, x5, [x17, #SWIFTLET_THREAD_X(4)]
    stp x6, x7, [x17, #SWIFTLET_THREAD_X(6)]
    stp x8, x9, [x17, #SWIFTLET_THREAD_X(8)]
    str x10, [x17, #SWIFTLET_THREAD_X(10)]
.endm

// Saves x19–x30, SP, PC, PSTATE and TPIDR_EL0. x4 and x5 are free then.
.macro save_thread thread
    mrs x4, sp_el0
    mrs x5, elr_el1
    stp x4, x5, [\thread, #SWIFTLET_THREAD_SP]
    save_state \thread
    save_preserved \thread
    stp x29, x30, [\thread, #SWIFTLET_THREAD_X(29)]
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
    save_thread \thread
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
.macro broken table, number, handler
    vector \table, \number
    msr tpidr_el1, x0
    mov x0, #\number
    b \handler
.endm

// Increments a 64-bit counter in the core's own block. x16 and x17 are lost.
.macro count counter
    mov x16, #SWIFTLET_OWN_BASE
    ldr x17, [x16, #(\counter)]
    add x17, x17, #1
    str x17, [x16, #(\counter)]
.endm

// The kernel in a machine with one core, and the kernel that takes the lock: two tables of vectors,
// whose names differ. Each core uses one of them from its first thread on.

#define SHARED 0
#define finish clear_scratch sp; eret
#define NAME(name) swiftlet_##name
#define LOCAL(name) name
#include "VectorTable.inc"
#undef SHARED
#undef finish
#undef NAME
#undef LOCAL

#define SHARED 1
#define finish look_again shared_pending_last; release_lock shared_pass_last; clear_scratch sp; eret
#define NAME(name) swiftlet_shared_##name
#define LOCAL(name) shared_##name
#include "VectorTable.inc"
