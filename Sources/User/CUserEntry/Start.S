// A task's first instructions: the kernel set SP, x0 (the start information) and TPIDR_EL0 (the
// IPC buffer).

#include "TrapCodes.h"

    .section .text.start, "ax"
    .globl _start
_start:
    mov     x29, xzr
    mov     x30, xzr
    bl      main
    brk     #SWIFTLET_TRAP_RETURNED
    // Where the shell's `hang` sends a task: TaskAddress.loopBehindEntry.
    b       .
