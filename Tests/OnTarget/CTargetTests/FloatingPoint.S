// All floating-point registers, written, compared, and joined. No code of the tests uses them
// otherwise: it is compiled without.
    .arch armv8-a+fp+simd
    .text

// x0: value. v0 is (x0, x0 + 1), v1 (x0 + 2, x0 + 3), and so on; its low bits make FPCR's rounding
// mode and FPSR's flags.
    .globl setFloatingPoint
setFloatingPoint:
    mov     x1, x0
    .irp    n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    ins     v\n\().d[0], x1
    add     x1, x1, #1
    ins     v\n\().d[1], x1
    add     x1, x1, #1
    .endr
    ubfiz   x1, x0, #22, #2
    msr     fpcr, x1
    and     x1, x0, #0x1f
    msr     fpsr, x1
    ret

// x0: value. Returns 0 where all are as setFloatingPoint left them; else how many halves, and FPCR
// and FPSR, are not.
    .globl changedFloatingPoint
changedFloatingPoint:
    mov     x1, x0
    mov     x3, #0
    .irp    n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    .irp    half, 0,1
    umov    x2, v\n\().d[\half]
    cmp     x2, x1
    cinc    x3, x3, ne
    add     x1, x1, #1
    .endr
    .endr
    mrs     x2, fpcr
    ubfiz   x1, x0, #22, #2
    cmp     x2, x1
    cinc    x3, x3, ne
    mrs     x2, fpsr
    and     x1, x0, #0x1f
    cmp     x2, x1
    cinc    x0, x3, ne
    ret

// All bits that are set in any of them.
    .globl joinedFloatingPoint
joinedFloatingPoint:
    mrs     x0, fpcr
    mrs     x1, fpsr
    orr     x0, x0, x1
    .irp    n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    .irp    half, 0,1
    umov    x1, v\n\().d[\half]
    orr     x0, x0, x1
    .endr
    .endr
    ret
