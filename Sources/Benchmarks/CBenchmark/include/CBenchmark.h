// Measured loops, in assembly: what is between two reads of the clock must not depend on a compiler
// (Loops.S).
#ifndef CBENCHMARK_H
#define CBENCHMARK_H

#include <stddef.h>
#include <stdint.h>

/// The loops, each of them with one clock. The first are called; the others are where threads
/// start: their arguments are in Loops.S.
typedef struct {
    /// One system call with x0-x10 from 11 words. The clock just before `svc` and just after, and
    /// the result word, go to three words; returns the difference.
    uint64_t (*_Nonnull call)(uint64_t words, uint64_t stamps, uint64_t unused);
    /// The same instructions with `nop` for `svc`.
    uint64_t (*_Nonnull nop)(uint64_t words, uint64_t stamps, uint64_t unused);
    /// Two reads with nothing between them.
    uint64_t (*_Nonnull pair)(void);
    /// The clock around `count` instructions (a multiple of 100, not 0).
    uint64_t (*_Nonnull spin)(uint64_t count);
    /// The clock just before an instruction that faults, and behind it, to two words.
    uint64_t (*_Nonnull fault)(uint64_t unused, uint64_t stamps, uint64_t unused2);
    /// The clock, to `stamp`, just before `value` is stored to a device's register.
    uint64_t (*_Nonnull raise)(uint64_t address, uint64_t stamp, uint64_t value);
    uint64_t probe, server, stamping_server, vector_server, working_server, vector_client, driver,
        yielder, fault_handler, caller, relay, hog, repeat, worker, performer, watcher, vector_user;
} BenchLoops;

/// With PMCCNTR_EL0.
extern const BenchLoops bench_loops_pmccntr_el0;
/// With CNTVCT_EL0.
extern const BenchLoops bench_loops_cntvct_el0;

/// The calling thread uses floating point from here on.
void bench_use_vectors(void);

/// The cycle counter at the beginning of the counter's tick 0, from `pairs` reads of both.
uint64_t bench_offset(uint64_t cycles_per_tick, uint64_t pairs);

int posix_memalign(void *_Nullable *_Nonnull out, size_t alignment, size_t size);
void free(void *_Nullable piece);
/// Calls of the task's heap.
static inline uint64_t bench_allocate(size_t alignment, size_t size) {
    void *piece;
    posix_memalign(&piece, alignment, size);
    return (uint64_t)piece;
}
static inline void bench_free(uint64_t piece) { free((void *)piece); }

static inline uint64_t bench_counter(void) {
    uint64_t v;
    __asm__ volatile("mrs %0, cntvct_el0" : "=r"(v)::"memory");
    return v;
}
/// Lets another core run next, where an emulator runs them in turn.
static inline void bench_relax(void) { __asm__ volatile("yield" ::: "memory"); }
static inline void bench_store32(uint64_t address, uint32_t v) {
    *(volatile uint32_t *)address = v;
}
static inline uint32_t bench_load32(uint64_t address) {
    return *(const volatile uint32_t *)address;
}
static inline uint64_t bench_load(uint64_t address) { return *(const volatile uint64_t *)address; }
static inline void bench_store(uint64_t address, uint64_t v) { *(volatile uint64_t *)address = v; }

#endif
