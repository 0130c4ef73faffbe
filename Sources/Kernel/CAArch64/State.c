// The kernel's static memory. All of it is zero-filled, and no hidden code initialises any of it:
// Swift binds it to its types once, at boot.

#include "CAArch64Lock.h"

#define PAGES __attribute__((aligned(SWIFTLET_PAGE_BYTES)))
#define BOOT_TABLES __attribute__((section(".swiftlet.tables")))

/// The state that all cores share.
__attribute__((aligned(64))) unsigned char swiftlet_shared_state[SWIFTLET_SHARED_STATE_BYTES];

/// The page tables that Boot.S builds before the MMU goes on: the kernel's root table with the
/// image.
PAGES unsigned char swiftlet_kernel_root[SWIFTLET_PAGE_BYTES];
PAGES unsigned char swiftlet_image_level2[SWIFTLET_PAGE_BYTES];
PAGES unsigned char swiftlet_image_level3[SWIFTLET_IMAGE_TABLES * SWIFTLET_PAGE_BYTES];
/// The user half of threads without an address space: it stays empty.
PAGES unsigned char swiftlet_empty_root[SWIFTLET_PAGE_BYTES];
uint64_t swiftlet_idle_translation_base;
uint64_t swiftlet_version[2];
uint64_t swiftlet_console[2];
uint32_t swiftlet_wanted_lines[4];
uint8_t swiftlet_line_urgencies[1024];
uint8_t swiftlet_most_urgent_line;

/// The memory of the first core's block; the table that maps all blocks, and the one that maps this
/// block as the first core's own. Boot.S maps the first block, `BootState` the others.
PAGES unsigned char swiftlet_first_core[SWIFTLET_CORE_MEMORY_BYTES];
PAGES unsigned char swiftlet_cores_level3[SWIFTLET_PAGE_BYTES];
PAGES unsigned char swiftlet_own_level3[SWIFTLET_PAGE_BYTES];

/// The kernel lock.
SwiftletLock swiftlet_kernel_lock __attribute__((aligned(64)));

/// The cores that were asked to start, in the tree's order; and those that run, by number.
CoreRecord swiftlet_core_records[SWIFTLET_CORES];
uint64_t swiftlet_core_targets[SWIFTLET_CORES];
uint64_t swiftlet_core_count;
uint64_t swiftlet_panicking;

/// The tables that map one page of boot code at its physical address. The kernel does not use them
/// once it runs at its own.
PAGES unsigned char swiftlet_identity_level1[SWIFTLET_PAGE_BYTES] BOOT_TABLES;
PAGES unsigned char swiftlet_identity_level2[SWIFTLET_PAGE_BYTES] BOOT_TABLES;
PAGES unsigned char swiftlet_identity_level3[SWIFTLET_PAGE_BYTES] BOOT_TABLES;

/// Boot's lists of ranges, where the tree names no more than they have places for.
PAGES unsigned char swiftlet_boot_lists[SWIFTLET_LIST_BYTES] BOOT_TABLES;

/// The pool of page tables, taken from the top. Boot.S does not clear it: each page is cleared when
/// it becomes a table.
PAGES unsigned char swiftlet_table_pool[SWIFTLET_POOL_TABLES * SWIFTLET_PAGE_BYTES]
    __attribute__((section(".swiftlet.pool")));
