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

    // Where a thread that the runtime started begins, each time (UserRuntime/Threads.swift): its
    // stack ends where its IPC buffer starts. x0: its place.
    .text
    .globl swiftlet_enter_thread
swiftlet_enter_thread:
    mrs     x1, tpidr_el0
    sub     x1, x1, #0xc00
    mov     sp, x1
    mov     x29, xzr
    mov     x30, xzr
    b       swiftlet_run_thread

    .section .text.start, "ax"
run:
    mov     x19, x0
    mov     x20, x30
    mrs     x0, tpidr_el0
    bl      swiftlet_begin_thread
    mov     x0, x19
    mov     x30, x20
    b       main
