// The processor's registers and instructions, which Swift cannot express, and the routines of the
// assembly files.
//
// All declarations say that they neither lock nor allocate, so that the compiler's check of the
// trap paths passes them.
#ifndef SWIFTLET_CAARCH64_H
#define SWIFTLET_CAARCH64_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "CAArch64Layout.h"
#if defined(__linux__) || defined(__APPLE__)
#define SWIFTLET_MODEL
#endif

#define SWIFTLET_PLAIN __attribute__((swift_attr("@_noLocks"), swift_attr("@_noAllocation")))
#define SWIFTLET_INLINE SWIFTLET_PLAIN static inline __attribute__((always_inline))

// Leaving the kernel (Vectors.S)

// Each is the last action of an entry. None is declared as `_Noreturn`, so that the compiler enters
// it by a branch: the kernel's stack is then empty again, and `swiftlet lint-elf` checks that it is
// a branch.

/// Resumes `thread` from its system call: x0 = result, x1 = badge, x2 = 0, x3-x10 from the context
/// of `source`, which stands where an entry has the running thread.
SWIFTLET_PLAIN void swiftlet_exit_message(
    uint64_t result, uint64_t badge, const void *_Nonnull source, void *_Nonnull thread,
    uint64_t translation_base);
/// Resumes it with all that its context holds: x0-x10 and x19-x30 after a system call, every
/// register otherwise. Without a thread: activates the empty address space, waits for an interrupt,
/// then enters `swiftlet_idle_interrupt`.
SWIFTLET_PLAIN void swiftlet_exit(void *_Nullable thread);
/// Resumes the running thread from a quick call, of which nothing was saved: x0 = result, x1 =
/// value.
SWIFTLET_PLAIN void swiftlet_exit_quick(uint64_t result, uint64_t value);
/// Enters the general path from a quick call, with x0 to x2 of `running` in its context.
SWIFTLET_PLAIN void swiftlet_exit_general(void *_Nonnull running);
/// Resumes another thread instead of `running`, whose quick call succeeded.
SWIFTLET_PLAIN void swiftlet_exit_yield(void *_Nonnull thread, void *_Nonnull running);
/// The same, or waits for an interrupt, if `running` blocked in its quick call. Its results come
/// when it is woken.
SWIFTLET_PLAIN void swiftlet_exit_blocked(void *_Nullable thread, void *_Nonnull running);
/// As `swiftlet_exit_yield`, if `thread` waited in a system call and wakes with a notification's
/// bits.
SWIFTLET_PLAIN void swiftlet_exit_signal(
    void *_Nonnull thread, uint64_t bits, void *_Nonnull running);
/// The same, if the thread that ran is saved already.
SWIFTLET_PLAIN void swiftlet_exit_woken(void *_Nonnull thread, uint64_t bits);
/// The same four, if one of the two threads uses floating point. The registers of the thread that
/// ran are written to `from`, those of the next are loaded from `to`; one of the two may be null.
SWIFTLET_PLAIN void swiftlet_exit_message_floating_point(
    uint64_t result, uint64_t badge, const void *_Nonnull source, void *_Nonnull thread,
    uint64_t translation_base, void *_Nullable from, const void *_Nullable to);
SWIFTLET_PLAIN void swiftlet_exit_yield_floating_point(
    void *_Nonnull thread, void *_Nonnull running, void *_Nullable from, const void *_Nullable to);
SWIFTLET_PLAIN void swiftlet_exit_signal_floating_point(
    void *_Nonnull thread, uint64_t bits, void *_Nonnull running, void *_Nullable from,
    const void *_Nullable to);
SWIFTLET_PLAIN void swiftlet_exit_woken_floating_point(
    void *_Nonnull thread, uint64_t bits, void *_Nullable from, const void *_Nullable to);
/// The same on several cores: they release the lock.
SWIFTLET_PLAIN void swiftlet_shared_exit_message(
    uint64_t result, uint64_t badge, const void *_Nonnull source, void *_Nonnull thread,
    uint64_t translation_base);
