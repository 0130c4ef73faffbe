// The kernel's static memory. All of it is zero-filled, and no hidden code initialises any of it:
// Swift binds it to its types once, at boot.

#include "CAArch64.h"

#define PAGES __attribute__((aligned(SWIFTLET_PAGE_BYTES)))
#define BOOT_TABLES __attribute__((section(".swiftlet.tables")))

/// `Kernel<Machine>`, and the tables that it refers to.
__attribute__((aligned(64))) unsigned char swiftlet_kernel_state[SWIFTLET_KERNEL_STATE_BYTES];
__attribute__((aligned(64))) unsigned char swiftlet_kernel_tables[SWIFTLET_KERNEL_TABLES_BYTES];

/// The page tables that Boot.S builds before the MMU goes on: the kernel's root table with the
/// image.
PAGES unsigned char swiftlet_kernel_root[SWIFTLET_PAGE_BYTES];
PAGES unsigned char swiftlet_image_level2[SWIFTLET_PAGE_BYTES];
PAGES unsigned char swiftlet_image_level3[SWIFTLET_IMAGE_TABLES * SWIFTLET_PAGE_BYTES];
/// The user half of threads without an address space: it stays empty.
PAGES unsigned char swiftlet_empty_root[SWIFTLET_PAGE_BYTES];
uint64_t swiftlet_idle_translation_base;
uint64_t swiftlet_version[2];
uint64_t swiftlet_fast_interrupts;
uint64_t swiftlet_system_errors;
uint64_t swiftlet_console[2];

/// Each stack lies above a page that Boot.S leaves unmapped; the page above is another's guard or
/// not a stack.
PAGES unsigned char swiftlet_stack_guard[SWIFTLET_PAGE_BYTES]
    __attribute__((section(".swiftlet.stack.0")));
PAGES unsigned char swiftlet_stack[SWIFTLET_STACK_BYTES]
    __attribute__((section(".swiftlet.stack.1")));
PAGES unsigned char swiftlet_emergency_guard[SWIFTLET_PAGE_BYTES]
    __attribute__((section(".swiftlet.stack.2")));
PAGES unsigned char swiftlet_emergency_stack[SWIFTLET_EMERGENCY_STACK_BYTES]
    __attribute__((section(".swiftlet.stack.3")));

/// Vectors.S fills it at an exception of the kernel itself.
KernelException swiftlet_kernel_exception_area;

/// The tables that map one page of boot code at its physical address. The kernel does not use them
/// once it runs at its own.
PAGES unsigned char swiftlet_identity_level1[SWIFTLET_PAGE_BYTES] BOOT_TABLES;
PAGES unsigned char swiftlet_identity_level2[SWIFTLET_PAGE_BYTES] BOOT_TABLES;
PAGES unsigned char swiftlet_identity_level3[SWIFTLET_PAGE_BYTES] BOOT_TABLES;

/// The pool of page tables, taken from the top. Boot.S does not clear it: each page is cleared when
/// it becomes a table.
PAGES unsigned char swiftlet_table_pool[SWIFTLET_POOL_TABLES * SWIFTLET_PAGE_BYTES]
    __attribute__((section(".swiftlet.pool")));
