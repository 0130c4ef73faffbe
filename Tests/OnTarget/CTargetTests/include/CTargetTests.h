// Instructions that a test needs and no language has: illegal ones, misaligned ones, floating-point registers; and loads
// and stores that the compiler must make exactly as written.
#ifndef CTARGETTESTS_H
#define CTARGETTESTS_H

#include <stdint.h>

static inline void breakpoint(void) { __asm__ volatile("brk #1" ::: "memory"); }
static inline void illegalInstruction(void) { __asm__ volatile(".word 0" ::: "memory"); }
static inline uint64_t peek(uint64_t address) { return *(volatile uint64_t *)address; }
static inline void poke(uint64_t address, uint64_t value) { *(volatile uint64_t *)address = value; }
/// An exclusive load must be aligned, whatever SCTLR_EL1.A says (Arm ARM B2.5.2).
static inline void misalignedExclusiveLoad(uint64_t address) {
    uint64_t value;
    __asm__ volatile("ldxr %0, [%1]" : "=r"(value) : "r"(address) : "memory");
}
void setFloatingPoint(uint64_t value);
uint64_t floatingPoint(void);

#endif
