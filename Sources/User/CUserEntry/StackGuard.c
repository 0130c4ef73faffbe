// What code that is compiled with stack protection expects.

#include <stdint.h>
#include "CUserEntry.h"

uintptr_t __stack_chk_guard = 0x595354524d4c46;
_Noreturn void __stack_chk_fail(void) {
    SWIFTLET_TRAP(SWIFTLET_TRAP_STACK_SMASHED);
    __builtin_unreachable();
}