SWIFTLET_PLAIN void swiftlet_shared_exit(void *_Nullable thread);
SWIFTLET_PLAIN void swiftlet_shared_exit_quick(uint64_t result, uint64_t value);
SWIFTLET_PLAIN void swiftlet_shared_exit_general(void *_Nonnull running);
SWIFTLET_PLAIN void swiftlet_shared_exit_yield(void *_Nonnull thread, void *_Nonnull running);
SWIFTLET_PLAIN void swiftlet_shared_exit_blocked(void *_Nullable thread, void *_Nonnull running);
SWIFTLET_PLAIN void swiftlet_shared_exit_signal(
    void *_Nonnull thread, uint64_t bits, void *_Nonnull running);
SWIFTLET_PLAIN void swiftlet_shared_exit_woken(void *_Nonnull thread, uint64_t bits);
SWIFTLET_PLAIN void swiftlet_shared_exit_message_floating_point(
    uint64_t result, uint64_t badge, const void *_Nonnull source, void *_Nonnull thread,
    uint64_t translation_base, void *_Nullable from, const void *_Nullable to);
SWIFTLET_PLAIN void swiftlet_shared_exit_yield_floating_point(
    void *_Nonnull thread, void *_Nonnull running, void *_Nullable from, const void *_Nullable to);
SWIFTLET_PLAIN void swiftlet_shared_exit_signal_floating_point(
    void *_Nonnull thread, uint64_t bits, void *_Nonnull running, void *_Nullable from,
    const void *_Nullable to);
SWIFTLET_PLAIN void swiftlet_shared_exit_woken_floating_point(
    void *_Nonnull thread, uint64_t bits, void *_Nullable from, const void *_Nullable to);
/// Ends boot: unmaps its code, and enters `swiftlet_first_exit` on an empty stack.
SWIFTLET_PLAIN _Noreturn void swiftlet_leave_boot(void);
/// Returns the 32-bit register at a mapped address, or all ones if the access aborts.
SWIFTLET_PLAIN uint64_t swiftlet_probe(uint64_t address);
/// Stores 32 bits to a mapped address. An access that aborts has no effect.
SWIFTLET_PLAIN void swiftlet_probe_write(uint64_t address, uint64_t value);
/// Stops this processor for good.
SWIFTLET_PLAIN _Noreturn void swiftlet_halt(void);

// Memory (Memory.S)

/// Writes FPSR, FPCR, v0-v31 (528 bytes, 16-byte aligned) to `from`, and loads them from `to`; one
/// may be null. User code may use them afterwards if they were loaded, else their use traps.
SWIFTLET_PLAIN void swiftlet_switch_floating_point(void *_Nullable from, const void *_Nullable to);
/// Zeroes memory. Start and length are multiples of 64.
SWIFTLET_PLAIN void swiftlet_zero(void *_Nonnull start, uint64_t bytes);
/// Replaces a word by another one if it is `old`: with acquire and release. Returns false if it is
/// not, or if another core came between.
SWIFTLET_INLINE bool swiftlet_replace(uint32_t *_Nonnull word, uint32_t old, uint32_t other) {
    uint32_t value, failed = 1;
    __asm__ volatile(
        "ldaxr %w0, [%2]\n\t"
        "cmp %w0, %w3\n\t"
        "b.ne 1f\n\t"
        "stlxr %w1, %w4, [%2]\n"
        "1:"
        : "=&r"(value), "+&r"(failed)
        : "r"(word), "r"(old), "r"(other)
        : "cc", "memory");
    return failed == 0;
}
/// Stores a word behind all earlier loads and stores.
SWIFTLET_INLINE void swiftlet_store_release(uint32_t *_Nonnull word, uint32_t value) {
    __asm__ volatile("stlr %w1, [%0]" : : "r"(word), "r"(value) : "memory");
}
/// Writes the cached lines of a range to memory and invalidates them.
SWIFTLET_PLAIN void swiftlet_cache_clean(const void *_Nonnull start, uint64_t bytes);
/// The same, then invalidates all fetched instructions.
SWIFTLET_PLAIN void swiftlet_cache_unify(const void *_Nonnull start, uint64_t bytes);

// Static memory (State.c, Boot.S, linker/kernel.ld)

/// Registers at an exception of the kernel itself.
typedef struct {
    uint64_t x[31];
    uint64_t stack_pointer;
    uint64_t program_counter;
    uint64_t flags;
    uint64_t syndrome;
    uint64_t address;
    /// Index of the vector, 0 to 15 (Arm ARM D1.4.2.1).
    uint64_t vector;
    uint64_t reserved;
} KernelException;
_Static_assert(sizeof(KernelException) == SWIFTLET_EXCEPTION_BYTES, "Vectors.S relies on it");

