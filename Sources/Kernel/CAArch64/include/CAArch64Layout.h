// The numbers that assembly, C and Swift share: offsets in a thread's saved registers, sizes of the
// kernel's static memory, places in the kernel's half of the address space. A start-up check
// compares the offsets with Swift's layout.
#ifndef SWIFTLET_CAARCH64_LAYOUT_H
#define SWIFTLET_CAARCH64_LAYOUT_H

// UserContext (Sources/Kernel/HardwareInterface/UserContext.swift). Register n of x0-x30 is at 8*n.
#define SWIFTLET_CONTEXT_X(n) (8 * (n))
#define SWIFTLET_CONTEXT_SP 248
#define SWIFTLET_CONTEXT_PC 256
#define SWIFTLET_CONTEXT_FLAGS 264
#define SWIFTLET_CONTEXT_TPIDR 272
#define SWIFTLET_CONTEXT_BYTES 280
// A bit of the flags that PSTATE does not use: every register is current.
#define SWIFTLET_FULL_BIT 63
#define SWIFTLET_FULL (1 << SWIFTLET_FULL_BIT)

// Thread (Sources/Kernel/KernelCore/Scheduling/Thread.swift): the parts that entries and exits
// reach.
#define SWIFTLET_THREAD_TRANSLATION_BASE 40
#define SWIFTLET_THREAD_CONTEXT 64
#define SWIFTLET_THREAD_X(n) (SWIFTLET_THREAD_CONTEXT + SWIFTLET_CONTEXT_X(n))
#define SWIFTLET_THREAD_SP (SWIFTLET_THREAD_CONTEXT + SWIFTLET_CONTEXT_SP)
#define SWIFTLET_THREAD_PC (SWIFTLET_THREAD_CONTEXT + SWIFTLET_CONTEXT_PC)
#define SWIFTLET_THREAD_FLAGS (SWIFTLET_THREAD_CONTEXT + SWIFTLET_CONTEXT_FLAGS)
#define SWIFTLET_THREAD_TPIDR (SWIFTLET_THREAD_CONTEXT + SWIFTLET_CONTEXT_TPIDR)

// KernelException: the registers that an exception of the kernel itself saves; x0-x30 come first.
#define SWIFTLET_EXCEPTION_SP 248
#define SWIFTLET_EXCEPTION_PC 256
#define SWIFTLET_EXCEPTION_FLAGS 264
#define SWIFTLET_EXCEPTION_SYNDROME 272
#define SWIFTLET_EXCEPTION_ADDRESS 280
#define SWIFTLET_EXCEPTION_VECTOR 288
#define SWIFTLET_EXCEPTION_BYTES 304

// The kernel's half (TTBR1, 39 bits, from 0xffffff80_00000000):
//   linear   all RAM: physical address + SWIFTLET_LINEAR_BASE, for the first 256 GiB
//   device   registers of the kernel's own devices, page by page
//   tree     the device tree while boot code reads it
//   image    the kernel itself; the same number stands in linker/kernel.ld
//   own      the block of the core that looks: each core has page tables of its own for this
//   cores    the blocks of all cores
#define SWIFTLET_LINEAR_BASE 0xffffff8000000000
#define SWIFTLET_LINEAR_BYTES 0x4000000000
#define SWIFTLET_DEVICE_BASE 0xffffffff00000000
#define SWIFTLET_DEVICE_BYTES 0x40000000
#define SWIFTLET_TREE_BASE 0xffffffff80000000
#define SWIFTLET_IMAGE_BASE 0xffffffffc0000000
#define SWIFTLET_OWN_BASE 0xfffffffff0000000
#define SWIFTLET_CORES_BASE 0xfffffffff0200000

#define SWIFTLET_PAGE_BYTES 4096

