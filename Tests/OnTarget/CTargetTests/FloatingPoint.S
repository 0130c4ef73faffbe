// One floating-point register, written and read.
    .arch armv8-a+fp+simd
    .text
    .globl setFloatingPoint, floatingPoint
setFloatingPoint:
    fmov    d9, x0
    ret
floatingPoint:
    fmov    x0, d9
    ret