#define SWIFTLET_SYMBOL(name) \
    extern unsigned char name[]; \
    SWIFTLET_INLINE void *_Nonnull name##_address(void) { return name; }

SWIFTLET_SYMBOL(swiftlet_shared_state)
SWIFTLET_SYMBOL(swiftlet_kernel_root)
SWIFTLET_SYMBOL(swiftlet_empty_root)
SWIFTLET_SYMBOL(swiftlet_image_start)
SWIFTLET_SYMBOL(swiftlet_core_start)
SWIFTLET_SYMBOL(swiftlet_boot_text_end)
SWIFTLET_SYMBOL(swiftlet_text_end)
SWIFTLET_SYMBOL(swiftlet_rodata_end)
SWIFTLET_SYMBOL(swiftlet_boot_tables_start)
SWIFTLET_SYMBOL(swiftlet_boot_lists)
SWIFTLET_SYMBOL(swiftlet_pool_start)
SWIFTLET_SYMBOL(swiftlet_pool_end)
SWIFTLET_SYMBOL(swiftlet_image_end)

/// The console that a panic writes to: its kind (0: none), and the address at which its registers
/// are mapped.
extern uint64_t swiftlet_console[2];
SWIFTLET_INLINE uint64_t swiftlet_console_kind(void) { return swiftlet_console[0]; }
SWIFTLET_INLINE uint64_t swiftlet_console_registers(void) { return swiftlet_console[1]; }
SWIFTLET_INLINE void swiftlet_set_console(uint64_t kind, uint64_t registers) {
    swiftlet_console[0] = kind;
    swiftlet_console[1] = registers;
}
/// The lines below 128 that may signal, a bit each, for a controller that masks a line until it is
/// opened. All cores share them.
extern uint32_t swiftlet_wanted_lines[4];
SWIFTLET_INLINE bool swiftlet_is_wanted(uint64_t line) {
    return swiftlet_wanted_lines[line >> 5 & 3] >> (line & 31) & 1;
}
SWIFTLET_INLINE void swiftlet_want(uint64_t line, bool is_wanted) {
    uint32_t bit = 1u << (line & 31);
    uint32_t *word = &swiftlet_wanted_lines[line >> 5 & 3];
    *word = is_wanted ? *word | bit : *word & ~bit;
}
/// The urgency of each line, for a core that waits for the lock. Written with the lock, read
/// without it.
extern uint8_t swiftlet_line_urgencies[1024];
extern uint8_t swiftlet_most_urgent_line;
SWIFTLET_INLINE uint8_t swiftlet_line_urgency(uint64_t line) {
    return *(volatile uint8_t *)&swiftlet_line_urgencies[line & 1023];
}
SWIFTLET_INLINE void swiftlet_set_line_urgency(uint64_t line, uint8_t priority) {
    *(volatile uint8_t *)&swiftlet_line_urgencies[line & 1023] = priority;
    if (priority > swiftlet_most_urgent_line) swiftlet_most_urgent_line = priority;
}
/// The urgency of the most urgent line that there ever was.
SWIFTLET_INLINE uint8_t swiftlet_urgency_of_any_line(void) {
    return *(volatile uint8_t *)&swiftlet_most_urgent_line;
}
/// TTBR0_EL1 of the idle loop.
extern uint64_t swiftlet_idle_translation_base;
/// The result of the system call `version`.
extern uint64_t swiftlet_version[2];
SWIFTLET_INLINE void swiftlet_set_version(uint64_t version, uint64_t frequency) {
    swiftlet_version[0] = version;
    swiftlet_version[1] = frequency;
}
/// Exceptions that interrupt no thread, counted by Vectors.S: fast interrupts that kept the
/// processor from sleeping, and system errors.
/// What a core has counted, in its own block (Vectors.S).
SWIFTLET_INLINE uint64_t swiftlet_core_counter(uint64_t number, uint64_t offset) {
    return *(const volatile uint64_t *)(
        SWIFTLET_CORES_BASE + (number << SWIFTLET_CORE_SHIFT) + offset);
}
SWIFTLET_INLINE uint64_t swiftlet_fast_interrupt_count(uint64_t number) {
    return swiftlet_core_counter(number, SWIFTLET_CORE_FAST_INTERRUPTS);
}
SWIFTLET_INLINE uint64_t swiftlet_system_error_count(uint64_t number) {
    return swiftlet_core_counter(number, SWIFTLET_CORE_SYSTEM_ERRORS);
}
SWIFTLET_INLINE void swiftlet_set_idle_translation_base(uint64_t value) {
    swiftlet_idle_translation_base = value;
}

