// The model of the processor that host tests run `AArch64` and the drivers of the platform on.

#include "CAArch64.h"

#include <string.h>

enum { names = 64, nameBytes = 64, notes = 4096 };

typedef struct {
    char name[nameBytes];
    uint64_t value;
} Register;

// Each test has a thread, and with it a processor, of its own.
static _Thread_local Register registers[names];
static _Thread_local size_t registerCount;
static _Thread_local SwiftletModelNote record[notes];
static _Thread_local size_t noteCount;
static _Thread_local uint64_t abortSyndrome;
static _Thread_local uint64_t abortPending;

void swiftlet_model_reset(void) { registerCount = noteCount = abortSyndrome = abortPending = 0; }
void swiftlet_model_set(const char *name, uint64_t value) {
    size_t at = 0;
    while (at < registerCount && strcmp(registers[at].name, name) != 0) at++;
    if (at == names || strlen(name) >= nameBytes) __builtin_trap();
    if (at == registerCount) strcpy(registers[registerCount++].name, name);
    registers[at].value = value;
}
uint64_t swiftlet_model_read(const char *name) {
    for (size_t at = 0; at < registerCount; at++)
        if (strcmp(registers[at].name, name) == 0) return registers[at].value;
    return 0;
}
void swiftlet_model_note(const char *name, uint64_t value) {
    if (noteCount == notes) __builtin_trap();
    record[noteCount++] = (SwiftletModelNote){name, value};
    swiftlet_model_set(name, value);
}
size_t swiftlet_model_count(void) { return noteCount; }
SwiftletModelNote swiftlet_model_get(size_t index) {
    if (index >= noteCount) __builtin_trap();
    return record[index];
}
void swiftlet_model_abort(uint64_t syndrome, uint64_t pending) {
    abortSyndrome = syndrome;
    abortPending = pending;
}

uint64_t swiftlet_probe(uint64_t address) {
    swiftlet_model_note("probe", address);
    if (abortSyndrome) swiftlet_model_set("esr_el1", abortSyndrome);
    swiftlet_model_set("isr_el1", swiftlet_model_read("isr_el1") | abortPending);
    return 0;
}
void swiftlet_zero(void *start, uint64_t bytes) { memset(start, 0, bytes); }

// The parts of the kernel's image that boot code knows, in the order in which they lie there.
__asm__(".bss\n.balign 4096\n"
        ".globl swiftlet_image_start\nswiftlet_image_start: .zero 4096\n"
        ".globl swiftlet_kernel_root\nswiftlet_kernel_root: .zero 4096\n"
        ".globl swiftlet_boot_tables_start\nswiftlet_boot_tables_start: .zero 12288\n"
        ".globl swiftlet_boot_lists\nswiftlet_boot_lists:\n"
        ".globl swiftlet_pool_start\nswiftlet_pool_start: .zero 196608\n"
        ".globl swiftlet_pool_end\nswiftlet_pool_end:\n.text\n");
_Static_assert(SWIFTLET_POOL_TABLES * SWIFTLET_PAGE_BYTES == 196608, "the pool's place above");
