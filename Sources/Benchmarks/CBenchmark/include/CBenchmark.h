// Measured loops, in assembly: what is between two reads of the counter must not depend on a compiler.
#ifndef CBENCHMARK_H
#define CBENCHMARK_H

#include <stdint.h>

/// One system call with x0–x2 and zero words; returns the counter's advance from just before `svc` to just after.
uint64_t bench_call(uint64_t control, uint64_t second, uint64_t third);
/// The same instructions with `nop` for `svc`.
uint64_t bench_nop(uint64_t control, uint64_t second, uint64_t third);
/// As bench_call, with x3–x8 from `words` (6 words): for `invoke`.
uint64_t bench_invoke(uint64_t control, uint64_t second, uint64_t third, const uint64_t *_Nonnull words);
/// Counter around `count` instructions that do nothing (count: multiple of 100).
uint64_t bench_spin(uint64_t count);
/// Answer for ever: replyAndReceive with this control word. Does not return.
void bench_server(uint64_t control, uint64_t reply);
/// The same, and before each answer the counter goes to *stamp as soon as the call was received.
void bench_stamping_server(uint64_t control, uint64_t reply, volatile uint64_t *_Nullable stamp, volatile uint64_t *_Nullable answer);
/// Call once and leave the counter from just before `svc` in *start.
void bench_stamped_call(uint64_t control, volatile uint64_t *_Nullable start, volatile uint64_t *_Nullable end);
/// Wait on a notification for ever; the counter goes to *stamp at each wake-up.
void bench_waiter(uint64_t control, volatile uint64_t *_Nullable stamp, volatile uint64_t *_Nullable count);
/// Yield for ever; the counter goes to *stamp after each.
void bench_yielder(uint64_t control, volatile uint64_t *_Nullable stamp);
/// Read the counter into *start, then fault (brk); after the handler resumed behind it, into *end.
void bench_fault(volatile uint64_t *_Nullable start, volatile uint64_t *_Nullable end);
/// Answer faults for ever: resume behind the instruction. The counter goes to *stamp when the fault came, to *answer before the reply.
void bench_fault_handler(uint64_t control, uint64_t reply, volatile uint64_t *_Nullable stamp, volatile uint64_t *_Nullable answer);
/// Call for ever with this control word; uses no stack.
void bench_caller(uint64_t control);
/// Serve with the first control word and reply, by calling with the second control word.
void bench_relay(uint64_t control, uint64_t reply, uint64_t call);
void bench_spin_forever(void);
/// A driver: wait on a notification, the counter goes to *stamp, then signal the client's notification; for ever.
void bench_driver(uint64_t wait, uint64_t signal, volatile uint64_t *_Nullable stamp);
/// Answer for ever, each request after `work` instructions.
void bench_working_server(uint64_t control, uint64_t reply, uint64_t work);
/// Make the `count` system calls of a table for ever: 12 words each, x0-x10 and one that is not used.
void bench_repeat(const uint64_t *_Nonnull table, uint64_t count);

// Where other threads start.
#define BENCH_ENTRY(name) static inline uint64_t name##_entry(void) { return (uint64_t)&name; }
BENCH_ENTRY(bench_server)
BENCH_ENTRY(bench_stamping_server)
BENCH_ENTRY(bench_waiter)
BENCH_ENTRY(bench_yielder)
BENCH_ENTRY(bench_fault_handler)
BENCH_ENTRY(bench_caller)
BENCH_ENTRY(bench_relay)
BENCH_ENTRY(bench_spin_forever)
BENCH_ENTRY(bench_driver)
BENCH_ENTRY(bench_working_server)
BENCH_ENTRY(bench_repeat)

static inline uint64_t bench_cycles(void) {
    uint64_t v;
    __asm__ volatile("mrs %0, pmccntr_el0" : "=r"(v)::"memory");
    return v;
}
static inline uint64_t bench_counter(void) {
    uint64_t v;
    __asm__ volatile("mrs %0, cntvct_el0" : "=r"(v)::"memory");
    return v;
}
static inline uint64_t bench_load(const volatile uint64_t *_Nullable p) { return *p; }
static inline void bench_store(volatile uint64_t *_Nullable p, uint64_t v) { *p = v; }

#endif