// The cores

/// How a core comes up: Boot.S reads and writes it.
typedef struct {
    /// Its affinity and SWIFTLET_AFFINITY_VALID; 0: no core.
    uint64_t affinity;
    uint64_t state;
    /// The core as its interrupt controller names it, when it is ready.
    uint64_t target;
    /// The physical address of its root table for the kernel's half.
    uint64_t root;
} CoreRecord;
_Static_assert(offsetof(CoreRecord, root) == SWIFTLET_RECORD_ROOT, "Boot.S relies on it");
_Static_assert(sizeof(CoreRecord) == SWIFTLET_RECORD_BYTES, "Boot.S relies on it");

extern CoreRecord swiftlet_core_records[SWIFTLET_CORES];
SWIFTLET_INLINE CoreRecord *_Nonnull swiftlet_core_record(uint64_t index) {
    return &swiftlet_core_records[index & (SWIFTLET_CORES - 1)];
}
/// The core's state, before all that is read later.
SWIFTLET_INLINE uint64_t swiftlet_core_state(const CoreRecord *_Nonnull record) {
    return __atomic_load_n(&record->state, __ATOMIC_ACQUIRE);
}
/// Writes the state, after all that was written before.
SWIFTLET_INLINE void swiftlet_set_core_state(CoreRecord *_Nonnull record, uint64_t state) {
    __atomic_store_n(&record->state, state, __ATOMIC_RELEASE);
}
SWIFTLET_INLINE uint64_t swiftlet_core_present(void) { return SWIFTLET_CORE_PRESENT; }
SWIFTLET_INLINE uint64_t swiftlet_core_ready(void) { return SWIFTLET_CORE_READY; }
SWIFTLET_INLINE uint64_t swiftlet_core_failed(void) { return SWIFTLET_CORE_FAILED; }
SWIFTLET_INLINE uint64_t swiftlet_core_admitted(uint64_t number) {
    return SWIFTLET_CORE_ADMITTED + number;
}
SWIFTLET_INLINE uint64_t swiftlet_affinity_valid(void) { return SWIFTLET_AFFINITY_VALID; }

/// The cores that run, the first among them; 0 until boot starts others. Those from this number on
/// are not there.
extern uint64_t swiftlet_core_count;
/// A core as its interrupt controller names it, by number.
extern uint64_t swiftlet_core_targets[SWIFTLET_CORES];
SWIFTLET_INLINE uint64_t swiftlet_count_of_cores(void) { return swiftlet_core_count; }
SWIFTLET_INLINE uint64_t swiftlet_target_of_core(uint64_t number) {
    return swiftlet_core_targets[number & (SWIFTLET_CORES - 1)];
}
SWIFTLET_INLINE void swiftlet_add_core(uint64_t target) {
    swiftlet_core_targets[swiftlet_core_count & (SWIFTLET_CORES - 1)] = target;
    __atomic_store_n(&swiftlet_core_count, swiftlet_core_count + 1, __ATOMIC_RELEASE);
}
/// Whether this is the first panic.
extern uint64_t swiftlet_panicking;
SWIFTLET_INLINE bool swiftlet_is_panicking(void) {
    return __atomic_load_n(&swiftlet_panicking, __ATOMIC_RELAXED) != 0;
}
SWIFTLET_INLINE bool swiftlet_start_panic(void) {
    return __atomic_exchange_n(&swiftlet_panicking, 1, __ATOMIC_SEQ_CST) == 0;
}

