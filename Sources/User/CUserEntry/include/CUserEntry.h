// The `svc` instruction as inline functions, and the registers that user code may read.
//
// Each wrapper is inlined to moves and one `svc`. A system call preserves x19-x30; everything else
// is named as clobbered.
#ifndef CUSERENTRY_H
#define CUSERENTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "TrapCodes.h"

#if defined(__linux__) || defined(__APPLE__)
#define SWIFTLET_MODEL
#endif

#define SWIFTLET_ALWAYS static inline __attribute__((always_inline))

/// Replaces a word by another one if it is `old`, in one step. Returns whether it was.
SWIFTLET_ALWAYS bool swiftlet_exchange_acquire(
    uint32_t *_Nonnull word, uint32_t old, uint32_t other) {
    return __atomic_compare_exchange_n(
        word, &old, other, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}
SWIFTLET_ALWAYS bool swiftlet_exchange_release(
    uint32_t *_Nonnull word, uint32_t old, uint32_t other) {
    return __atomic_compare_exchange_n(
        word, &old, other, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED);
}

SWIFTLET_ALWAYS uint32_t swiftlet_load_acquire(const uint32_t *_Nonnull word) {
    return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}
SWIFTLET_ALWAYS void swiftlet_store_release(uint32_t *_Nonnull word, uint32_t value) {
    __atomic_store_n(word, value, __ATOMIC_RELEASE);
}
/// Adds one. Returns the value before.
SWIFTLET_ALWAYS uint32_t swiftlet_count_up(uint32_t *_Nonnull word) {
    return __atomic_fetch_add(word, 1, __ATOMIC_RELAXED);
}
/// Lets all other threads see what was stored before, before anything is loaded after it.
SWIFTLET_ALWAYS void swiftlet_fence(void) { __atomic_thread_fence(__ATOMIC_SEQ_CST); }

/// Message words 0-7, or arguments and results of `invoke`.
typedef struct {
    uint64_t w0, w1, w2, w3, w4, w5, w6, w7;
} SwiftletWords;

/// A task's last words, eight bytes in each.
typedef struct {
    uint64_t w0, w1, w2, w3, w4, w5, w6, w7, w8, w9;
} SwiftletTrapText;

/// Results in x0-x2.
typedef struct {
    uint64_t result, badge, loan;
} SwiftletResult;

#ifdef SWIFTLET_MODEL
// On the host, a model of the kernel in place of the kernel: `Model.c`.

/// Performs the system call whose arguments stand in `registers` (x0 to x10), and leaves its
/// results there.
typedef void (*SwiftletModelKernel)(void *_Nonnull context, uint64_t *_Nonnull registers);
/// Sets this thread's kernel, and the address of its IPC buffer.
void swiftlet_model_kernel(
    SwiftletModelKernel _Nonnull kernel, void *_Nonnull context, uint64_t thread_pointer);

SwiftletResult swiftlet_svc_words(
    uint64_t control, uint64_t second, uint64_t third, SwiftletWords *_Nonnull words);
SwiftletResult swiftlet_svc(uint64_t control, uint64_t second, uint64_t third);
uint64_t swiftlet_counter(void);
uint64_t swiftlet_counter_frequency(void);
uint64_t swiftlet_cycles(void);
uint64_t swiftlet_thread_pointer(void);
_Noreturn void swiftlet_trap_no_endpoint(void);
_Noreturn void swiftlet_trap_text(
    const SwiftletTrapText *_Nonnull text, uint64_t count, const void *_Nullable file,
    uint64_t file_count, uint64_t line);
#else
/// A call that carries words both ways.
SWIFTLET_ALWAYS SwiftletResult swiftlet_svc_words(
    uint64_t control, uint64_t second, uint64_t third, SwiftletWords *_Nonnull words) {
    register uint64_t x0 __asm__("x0") = control;
    register uint64_t x1 __asm__("x1") = second;
    register uint64_t x2 __asm__("x2") = third;
    register uint64_t x3 __asm__("x3") = words->w0;
    register uint64_t x4 __asm__("x4") = words->w1;
    register uint64_t x5 __asm__("x5") = words->w2;
    register uint64_t x6 __asm__("x6") = words->w3;
    register uint64_t x7 __asm__("x7") = words->w4;
    register uint64_t x8 __asm__("x8") = words->w5;
    register uint64_t x9 __asm__("x9") = words->w6;
    register uint64_t x10 __asm__("x10") = words->w7;
    __asm__ volatile("svc #0"
                     : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3), "+r"(x4), "+r"(x5), "+r"(x6),
                       "+r"(x7), "+r"(x8), "+r"(x9), "+r"(x10)
                     :
                     : "x11", "x12", "x13", "x14", "x15", "x16", "x17", "memory", "cc");
    words->w0 = x3;
    words->w1 = x4;
    words->w2 = x5;
    words->w3 = x6;
    words->w4 = x7;
    words->w5 = x8;
    words->w6 = x9;
    words->w7 = x10;
    return (SwiftletResult){x0, x1, x2};
}

