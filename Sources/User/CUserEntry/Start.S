// A task's first instructions: the kernel set SP, x0 (the start information) and TPIDR_EL0 (the
// thread pointer).

#include "TrapCodes.h"

    .section .text.start, "ax"
    .globl _start
_start:
    mov     x29, xzr
    bl      run
    brk     #SWIFTLET_TRAP_RETURNED
    nop
    // Where the shell's `hang` sends a task: TaskAddress.loopBehindEntry.
    b       .
run:
    mov     x19, x0
    mov     x20, x30
    mrs     x0, tpidr_el0
    bl      swiftlet_begin_thread
    mov     x0, x19
    mov     x30, x20
    b       main