SWIFTLET_SYMBOL(swiftlet_first_core)
SWIFTLET_INLINE uint64_t swiftlet_core_block(uint64_t number) {
    return SWIFTLET_CORES_BASE + (number << SWIFTLET_CORE_SHIFT);
}
SWIFTLET_INLINE uint64_t swiftlet_core_state_bytes(void) { return SWIFTLET_CORE_STATE_BYTES; }
SWIFTLET_INLINE uint64_t swiftlet_core_emergency(void) { return SWIFTLET_CORE_EMERGENCY; }
SWIFTLET_INLINE uint64_t swiftlet_emergency_bytes(void) { return SWIFTLET_EMERGENCY_STACK_BYTES; }
SWIFTLET_INLINE uint64_t swiftlet_core_stack(void) { return SWIFTLET_CORE_STACK; }
SWIFTLET_INLINE uint64_t swiftlet_core_memory_bytes(void) { return SWIFTLET_CORE_MEMORY_BYTES; }
SWIFTLET_INLINE uint64_t swiftlet_core_entries(void) { return SWIFTLET_CORE_ENTRIES; }
SWIFTLET_INLINE uint64_t swiftlet_core_tables(void) { return SWIFTLET_CORE_TABLES; }
SWIFTLET_INLINE uint64_t swiftlet_own_block(void) { return SWIFTLET_OWN_BASE; }
SWIFTLET_SYMBOL(swiftlet_image_level2)
SWIFTLET_SYMBOL(swiftlet_cores_level3)
/// `Kernel<Machine>` of this core, at the start of its own block. The instruction keeps the
/// compiler from adding offsets to the address, which it would need two instructions to load.
SWIFTLET_INLINE void *_Nonnull swiftlet_kernel_state_address(void) {
#ifdef SWIFTLET_MODEL
    return (void *)SWIFTLET_OWN_BASE;
#else
    unsigned char *state;
    __asm__("mov %0, %1" : "=r"(state) : "i"(SWIFTLET_OWN_BASE));
    return state;
#endif
}
/// The core's own state, behind it; and that of any core.
SWIFTLET_INLINE void *_Nonnull swiftlet_kernel_core_address(void) {
    return (unsigned char *)swiftlet_kernel_state_address() + SWIFTLET_KERNEL_STATE_BYTES;
}
SWIFTLET_INLINE void *_Nonnull swiftlet_block_of(uint64_t number) {
    return (void *)swiftlet_core_block(number);
}
SWIFTLET_INLINE void *_Nonnull swiftlet_core_state_of(uint64_t number) {
    return (void *)(swiftlet_core_block(number) + SWIFTLET_KERNEL_STATE_BYTES);
}

/// Sizes for the start-up check.
SWIFTLET_INLINE uint64_t swiftlet_state_bytes(void) { return SWIFTLET_KERNEL_STATE_BYTES; }
SWIFTLET_INLINE uint64_t swiftlet_kernel_core_bytes(void) { return SWIFTLET_KERNEL_CORE_BYTES; }
SWIFTLET_INLINE uint64_t swiftlet_shared_bytes(void) { return SWIFTLET_SHARED_STATE_BYTES; }
SWIFTLET_INLINE uint64_t swiftlet_stack_bytes(void) { return SWIFTLET_STACK_BYTES; }

// Places of the address space, as Swift sees them
SWIFTLET_INLINE uint64_t swiftlet_linear_base(void) { return SWIFTLET_LINEAR_BASE; }
SWIFTLET_INLINE uint64_t swiftlet_linear_bytes(void) { return SWIFTLET_LINEAR_BYTES; }
SWIFTLET_INLINE uint64_t swiftlet_device_base(void) { return SWIFTLET_DEVICE_BASE; }
SWIFTLET_INLINE uint64_t swiftlet_device_bytes(void) { return SWIFTLET_DEVICE_BYTES; }
SWIFTLET_INLINE uint64_t swiftlet_tree_base(void) { return SWIFTLET_TREE_BASE; }

// System registers. In host tests a model of the processor takes their place, and records the
// writes and instructions.

#ifdef SWIFTLET_MODEL
#include "CAArch64Model.h"
#define SWIFTLET_READ(name, reg) \
    SWIFTLET_INLINE uint64_t swiftlet_read_##name(void) { return swiftlet_model_read(reg); }
#define SWIFTLET_WRITE(name, reg) \
    SWIFTLET_INLINE void swiftlet_write_##name(uint64_t value) { swiftlet_model_note(reg, value); }
#define SWIFTLET_PERFORM(instructions) swiftlet_model_note(instructions, 0)
#define SWIFTLET_PERFORM_ON(instructions, operand) swiftlet_model_note(instructions, operand)
#else
#define SWIFTLET_READ(name, reg) \
    SWIFTLET_INLINE uint64_t swiftlet_read_##name(void) { \
        uint64_t value; \
        __asm__ volatile("mrs %0, " reg : "=r"(value)); \
        return value; \
    }
