// What code that is compiled with stack protection expects: libfdt comes so.

#include "CAArch64.h"

const uintptr_t __stack_chk_guard = 0x5357494654004c45;
_Noreturn void __stack_chk_fail(void) { __builtin_trap(); }