/// A call without words: `signal`, `wait`, `poll`, `yield`, `version`.
SWIFTLET_ALWAYS SwiftletResult swiftlet_svc(uint64_t control, uint64_t second, uint64_t third) {
    register uint64_t x0 __asm__("x0") = control;
    register uint64_t x1 __asm__("x1") = second;
    register uint64_t x2 __asm__("x2") = third;
    __asm__ volatile("svc #0"
                     : "+r"(x0), "+r"(x1), "+r"(x2)
                     :
                     : "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14",
                       "x15", "x16", "x17", "memory", "cc");
    return (SwiftletResult){x0, x1, x2};
}

#define SWIFTLET_READER(name, reg)                              \
    SWIFTLET_ALWAYS uint64_t swiftlet_##name(void) {            \
        uint64_t value;                                         \
        __asm__ volatile("mrs %0, " reg : "=r"(value)::"memory"); \
        return value;                                           \
    }
SWIFTLET_READER(counter, "cntvct_el0")
SWIFTLET_READER(counter_frequency, "cntfrq_el0")
SWIFTLET_READER(cycles, "pmccntr_el0")
SWIFTLET_READER(thread_pointer, "tpidr_el0")

/// Traps that say why (KernelABI, TrapCode).
#define SWIFTLET_TRAP(code) __asm__ volatile("brk %0" : : "i"(code))

/// A server's endpoint is gone.
SWIFTLET_ALWAYS _Noreturn void swiftlet_trap_no_endpoint(void) {
    SWIFTLET_TRAP(SWIFTLET_TRAP_NO_ENDPOINT);
    __builtin_unreachable();
}

/// Ends the task with a text and the place in the source. The text travels in x5 to x14. The file's
/// name is a constant of the program: the root task reads it in its file, not in its memory.
SWIFTLET_ALWAYS _Noreturn void swiftlet_trap_text(
    const SwiftletTrapText *_Nonnull text, uint64_t count, const void *_Nullable file,
    uint64_t file_count, uint64_t line) {
    register uint64_t x1 __asm__("x1") = count;
    register const void *x2 __asm__("x2") = file;
    register uint64_t x3 __asm__("x3") = file_count;
    register uint64_t x4 __asm__("x4") = line;
    register uint64_t x5 __asm__("x5") = text->w0;
    register uint64_t x6 __asm__("x6") = text->w1;
    register uint64_t x7 __asm__("x7") = text->w2;
    register uint64_t x8 __asm__("x8") = text->w3;
    register uint64_t x9 __asm__("x9") = text->w4;
    register uint64_t x10 __asm__("x10") = text->w5;
    register uint64_t x11 __asm__("x11") = text->w6;
    register uint64_t x12 __asm__("x12") = text->w7;
    register uint64_t x13 __asm__("x13") = text->w8;
    register uint64_t x14 __asm__("x14") = text->w9;
    __asm__ volatile("brk %14"
                     :
                     : "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5), "r"(x6), "r"(x7), "r"(x8),
                       "r"(x9), "r"(x10), "r"(x11), "r"(x12), "r"(x13), "r"(x14),
                       "i"(SWIFTLET_TRAP_FATAL_ERROR)
                     : "memory");
    __builtin_unreachable();
}
#endif

