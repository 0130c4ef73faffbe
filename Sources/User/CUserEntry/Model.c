// The model of the kernel that host tests run task code on.

#include "CUserEntry.h"
#include "TaskLocks.h"

#include <stdio.h>
#include <string.h>

// Each test has a thread, and with it a kernel, of its own.
static _Thread_local SwiftletModelKernel modelKernel;
static _Thread_local void *modelContext;
static _Thread_local uint64_t modelThreadPointer;

void swiftlet_model_kernel(SwiftletModelKernel kernel, void *context, uint64_t thread_pointer) {
    modelKernel = kernel;
    modelContext = context;
    modelThreadPointer = thread_pointer;
}

SwiftletResult swiftlet_svc_words(
    uint64_t control, uint64_t second, uint64_t third, SwiftletWords *words) {
    uint64_t registers[11] = {control, second, third};
    memcpy(registers + 3, words, sizeof *words);
    if (!modelKernel) __builtin_trap();
    modelKernel(modelContext, registers);
    memcpy(words, registers + 3, sizeof *words);
    return (SwiftletResult){registers[0], registers[1], registers[2]};
}
SwiftletResult swiftlet_svc(uint64_t control, uint64_t second, uint64_t third) {
    SwiftletWords words = {0};
    return swiftlet_svc_words(control, second, third, &words);
}

uint64_t swiftlet_counter(void) { return 1000; }
uint64_t swiftlet_counter_frequency(void) { return 62500000; }
uint64_t swiftlet_cycles(void) { return 0; }
uint64_t swiftlet_thread_pointer(void) { return modelThreadPointer; }
_Noreturn void swiftlet_trap_no_endpoint(void) { __builtin_trap(); }
_Noreturn void swiftlet_trap_text(
    const SwiftletTrapText *text, uint64_t count, const void *file, uint64_t file_count,
    uint64_t line) {
    int shown = count < sizeof *text ? (int)count : (int)sizeof *text;
    fprintf(stderr, "%.*s:%llu: %.*s\n", (int)file_count, (const char *)file,
            (unsigned long long)line, shown, (const char *)text);
    __builtin_trap();
}

// A host test has one thread.
void swiftlet_begin_thread(uint64_t thread_pointer) { (void)thread_pointer; }
_Noreturn void swiftlet_enter_thread(uint64_t number) {
    (void)number;
    __builtin_trap();
}

void swiftlet_locks_start(SwiftletLocks locks) { swiftlet_locks = locks; }

// The host has a heap.
void swiftlet_heap_add(uint64_t address, uint64_t size) {
    (void)address;
    (void)size;
}
