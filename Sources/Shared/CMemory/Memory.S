// Copies, fills and compares memory, for the kernel and for tasks: the functions that compiled code
// calls. They use no floating-point registers, and expect normal memory, which allows any
// alignment.
//
// Instructions for 4 KiB, as the loops have them: memcpy and memmove 640, memset 384, memcmp 1,408,
// and some ten besides (target tests `memory.`). A copy needs a load and a store for every 16
// bytes, 512 in all; a comparison two loads and two comparisons, 1,024.
//
// The kernel copies at most KernelLimits.loanStep bytes at a time; its bounds stand on the loops.

    .macro function name
    .section .text.\name, "ax"
    .balign 16
    .global \name
\name:
    .endm

// memcpy and memmove: x0 destination, x1 source, x2 bytes; x0 is the result.
function memcpy
memcpy_up:
    mov x3, x0
    subs x2, x2, #64
    b.lo 2f
1:  ldp x4, x5, [x1], #16
    ldp x6, x7, [x1], #16
    ldp x8, x9, [x1], #16
    ldp x10, x11, [x1], #16
    stp x4, x5, [x3], #16
    stp x6, x7, [x3], #16
    stp x8, x9, [x3], #16
    stp x10, x11, [x3], #16
    subs x2, x2, #64
    b.hs 1b                     // bound: KernelLimits.loanStep / 64 - 1
2:  adds x2, x2, #56
    b.mi 4f
3:  ldr x4, [x1], #8
    str x4, [x3], #8
    subs x2, x2, #8
    b.pl 3b                     // bound: 6
4:  adds x2, x2, #8
    b.eq 6f
5:  ldrb w4, [x1], #1
    strb w4, [x3], #1
    subs x2, x2, #1
    b.ne 5b                     // bound: 6
6:  ret

function memmove
    sub x3, x0, x1
    cmp x3, x2                  // unsigned: a destination below the source is far above it
    b.hs memcpy
    add x1, x1, x2
    add x3, x0, x2
    subs x2, x2, #64
    b.lo 2f
1:  ldp x4, x5, [x1, #-16]!
    ldp x6, x7, [x1, #-16]!
    ldp x8, x9, [x1, #-16]!
    ldp x10, x11, [x1, #-16]!
    stp x4, x5, [x3, #-16]!
    stp x6, x7, [x3, #-16]!
    stp x8, x9, [x3, #-16]!
    stp x10, x11, [x3, #-16]!
    subs x2, x2, #64
    b.hs 1b                     // bound: KernelLimits.loanStep / 64 - 1
2:  adds x2, x2, #56
    b.mi 4f
3:  ldr x4, [x1, #-8]!
    str x4, [x3, #-8]!
    subs x2, x2, #8
    b.pl 3b                     // bound: 6
4:  adds x2, x2, #8
    b.eq 6f
5:  ldrb w4, [x1, #-1]!
    strb w4, [x3, #-1]!
    subs x2, x2, #1
    b.ne 5b                     // bound: 6
6:  ret

// x0 destination, w1 byte, x2 bytes; x0 is the result.
function memset
    mov x3, x0
    and x1, x1, #0xff
    orr x1, x1, x1, lsl #8
    orr x1, x1, x1, lsl #16
    orr x1, x1, x1, lsl #32
    subs x2, x2, #64
    b.lo 2f
1:  stp x1, x1, [x3], #16
    stp x1, x1, [x3], #16
    stp x1, x1, [x3], #16
    stp x1, x1, [x3], #16
    subs x2, x2, #64
    b.hs 1b                     // bound: 288 / 64
2:  adds x2, x2, #56
    b.mi 4f
3:  str x1, [x3], #8
    subs x2, x2, #8
    b.pl 3b                     // bound: 6
4:  adds x2, x2, #8
    b.eq 6f
5:  strb w1, [x3], #1
    subs x2, x2, #1
    b.ne 5b                     // bound: 6
6:  ret

// x0 and x1 are compared over x2 bytes. The result is 1, 0 or -1: the order of the first bytes that
// differ.
function memcmp
    subs x2, x2, #32
    b.lo 2f
1:  ldp x3, x4, [x0], #16
    ldp x5, x6, [x0], #16
    ldp x7, x8, [x1], #16
    ldp x9, x10, [x1], #16
    cmp x3, x7
    ccmp x4, x8, #0, eq
    ccmp x5, x9, #0, eq
    ccmp x6, x10, #0, eq
    b.ne 5f
    subs x2, x2, #32
    b.hs 1b
2:  add x2, x2, #32
3:  cbz x2, 4f
    ldrb w3, [x0], #1
    ldrb w4, [x1], #1
    sub x2, x2, #1
    cmp w3, w4
    b.eq 3b
    b 6f
4:  mov w0, wzr
    ret
    // The first pair that differs, in the order of the bytes.
5:  cmp x3, x7
    b.ne 7f
    mov x3, x4
    mov x7, x8
    cmp x3, x7
    b.ne 7f
    mov x3, x5
    mov x7, x9
    cmp x3, x7
    b.ne 7f
    mov x3, x6
    mov x7, x10
7:  rev x3, x3
    rev x7, x7
    cmp x3, x7
6:  cset w0, hi
    csinv w0, w0, wzr, hs
    ret
