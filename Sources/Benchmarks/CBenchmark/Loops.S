// Measured loops. What lies between two reads of the clock is written down here and depends on
// no compiler.
//
// The file is a macro that is expanded twice: once with the cycle counter for processors that let
// user code read it, once with the generic timer's counter. Registers that a system call preserves
// (x19-x30) hold what a loop needs.

    .text
.macro function name, clock
    .balign 16
    .globl \name\()_\clock
\name\()_\clock:
.endm

// x0: 11 words for x0-x10, x1: where the two reads and then x0 go. Returns the reads' difference.
.macro measured name, clock, first, second
    function \name, \clock
    stp     x29, x30, [sp, #-32]!
    str     x28, [sp, #16]
    mov     x28, x1
    mov     x11, x0
    ldp     x0, x1, [x11]
    ldp     x2, x3, [x11, #16]
    ldp     x4, x5, [x11, #32]
    ldp     x6, x7, [x11, #48]
    ldp     x8, x9, [x11, #64]
    ldr     x10, [x11, #80]
    mrs     x29, \clock
    \first
    \second
    mrs     x30, \clock
    stp     x29, x30, [x28]
    str     x0, [x28, #16]
    sub     x0, x30, x29
    ldr     x28, [sp, #16]
    ldp     x29, x30, [sp], #32
    ret
.endm

// A server for ever: x0 control word of replyAndReceive, x1 slot of the reply object, x2 what
// `before` and `after` use.
.macro serving name, clock, before, after
    function \name, \clock
    mov     x19, x0
    mov     x20, x1
    mov     x21, x2
1:  mov     x0, x19
    mov     x1, x20
    \before
    svc     #0
    \after
    b       1b
.endm

// The reads that a stamping server leaves: [x21] when a request came, [x21, #8] just before
// its answer.
.macro stamp_answer clock
    mrs     x23, \clock
.endm
.macro stamp_request clock
    mrs     x24, \clock
    stp     x24, x23, [x21]
.endm
.macro work
    mov     x22, x21
2:  subs    x22, x22, #1
    b.ne    2b
.endm

.macro loops clock
    measured bench_call, \clock, "svc #0"
    measured bench_nop, \clock, nop

    // Two reads with nothing between them.
    function bench_pair, \clock
    mrs     x1, \clock
    mrs     x2, \clock
    sub     x0, x2, x1
    ret

    // x0 (a multiple of 100, not 0) instructions between two reads.
    function bench_spin, \clock
    mrs     x1, \clock
1:  .rept 98
    nop
    .endr
    subs    x0, x0, #100
    b.ne    1b
    mrs     x2, \clock
    sub     x0, x2, x1
    ret

    // Read, fault, and read again when the handler let this thread go on behind the instruction.
    // x1: where the reads go.
    function bench_fault, \clock
    mrs     x2, \clock
    brk     #1
    mrs     x3, \clock
    stp     x2, x3, [x1]
    sub     x0, x3, x2
    ret

    // Read and store a device's register, which raises its line. x0: register, x1: where the read
    // goes, x2: value.
    function bench_raise, \clock
    mrs     x3, \clock
    str     w2, [x0]
    str     x3, [x1]
    mov     x0, xzr
    ret

    // Where user code may not read the clock, this faults. x0: where the read goes.
    function bench_probe, \clock
    mrs     x1, \clock
    str     x1, [x0]
1:  b       1b

    serving bench_server, \clock
    serving bench_stamping_server, \clock, "stamp_answer \clock", "stamp_request \clock"
    // The server's part of a round trip in which both sides use floating point.
    serving bench_vector_server, \clock, , "fmov d0, x19"
    // x2: rounds of two instructions that each request takes.
    serving bench_working_server, \clock, , work

    // One round trip at each wake-up, with floating point used on both sides. x0 wait, x1 call, x2
    // where the reads go.
    function bench_vector_client, \clock
    mov     x19, x0
    mov     x20, x1
    mov     x21, x2
1:  mov     x0, x19
    svc     #0
    fmov    d0, x19
    mov     x0, x20
    mrs     x23, \clock
    svc     #0
    fmov    d0, x19
    mrs     x24, \clock
    stp     x23, x24, [x21]
    b       1b

    // One use of floating point at each wake-up. x0 wait, x1 where the reads go.
    function bench_vector_user, \clock
    mov     x19, x0
    mov     x20, x1
1:  mov     x0, x19
    svc     #0
    mrs     x23, \clock
    fmov    d0, x19
    mrs     x24, \clock
    stp     x23, x24, [x20]
    b       1b

    // A driver, or any thread that waits: each wake-up leaves the clock and the kernel's note of
    // its entry (TPIDRRO_EL0, in benchmark builds) in a ring. x0 wait or receive, x1 ring (count,
    // x1 of `receive`, then 512 pairs), x2 `signal` for a client or 0, x3 a device's register to be
    // set to 0, or 0, x4 `acknowledge`.
    function bench_driver, \clock
    mov     x19, x0
    mov     x20, x1
    mov     x21, x2
    mov     x22, x3
    mov     x23, x4
1:  mov     x0, x19
    ldr     x1, [x20, #8]
    svc     #0
    mrs     x24, \clock
    mrs     x25, tpidrro_el0
    ldr     x26, [x20]
    ubfiz   x27, x26, #4, #9
    add     x27, x27, x20
    stp     x24, x25, [x27, #16]
    add     x26, x26, #1
    str     x26, [x20]
    cbz     x22, 2f
    str     wzr, [x22]
    mov     x0, x23
    svc     #0
2:  cbz     x21, 1b
    mov     x0, x21
    mov     x1, #1
    svc     #0
    b       1b

    // Yield for ever; the clock after each goes to [x1].
    function bench_yielder, \clock
    mov     x19, x0
    mov     x20, x1
1:  mov     x0, x19
    svc     #0
    mrs     x22, \clock
    str     x22, [x20]
    b       1b

    // Let faulting threads go on behind their instruction, for ever. x0 replyAndReceive with
    // two words, x1 reply object, x2: [x2] the clock when a fault came, [x2, #8] just before
    // the answer.
    function bench_fault_handler, \clock
    mov     x19, x0
    mov     x20, x1
    mov     x21, x2
    mov     x22, #0
1:  mov     x0, x19
    mov     x1, x20
    mov     x3, #1                          // FaultReply.resumeAt
    mov     x4, x22
    mrs     x23, \clock
    svc     #0
    mrs     x24, \clock
    stp     x24, x23, [x21]
    add     x22, x4, #4                     // word 1: PC
    b       1b

    // Call for ever with the control word x0; needs no stack.
    function bench_caller, \clock
    mov     x19, x0
1:  mov     x0, x19
    svc     #0
    b       1b

    // Serve (x0, x1) by calling another server (x2), for ever.
    function bench_relay, \clock
    mov     x19, x0
    mov     x20, x1
    mov     x21, x2
1:  mov     x0, x19
    mov     x1, x20
    svc     #0
    mov     x0, x21
    svc     #0
    b       1b

    function bench_hog, \clock
1:  b       1b

    // One system call at each wake-up, at an exact instant of the clock; needs no stack. x0: a
    // block (Worker.swift) with the clock's value 14 instructions before the `svc` (one that has
    // passed: at once), the control word of `wait`, and x0-x10 of the call. What the call returned
    // and the clock behind it go to words 13 and 14.
    function bench_worker, \clock
    mov     x19, x0
    b       4f
    // The same, which begins with the call.
    function bench_performer, \clock
    mov     x19, x0
1:  ldr     x11, [x19]
2:  mrs     x12, \clock
    sub     x12, x11, x12
    cmp     x12, #64
    b.gt    2b
    bic     x12, x12, x12, asr #63
    adr     x13, 3f
    sub     x13, x13, x12, lsl #2
    br      x13
    .rept 64
    nop
    .endr
3:  ldp     x0, x1, [x19, #16]
    ldp     x2, x3, [x19, #32]
    ldp     x4, x5, [x19, #48]
    ldp     x6, x7, [x19, #64]
    ldp     x8, x9, [x19, #80]
    ldr     x10, [x19, #96]
    svc     #0
    mrs     x12, \clock
    stp     x0, x12, [x19, #104]
4:  ldr     x0, [x19, #8]
    svc     #0
    b       1b

    // A block as above: from each wake-up on, reads the clock until it has passed word 0, and
    // leaves that read in word 14.
    function bench_watcher, \clock
    mov     x19, x0
1:  ldr     x0, [x19, #8]
    svc     #0
2:  ldr     x11, [x19]
    mrs     x12, \clock
    cmp     x12, x11
    b.lo    2b
    str     x12, [x19, #112]
    b       1b

    // Make the x1 system calls of the table at x0, for ever: 12 words each, x0-x10 and one that
    // is not used. An emulator that runs cores in turn lets the next one run behind each call.
    function bench_repeat, \clock
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
    yield
    subs    x22, x22, #1
    b.ne    2b
    b       1b

    // The order of BenchLoops.
    .section .rodata
    .balign 8
    .globl  bench_loops_\clock
bench_loops_\clock:
    .quad   bench_call_\clock, bench_nop_\clock, bench_pair_\clock, bench_spin_\clock
    .quad   bench_fault_\clock, bench_raise_\clock, bench_probe_\clock, bench_server_\clock
    .quad   bench_stamping_server_\clock, bench_vector_server_\clock, bench_working_server_\clock
    .quad   bench_vector_client_\clock, bench_driver_\clock, bench_yielder_\clock
    .quad   bench_fault_handler_\clock, bench_caller_\clock, bench_relay_\clock, bench_hog_\clock
    .quad   bench_repeat_\clock, bench_worker_\clock, bench_performer_\clock, bench_watcher_\clock
    .quad   bench_vector_user_\clock
    .text
.endm

    loops pmccntr_el0
    loops cntvct_el0

// From here on the thread has floating-point state.
    .balign 16
    .globl bench_use_vectors
bench_use_vectors:
    fmov    d0, xzr
    ret

// The cycle counter's value at the beginning of tick 0: x0 cycles a tick, x1 pairs of reads. The
// smallest difference is the one whose tick had just begun, at its own read. Seven instructions a
// round, so that the reads visit every place in a tick.
    .balign 16
    .globl bench_offset
bench_offset:
    mov     x2, #0x7fffffffffffffff
1:  mrs     x3, pmccntr_el0
    mrs     x4, cntvct_el0
    msub    x3, x4, x0, x3
    cmp     x3, x2
    csel    x2, x3, x2, lt
    subs    x1, x1, #1
    b.ne    1b
    add     x0, x2, #1
    ret
