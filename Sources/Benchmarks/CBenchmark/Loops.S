// Measured loops. Registers that a system call preserves (x19–x30) hold what a loop needs.

    .text
.macro function name
    .globl \name
    .balign 16
\name:
.endm

.macro measured instruction
    stp     x29, x30, [sp, #-32]!
    stp     x19, x20, [sp, #16]
    mrs     x19, pmccntr_el0
    \instruction
    mrs     x20, pmccntr_el0
    sub     x0, x20, x19
    ldp     x19, x20, [sp, #16]
    ldp     x29, x30, [sp], #32
    ret
.endm

function bench_call
    measured "svc #0"

function bench_nop
    measured nop

function bench_invoke
    mov     x9, x3
    ldp     x3, x4, [x9]
    ldp     x5, x6, [x9, #16]
    ldp     x7, x8, [x9, #32]
    measured "svc #0"

function bench_spin
    mrs     x1, pmccntr_el0
1:  cbz     x0, 2f
    .rept 97
    nop
    .endr
    sub     x0, x0, #100
    b       1b
2:  mrs     x2, pmccntr_el0
    sub     x0, x2, x1
    ret

function bench_server
    mov     x19, x0
    mov     x20, x1
1:  mov     x0, x19
    mov     x1, x20
    mov     x2, #-1
    svc     #0
    b       1b

function bench_stamping_server
    mov     x19, x0
    mov     x20, x1
    mov     x21, x2
    mov     x22, x3
1:  mov     x0, x19
    mov     x1, x20
    mov     x2, #-1
    mrs     x23, pmccntr_el0
    svc     #0
    mrs     x24, pmccntr_el0
    str     x24, [x21]
    str     x23, [x22]
    b       1b

function bench_stamped_call
    stp     x29, x30, [sp, #-32]!
    stp     x19, x20, [sp, #16]
    mov     x19, x1
    mov     x20, x2
    mov     x1, #1                          // the bits of a signal
    mov     x2, #-1
    mrs     x29, pmccntr_el0
    svc     #0
    mrs     x30, pmccntr_el0
    str     x29, [x19]
    str     x30, [x20]
    ldp     x19, x20, [sp, #16]
    ldp     x29, x30, [sp], #32
    ret

function bench_waiter
    mov     x19, x0
    mov     x20, x1
    mov     x21, x2
1:  mov     x0, x19
    mov     x1, #0
    mov     x2, #-1
    svc     #0
    mrs     x22, pmccntr_el0
    str     x22, [x20]
    ldr     x23, [x21]
    add     x23, x23, #1
    str     x23, [x21]
    b       1b

function bench_yielder
    mov     x19, x0
    mov     x20, x1
1:  mov     x0, x19
    svc     #0
    mrs     x22, pmccntr_el0
    str     x22, [x20]
    b       1b

function bench_fault
    mrs     x2, pmccntr_el0
    str     x2, [x0]
    mrs     x2, pmccntr_el0
    brk     #1
    mrs     x3, pmccntr_el0
    str     x2, [x0]
    str     x3, [x1]
    ret

function bench_fault_handler
    mov     x19, x0
    mov     x20, x1
    mov     x21, x2
    mov     x22, x3
    mov     x23, #0
1:  mov     x0, x19
    mov     x1, x20
    mov     x2, #-1
    mov     x3, #1                          // FaultReply.resumeAt
    mov     x4, x23
    mrs     x24, pmccntr_el0
    svc     #0
    mrs     x25, pmccntr_el0
    str     x25, [x21]
    str     x24, [x22]
    add     x23, x4, #4                     // word 1: PC
    b       1b

function bench_caller
    mov     x19, x0
1:  mov     x0, x19
    mov     x2, #-1
    svc     #0
    b       1b

function bench_relay
    mov     x19, x0
    mov     x20, x1
    mov     x21, x2
1:  mov     x0, x19
    mov     x1, x20
    mov     x2, #-1
    svc     #0
    mov     x0, x21
    mov     x2, #-1
    svc     #0
    b       1b

function bench_spin_forever
    b       bench_spin_forever

function bench_driver
    mov     x19, x0
    mov     x20, x1
    mov     x21, x2
1:  mov     x0, x19
    mov     x1, #0
    mov     x2, #-1
    svc     #0
    mrs     x22, pmccntr_el0
    str     x22, [x21]
    mov     x0, x20
    mov     x1, #1
    svc     #0
    b       1b

function bench_repeat
    mov     x19, x0
    mov     x20, x1
1:  mov     x21, x19
    mov     x22, x20
2:  ldp     x0, x1, [x21], #16
    ldp     x2, x3, [x21], #16
    ldp     x4, x5, [x21], #16
    ldp     x6, x7, [x21], #16
    ldp     x8, x9, [x21], #16
    ldr     x10, [x21], #16
    svc     #0
    subs    x22, x22, #1
    b.ne    2b
    b       1b

function bench_working_server
    mov     x19, x0
    mov     x20, x1
    lsr     x21, x2, #1
1:  mov     x0, x19
    mov     x1, x20
    mov     x2, #-1
    svc     #0
    mov     x22, x21
2:  subs    x22, x22, #1
    b.ne    2b
    b       1b
