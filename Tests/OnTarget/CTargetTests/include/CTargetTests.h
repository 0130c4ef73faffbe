// Instructions that a test needs and no language has: illegal ones, misaligned ones, floating-point
// registers; and loads and stores that the compiler must make exactly as written.
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
/// All floating-point registers are made from `value`; FPCR and FPSR too.
void setFloatingPoint(uint64_t value);
/// 0 where they are still what was made of `value`, else how many are not.
uint64_t changedFloatingPoint(uint64_t value);
/// The bits that are set in any of them.
uint64_t joinedFloatingPoint(void);

/// x0 to x10 of a system call: arguments before, results behind.
typedef struct {
    uint64_t x0, x1, x2, x3, x4, x5, x6, x7, x8, x9, x10;
} CallRegisters;
/// A system call with every other register filled. 0 where the kernel kept and cleared what it
/// must; else bit 0: x11 to x18 are not clear, bit 1: x19 to x30 changed, bit 2: TPIDR_EL0 changed.
uint64_t checkedSystemCall(CallRegisters *_Nonnull registers);
/// Loop with every register filled until the word at `address` is not 0. 0 where no register and no
/// flag changed.
uint64_t spinWithRegisters(uint64_t address);
/// A system call with these condition flags; those behind it.
uint64_t flagsAcrossCall(uint64_t control, uint64_t second, uint64_t third, uint64_t flags);
/// Set PSTATE.DIT, which not every processor has, call, and return DIT.
uint64_t dataIndependenceAcrossCall(uint64_t control, uint64_t second, uint64_t third);
static inline void waitForInterrupt(void) { __asm__ volatile("wfi" ::: "memory"); }
/// Execute an instruction that a task cannot or should not execute, by its number.
void oddInstruction(uint64_t number, uint64_t address);
enum { oddInstructions = 24 };

/// The memory of a kernel lock (CAArch64Layout.h): word, two turns; from the eighth word on, each
/// eighth is a grant.
extern uint64_t lockMemory[72];
/// take_lock of Sources/Kernel/CAArch64/Lock.inc: 1 where the lock is taken, 0 where it is not.
uint64_t takeLock(uint64_t *_Nonnull lock, uint64_t request);
/// release_lock, and pass_lock where it declines.
void releaseLock(uint64_t *_Nonnull lock, uint64_t request);
static inline uint64_t *_Nonnull testLock(void) { return lockMemory; }

/// Copies, fills and compares in 1,536 bytes, in all sizes to 200 and at nine alignments. 0 where
/// all is right, else 1000 * size + 10 * alignment + the function: memcpy 1, memset 2, memmove 3
/// and 4, memcmp 5 to 7.
uint64_t failedMemoryCase(unsigned char *_Nonnull memory);
/// Performs memcpy (0), memmove upwards (1), memset (2) or memcmp of equals (3) over 4 KiB, in
/// 8,192 bytes.
void repeatMemory(unsigned which, unsigned char *_Nonnull memory, uint64_t count);


/// Thread-local variables of this thread: one starts as 7, one as 0, one is 24 bytes aligned to 16.
uint64_t *_Nonnull givenLocal(void);
uint64_t *_Nonnull emptyLocal(void);
uint64_t *_Nonnull alignedLocal(void);
/// The C library's `strtol`, which says by the thread's own `errno` that a number is too large: of
/// "1234", of a number above all, of one below all.
long numberThatFits(void);
long numberTooLarge(void);
long numberTooSmall(void);
int errorNumber(void);
void clearErrorNumber(void);
int outOfRange(void);

#endif
