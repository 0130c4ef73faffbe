// The macros of the kernel lock, as functions: x0 is the lock, x1 the bits of the core's
// byte.
#include "../../../Sources/Kernel/CAArch64/include/CAArch64Layout.h"
#include "../../../Sources/Kernel/CAArch64/Lock.inc"

    .text
// The two words lie where a core finds them, above the zeros at the top of its stack.
.macro enter
    sub     sp, sp, #32
    stp     x1, x0, [sp, #SWIFTLET_STACK_LOCK]
.endm

    .globl takeLock
takeLock:
    enter
    take_lock 16, 17, 4, 1f
    mov     x0, #1
    add     sp, sp, #32
    ret
1:  mov     x0, #0
    add     sp, sp, #32
    ret

    .globl releaseLock
releaseLock:
    enter
    release_lock 1f
    b       2f
1:  pass_lock
2:  add     sp, sp, #32
    ret

    .bss
    .balign 64
    .globl lockMemory
lockMemory:
    .zero   SWIFTLET_LOCK_GRANTS + 8 * SWIFTLET_LOCK_GRANT_BYTES
