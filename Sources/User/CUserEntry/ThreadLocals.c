// The thread-local variables of a thread, behind its thread pointer (`linker/task.ld`).
#include "CMemory.h"
#include "CUserEntry.h"

extern const uint8_t __thread_data[];
// Sizes: the linker gives them as addresses.
extern const uint8_t __thread_data_bytes[], __thread_bytes[];

void swiftlet_begin_thread(uint64_t thread_pointer) {
    uint64_t *control = (uint64_t *)thread_pointer;
    control[0] = 0;
    control[1] = 0;
    uint8_t *locals = (uint8_t *)(control + 2);
    size_t given = (size_t)__thread_data_bytes;
    memcpy(locals, __thread_data, given);
    memset(locals + given, 0, (size_t)__thread_bytes - given);
}