/// Gives the thread of this thread pointer its thread-local variables with their first values.
void swiftlet_begin_thread(uint64_t thread_pointer);

/// A place for a thread: what the runtime knows of it (UserRuntime/Threads.swift).
typedef struct {
    /// Phase | generation << 8.
    uint64_t state;
    /// Pages of its stack; 0: it has no memory yet.
    uint64_t pages;
    /// Of the present start; null before the first.
    uint64_t (*_Nullable body)(uint64_t);
    uint64_t context;
    const uint8_t *_Nullable name;
    uint64_t name_length;
    /// Bit s: its thread is a participant of the mutex set of the share s of the task.
    uint64_t joined_shares;
} SwiftletPlace;

enum { SWIFTLET_PLACES = 16 };
extern SwiftletPlace swiftlet_places[SWIFTLET_PLACES];
/// Place `number`, below `SWIFTLET_PLACES`.
SWIFTLET_ALWAYS SwiftletPlace *_Nonnull swiftlet_place(uint64_t number) {
    return &swiftlet_places[number % SWIFTLET_PLACES];
}
SWIFTLET_ALWAYS uint64_t swiftlet_place_state(const SwiftletPlace *_Nonnull place) {
    return __atomic_load_n(&place->state, __ATOMIC_ACQUIRE);
}
/// Changes the state from one value to another; 0 where it is another one already.
SWIFTLET_ALWAYS int swiftlet_place_change(
    SwiftletPlace *_Nonnull place, uint64_t from, uint64_t to) {
    return __atomic_compare_exchange_n(
        &place->state, &from, to, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}
/// The number of the calling thread's place, from 1; 0 for the first thread.
SWIFTLET_ALWAYS uint64_t swiftlet_own_place(void) {
    return ((uint64_t *)swiftlet_thread_pointer())[1];
}
/// Runs the body of the thread in place `number`, from the end of its stack.
_Noreturn void swiftlet_enter_thread(uint64_t number);
SWIFTLET_ALWAYS uint64_t swiftlet_thread_entry(void) {
    return (uint64_t)(uintptr_t)swiftlet_enter_thread;
}

enum { SWIFTLET_THREAD_WORDS = 8 };
extern _Thread_local uint64_t swiftlet_thread_words[SWIFTLET_THREAD_WORDS];

/// The reply objects of a server, a bit each (UserRuntime, CallerPool).
typedef struct {
    /// It holds no caller, or the present one.
    uint64_t free;
    /// Its held caller has gone.
    uint64_t gone;
    /// How many there are, and the slot of the first.
    uint64_t count;
    uint32_t first;
    /// The slot of the notification that tells when a held caller has gone.
    uint32_t bell;
    /// By the reply object's place: the badge of its held caller, and a number of the service's,
    /// such as the instant for which the caller waits.
    uint64_t clients[64];
    uint64_t numbers[64];
} SwiftletCallerPlaces;
/// Those of the task's server.
SwiftletCallerPlaces *_Nonnull swiftlet_caller_places(void);
SWIFTLET_ALWAYS uint64_t *_Nonnull swiftlet_caller_client(uint64_t place) {
    return &swiftlet_caller_places()->clients[place & 63];
}
SWIFTLET_ALWAYS uint64_t *_Nonnull swiftlet_caller_number(uint64_t place) {
    return &swiftlet_caller_places()->numbers[place & 63];
}
/// The words of the rules for the task's clients, in the task's page at `address`; on the host a
/// test's own.
uint64_t *_Nonnull swiftlet_resource_rules(uint64_t address);
/// Word `number` of those that each thread has for its own, below `SWIFTLET_THREAD_WORDS`.
SWIFTLET_ALWAYS uint64_t *_Nonnull swiftlet_thread_word(uint64_t number) {
    return &swiftlet_thread_words[number % SWIFTLET_THREAD_WORDS];
}

/// Give the heap its memory.
void swiftlet_heap_add(uint64_t address, uint64_t size);

#endif