#define SWIFTLET_WRITE(name, reg) \
    SWIFTLET_INLINE void swiftlet_write_##name(uint64_t value) { \
        __asm__ volatile("msr " reg ", %x0" ::"rZ"(value) : "memory"); \
    }
#define SWIFTLET_PERFORM(instructions) __asm__ volatile(instructions ::: "memory")
#define SWIFTLET_PERFORM_ON(instructions, operand) \
    __asm__ volatile(instructions ::"r"(operand) : "memory")
#endif

SWIFTLET_READ(midr, "midr_el1")
SWIFTLET_READ(mpidr, "mpidr_el1")
SWIFTLET_READ(isr, "isr_el1")
/// This core's number: Boot.S keeps it in CONTEXTIDR_EL1.
SWIFTLET_READ(core_number, "contextidr_el1")
SWIFTLET_READ(memory_features, "id_aa64mmfr0_el1")
SWIFTLET_READ(debug_features, "id_aa64dfr0_el1")
SWIFTLET_READ(counter, "cntvct_el0")
SWIFTLET_READ(counter_frequency, "cntfrq_el0")
SWIFTLET_READ(cycle_counter, "pmccntr_el0")
SWIFTLET_WRITE(translation_base_0, "ttbr0_el1")
SWIFTLET_READ(timer_control, "cntv_ctl_el0")
SWIFTLET_WRITE(timer_compare, "cntv_cval_el0")
SWIFTLET_WRITE(timer_control, "cntv_ctl_el0")
SWIFTLET_WRITE(timer_user_control, "cntkctl_el1")
SWIFTLET_WRITE(coprocessor_access, "cpacr_el1")
SWIFTLET_WRITE(debug_control, "mdscr_el1")
SWIFTLET_WRITE(cycle_control, "pmcr_el0")
SWIFTLET_WRITE(cycle_enable, "pmcntenset_el0")
SWIFTLET_WRITE(cycle_filter, "pmccfiltr_el0")
SWIFTLET_WRITE(cycle_interrupt_off, "pmintenclr_el1")
SWIFTLET_WRITE(cycle_user, "pmuserenr_el0")
SWIFTLET_WRITE(interrupt_entry, "tpidrro_el0")

// Barriers and translation

SWIFTLET_INLINE void swiftlet_isb(void) { SWIFTLET_PERFORM("isb"); }
/// Makes what was written visible to the other cores, before what follows.
SWIFTLET_INLINE void swiftlet_publish(void) { SWIFTLET_PERFORM("dsb ishst"); }
/// The same, then wakes the cores that wait for an event.
SWIFTLET_INLINE void swiftlet_send_event(void) { SWIFTLET_PERFORM("dsb ishst; sev"); }
/// Lets others go first in a loop that waits.
SWIFTLET_INLINE void swiftlet_relax(void) { SWIFTLET_PERFORM("yield"); }
/// Makes a written table entry visible to the walker of this processor, before what follows.
SWIFTLET_INLINE void swiftlet_publish_table(void) { SWIFTLET_PERFORM("dsb ishst; isb"); }
/// Invalidates one page of one ASID (operand: Arm ARM D8.14.6, VA[55:12] | ASID << 48).
SWIFTLET_INLINE void swiftlet_invalidate_page(uint64_t operand) {
    SWIFTLET_PERFORM_ON("dsb ishst; tlbi vae1is, %0; dsb ish; isb", operand);
}
/// Returns PAR_EL1 for a read of an address by user code; bit 0: it would fault.
SWIFTLET_READ(translation, "par_el1")
SWIFTLET_INLINE uint64_t swiftlet_translate(uint64_t address) {
    SWIFTLET_PERFORM_ON("at s1e0r, %0; isb", address);
    return swiftlet_read_translation();
}
SWIFTLET_INLINE void swiftlet_invalidate_asid(uint64_t operand) {
    SWIFTLET_PERFORM_ON("dsb ishst; tlbi aside1is, %0; dsb ish; isb", operand);
}
SWIFTLET_INLINE void swiftlet_invalidate_all(void) {
    SWIFTLET_PERFORM("dsb ishst; tlbi vmalle1is; dsb ish; isb");
}

#endif