// A core's block: at SWIFTLET_CORES_BASE + (number << SWIFTLET_CORE_SHIFT) on every core, and at
// SWIFTLET_OWN_BASE on the core itself, so that its code finds its own state at a constant address.
// What stands below is mapped; the pages between are not, so a stack that overflows reaches one of
// them.
//   0x00000  state: what the core has of its own, and its exception area
//   0x0c000  emergency stack
//   0x10000  stack
// The physical memory holds the three parts one after the other.
#define SWIFTLET_CORES 8
#define SWIFTLET_CORE_SHIFT 17
#define SWIFTLET_CORE_BYTES (1 << SWIFTLET_CORE_SHIFT)
#define SWIFTLET_CORE_STATE_BYTES 8192
#define SWIFTLET_CORE_EXCEPTION 4096
// Behind the exception area: how many of each the core has counted.
#define SWIFTLET_CORE_FAST_INTERRUPTS (SWIFTLET_CORE_EXCEPTION + SWIFTLET_EXCEPTION_BYTES)
#define SWIFTLET_CORE_SYSTEM_ERRORS (SWIFTLET_CORE_FAST_INTERRUPTS + 8)
#define SWIFTLET_CORE_EMERGENCY 0xc000
#define SWIFTLET_EMERGENCY_STACK_BYTES 8192
#define SWIFTLET_CORE_STACK 0x10000
#define SWIFTLET_STACK_BYTES 65536
#define SWIFTLET_CORE_MEMORY_BYTES \
    (SWIFTLET_CORE_STATE_BYTES + SWIFTLET_EMERGENCY_STACK_BYTES + SWIFTLET_STACK_BYTES)
// The entries of a block in its level-3 table.
#define SWIFTLET_CORE_ENTRIES (SWIFTLET_CORE_BYTES / SWIFTLET_PAGE_BYTES)
// The tables of another core's own: the root, and levels 2 and 3 for its own block.
#define SWIFTLET_CORE_TABLES 3
// What lies above an empty stack: zeros, from which an exit clears registers in pairs; and what the
// core knows of the lock (SWIFTLET_STACK_LOCK).
#define SWIFTLET_STACK_ZEROS 16
#define SWIFTLET_STACK_TOP 32

// CoreRecord: how a core comes up. It names itself by its affinity, with a bit that all have set.
#define SWIFTLET_RECORD_STATE 8
#define SWIFTLET_RECORD_ROOT 24
#define SWIFTLET_RECORD_BYTES 32
#define SWIFTLET_AFFINITY_MASK 0xff00ffffff
#define SWIFTLET_AFFINITY_VALID 0x80000000
// Its states: nobody yet; the core is there; it left the code of boot, with success or without. From
// SWIFTLET_CORE_ADMITTED on: the first core gave it a number.
#define SWIFTLET_CORE_ABSENT 0
#define SWIFTLET_CORE_PRESENT 1
#define SWIFTLET_CORE_READY 2
#define SWIFTLET_CORE_FAILED 3
#define SWIFTLET_CORE_ADMITTED 16

// Level-3 tables for the image: 2 MiB each.
#define SWIFTLET_IMAGE_TABLES 2
// Boot's lists of ranges, 16 bytes each. Boot turns them into untyped memory.
#define SWIFTLET_LIST_BYTES 8192
// Page tables for all other mappings of the kernel. Boot turns the rest into untyped memory.
#define SWIFTLET_POOL_TABLES 48

// SwiftletLock (CAArch64Lock.h), and its grants: one for each core, each in a cache line of its own.
#define SWIFTLET_LOCK_WORD 0
#define SWIFTLET_LOCK_TURNS 8
#define SWIFTLET_LOCK_GRANTS 64
#define SWIFTLET_LOCK_GRANT_BYTES 64
// What a core knows of the lock, above the zeros at the top of its stack: the bits of its byte
// (0xff << 8 * core), and the lock's address.
#define SWIFTLET_STACK_LOCK SWIFTLET_STACK_ZEROS

// In the first page of a core's block: Kernel<Machine>, and behind it the core's own state. And the
// state that all cores share.
#define SWIFTLET_KERNEL_STATE_BYTES 256
#define SWIFTLET_KERNEL_CORE_BYTES (SWIFTLET_CORE_EXCEPTION - SWIFTLET_KERNEL_STATE_BYTES)
#define SWIFTLET_SHARED_STATE_BYTES 36864

#endif
