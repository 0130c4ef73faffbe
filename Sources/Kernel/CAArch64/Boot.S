// From the boot loader to Swift: the image header, the drop to EL1, the first page tables. Other
// cores enter by swiftlet_core_start, later, and take the same way without the search for the tree
// and the making of tables.
//
// The code before the jump to the kernel's own address fits one page, the image's first. It finds
// its data relative to its own address, so it runs at any page-aligned physical address with the
// MMU off. It may not access memory unaligned.

#include "CAArch64Layout.h"

// Page-table entries (Sources/Kernel/HardwareInterface/PageDescriptor.swift): inner shareable,
// accessed, not for EL0.
#define PAGE_COMMON (3 | 3 << 8 | 1 << 10 | 1 << 54)
#define PAGE_TEXT (PAGE_COMMON | 1 << 7)
#define PAGE_READ_ONLY (PAGE_COMMON | 1 << 7 | 1 << 53)
#define PAGE_DATA (PAGE_COMMON | 1 << 53)
// PageDescriptor.memoryAttributes
#define MEMORY_ATTRIBUTES 0x4404ff

// SCTLR_EL1 (Arm ARM D19.2.118). Bits that were RES1 in Armv8.0: LSMAOE, nTLSMD, SPAN, EIS, TSCXT,
// EOS.
#define SCTLR_OFF (1 << 29 | 1 << 28 | 1 << 23 | 1 << 22 | 1 << 20 | 1 << 11)
// WXN, nTWE, nTWI (EL0 may wait), DZE (EL0 may zero lines), I, SA0, SA, C, M. Off: UCI, UCT, UMA,
// A.
#define SCTLR_ON \
    (SCTLR_OFF | 1 << 19 | 1 << 18 | 1 << 16 | 1 << 14 | 1 << 12 | 1 << 4 | 1 << 3 | 1 << 2 | 1)
#define SCTLR_SPAN (1 << 23)
// TCR_EL1: 39 bits and 4 KiB pages in both halves, tables in write-back inner-shareable memory,
// ASIDs in TTBR0.
#define TCR (25 | 1 << 8 | 1 << 10 | 3 << 12 | 25 << 16 | 1 << 24 | 1 << 26 | 3 << 28 | 2 << 30)

#define TREE_MAGIC 0xedfe0dd0

.macro address register, symbol
    adrp \register, \symbol
    add \register, \register, :lo12:\symbol
.endm

    .section .text.boot, "ax"
    .global swiftlet_start
swiftlet_start:
    // arm64 image header (Linux Documentation/arch/arm64/booting.rst)
    b 1f
    .word 0
    .quad 0                     // text_offset
    .quad __image_size
    .quad 0xa                   // little-endian, 4 KiB pages, anywhere in memory
    .quad 0, 0, 0
    .ascii "ARM\x64"
    .word 0

1:  msr daifset, #0xf
    mov x21, x0                 // device tree
    mrs x23, cntvct_el0
    mrs x0, mpidr_el1
    tst x0, #0xffffff
    b.ne swiftlet_park
    bl enter_el1
    b first_core

// Another core's first instruction. It needs nothing from who starts it.
    .global swiftlet_core_start
swiftlet_core_start:
    msr daifset, #0xf
    bl enter_el1
    address x6, swiftlet_kernel_root
    address x7, swiftlet_identity_level1
    ldr x8, =core_arrives
    b turn_mmu_on

// Returns at EL1, with x22: the exception level before. EL2 gives EL1 everything, then drops to it.
enter_el1:
    mrs x0, currentel
    lsr x22, x0, #2
    cmp x0, #(2 << 2)
    b.hi swiftlet_park
    b.lo in_el1
    mov x0, #(1 << 31)          // HCR_EL2.RW
    mrs x1, id_aa64isar1_el1
    ubfx x2, x1, #4, #8         // APA, API
    ubfx x3, x1, #24, #8        // GPA, GPI
    orr x2, x2, x3
    cbz x2, 2f
    orr x0, x0, #(3 << 40)      // APK, API: pointer authentication is EL1's business
2:  msr hcr_el2, x0
    mov x0, #3                  // the physical counter and timer
    msr cnthctl_el2, x0
    msr cntvoff_el2, xzr
    mov x0, #0x33ff             // floating point is not trapped
    msr cptr_el2, x0
    msr hstr_el2, xzr
    msr vttbr_el2, xzr
    mrs x0, midr_el1
    msr vpidr_el2, x0
    mrs x0, mpidr_el1
    msr vmpidr_el2, x0
    mrs x1, id_aa64dfr0_el1
    ubfx x1, x1, #8, #4         // PMUVer: 0 none, 15 not the architected one
    add x2, x1, #1
    mov x0, xzr                 // no debug exception and no register of debug is EL2's
    tst x2, #0xe
    b.eq 3f
    mrs x0, pmcr_el0
    ubfx x0, x0, #11, #5        // all event counters are EL1's
3:  msr mdcr_el2, x0
    mrs x0, id_aa64pfr0_el1
    tst x0, #(0xf << 24)        // GIC system registers
    b.eq 4f
    mrs x0, s3_4_c12_c9_5       // ICC_SRE_EL2
    mov x1, #9                  // Enable, SRE
    orr x0, x0, x1
    msr s3_4_c12_c9_5, x0
    isb
    msr s3_4_c12_c11_0, xzr     // ICH_HCR_EL2
4:  ldr x0, =SCTLR_OFF
    msr sctlr_el1, x0
    mov x0, #0x3c5              // EL1 with its own stack pointer, everything masked
    msr spsr_el2, x0
    adr x0, in_el1
    msr elr_el2, x0
    isb
    eret
in_el1:
    msr spsel, #1
    ldr x0, =SCTLR_OFF
    msr sctlr_el1, x0
    isb
    ret

// Vector 4 while VBAR_EL1 is the image's start, which is until the MMU is on: a synchronous
// exception of EL1. A load that aborts (ESR_EL1.EC) is one of the search for the tree: it gives 0,
// which is no tree's magic. Nothing else can be mended.
    .org swiftlet_start + 0x200
nothing_answers:
    mrs x0, esr_el1
    tst x0, #(1 << 6)           // WnR: a store
    b.ne swiftlet_park
    lsr x0, x0, #26
    cmp x0, #0x25
    b.ne swiftlet_park
    mrs x0, elr_el1
    add x0, x0, #4
    msr elr_el1, x0
    mov x0, xzr
    eret

first_core:
    adr x20, swiftlet_start     // the image's physical address
    tst x20, #0xfff
    b.ne swiftlet_park

// The device tree: at the address in x0, or else at a multiple of 2 MiB below the image, in its
// GiB. Where nothing answers, the load aborts, and nothing_answers goes on behind it.
    msr vbar_el1, x20
    isb
    ldr w1, =TREE_MAGIC
    cbz x21, 5f
    tst x21, #7
    b.ne 5f
    ldr w0, [x21]
    cmp w0, w1
    b.eq 7f
5:  and x2, x20, #~0x3fffffff
    and x21, x20, #~0x1fffff
6:  ldr w0, [x21]
    cmp w0, w1
    b.eq 7f
    cmp x21, x2
    sub x21, x21, #0x200000
    b.hi 6b
    mov x21, #-1                // none

// Clears .bss. A cache may hold its lines from before the loader cleaned them: below, those are
// dropped as well.
7:  address x0, __bss_start
    address x1, __bss_end
8:  stp xzr, xzr, [x0]
    stp xzr, xzr, [x0, #16]
    stp xzr, xzr, [x0, #32]
    stp xzr, xzr, [x0, #48]
    add x0, x0, #64
    cmp x0, x1
    b.lo 8b

// Maps the image at its own address: text, read-only data, data.
    address x4, swiftlet_image_level3
    mov x0, x20
    address x1, swiftlet_text_end
    ldr x2, =PAGE_TEXT
    bl map_pages
    address x1, swiftlet_rodata_end
    ldr x2, =PAGE_READ_ONLY
    bl map_pages
    address x1, swiftlet_image_end
    ldr x2, =PAGE_DATA
    bl map_pages
    address x4, swiftlet_image_level3
    address x5, swiftlet_image_level2
    orr x0, x4, #3
    str x0, [x5]
    add x0, x0, #SWIFTLET_PAGE_BYTES
    str x0, [x5, #8]

// Maps the first core's block, among the blocks of all cores and as its own: three parts, with
// pages between that stay unmapped.
    address x4, swiftlet_cores_level3
    mov x8, x4
    orr x0, x4, #3
    str x0, [x5, #(8 * ((SWIFTLET_CORES_BASE >> 21) & 511))]
    address x0, swiftlet_first_core
    add x1, x0, #SWIFTLET_CORE_STATE_BYTES
    bl map_pages
    add x4, x8, #(8 * SWIFTLET_CORE_EMERGENCY / SWIFTLET_PAGE_BYTES)
    add x1, x0, #SWIFTLET_EMERGENCY_STACK_BYTES
    bl map_pages
    add x4, x8, #(8 * SWIFTLET_CORE_STACK / SWIFTLET_PAGE_BYTES)
    add x1, x0, #SWIFTLET_STACK_BYTES
    bl map_pages
    address x4, swiftlet_own_level3
    orr x0, x4, #3
    str x0, [x5, #(8 * ((SWIFTLET_OWN_BASE >> 21) & 511))]
    mov x1, #SWIFTLET_CORE_ENTRIES
20: ldr x0, [x8], #8
    str x0, [x4], #8
    subs x1, x1, #1
    b.ne 20b
    address x6, swiftlet_kernel_root
    orr x0, x5, #3
    str x0, [x6, #(8 * ((SWIFTLET_IMAGE_BASE >> 30) & 511))]

// Maps this page at its physical address.
    address x4, swiftlet_identity_level3
    ubfx x1, x20, #12, #9
    ldr x2, =PAGE_TEXT
    orr x2, x2, x20
    str x2, [x4, x1, lsl #3]
    address x5, swiftlet_identity_level2
    ubfx x1, x20, #21, #9
    orr x2, x4, #3
    str x2, [x5, x1, lsl #3]
    address x7, swiftlet_identity_level1
    ubfx x1, x20, #30, #9
    orr x2, x5, #3
    str x2, [x7, x1, lsl #3]
    dsb sy
    address x0, __bss_start
    address x1, __bss_end
    mrs x2, ctr_el0
    ubfx x2, x2, #16, #4
    mov x3, #4
    lsl x3, x3, x2
9:  dc ivac, x0
    add x0, x0, x3
    cmp x0, x1
    b.lo 9b
    dsb sy
    ldr x8, =first_core_arrives

// Goes on at x8 with the MMU on. x6: the kernel's root table; x7: the one for physical addresses.
turn_mmu_on:
    tlbi vmalle1
    ic iallu
    ldr x0, =MEMORY_ATTRIBUTES
    msr mair_el1, x0
    ldr x0, =TCR
    mrs x1, id_aa64mmfr0_el1
    ubfx x2, x1, #4, #4         // ASIDBits: 2 where an ASID has 16
    cmp x2, #2
    cset x2, eq
    orr x0, x0, x2, lsl #36     // AS
    and x1, x1, #0xf            // PARange; beyond 48 bits other table formats begin
    mov x2, #5
    cmp x1, x2
    csel x1, x1, x2, lo
    orr x0, x0, x1, lsl #32
    msr tcr_el1, x0
    msr ttbr0_el1, x7
    msr ttbr1_el1, x6
    ldr x0, =SCTLR_ON
    mrs x1, id_aa64mmfr1_el1
    tst x1, #(0xf << 20)        // PAN
    b.eq 10f
    bic x0, x0, #SCTLR_SPAN     // every exception sets PAN
10: dsb sy
    isb
    msr sctlr_el1, x0
    isb
    br x8

// Writes entries for the pages from x0 to x1 with attributes x2; x4: the next entry.
map_pages:
    cmp x0, x1
    b.hs 11f
    orr x3, x0, x2
    str x3, [x4], #8
    add x0, x0, #SWIFTLET_PAGE_BYTES
    b map_pages
11: ret

    .ltorg

// Parks a core at its physical address with the MMU off: a core that enters the image unasked, and
// the first one if boot cannot go on. Boot gives away the page above and all other code that only
// boot runs, but keeps this (`swiftlet lint-elf` checks that it does).
    .section .text.park, "ax"
    .global swiftlet_park
swiftlet_park:
    wfe
    b swiftlet_park

// Runs at the kernel's own address from here on.
    .section .text.upper, "ax"
first_core_arrives:
    mov x0, xzr
    bl set_up_core
    mov x30, xzr
    mov x0, x21
    mov x1, x20
    mov x2, x22
    mov x3, x23
    b KernelImage_main

// Sets up core x0 for Swift, with the stack of its block.
set_up_core:
    msr contextidr_el1, x0
    mov x1, #SWIFTLET_OWN_BASE
    add x1, x1, #SWIFTLET_CORE_BYTES
    sub sp, x1, #SWIFTLET_STACK_TOP
    stp xzr, xzr, [sp]
    lsl x1, x0, #3
    mov x2, #0xff
    lsl x1, x2, x1              // its byte of the lock
    address x2, swiftlet_kernel_lock
    stp x1, x2, [sp, #SWIFTLET_STACK_LOCK]
    mrs x1, id_aa64mmfr1_el1
    tst x1, #(0xf << 20)
    b.eq 12f
    .arch_extension pan
    msr pan, #1
12: address x0, swiftlet_vectors
    msr vbar_el1, x0
    mov x0, #(3 << 20)          // boot code may use floating point (libfdt does)
    msr cpacr_el1, x0
    isb
    msr daifclr, #4             // vector 7 counts a system error that the firmware left
    isb
    msr daifset, #4
    mov x29, xzr
    ret

// Another core, with the MMU on. It finds its record by its affinity, writes that it is present, and
// waits for a number. A core that comes too late gets none, and waits here for good: so this routine
// stays.
    .section .text.core_arrives, "ax"
core_arrives:
    mrs x0, mpidr_el1
    mov x1, #(SWIFTLET_AFFINITY_MASK & 0xffffff)
    orr x1, x1, #(SWIFTLET_AFFINITY_MASK & ~0xffffff)
    and x0, x0, x1
    orr x0, x0, #SWIFTLET_AFFINITY_VALID
    address x19, swiftlet_core_records
    mov x2, #SWIFTLET_CORES
13: ldr x1, [x19], #SWIFTLET_RECORD_BYTES
    cmp x1, x0
    b.eq 14f
    subs x2, x2, #1
    b.ne 13b
    b core_stays
14: sub x19, x19, #(SWIFTLET_RECORD_BYTES - SWIFTLET_RECORD_STATE)
    mov x0, #SWIFTLET_CORE_PRESENT
    stlr x0, [x19]
15: wfe
    ldar x0, [x19]
    subs x0, x0, #SWIFTLET_CORE_ADMITTED
    b.lo 15b
    ldr x1, [x19, #(SWIFTLET_RECORD_ROOT - SWIFTLET_RECORD_STATE)]
    msr ttbr1_el1, x1           // from here on its own block is where each core has its own
    isb
    tlbi vmalle1
    dsb nsh
    isb
    bl set_up_core
    sub x0, x19, #SWIFTLET_RECORD_STATE
    bl swiftlet_core_main

// The core leaves the code of boot; x0 is the state that it reports. Then it idles, until an
// interrupt of another core has it choose a thread.
    adrp x1, swiftlet_idle_translation_base
    ldr x1, [x1, :lo12:swiftlet_idle_translation_base]
    msr ttbr0_el1, x1
    isb
    stlr x0, [x19]
    cmp x0, #SWIFTLET_CORE_READY
    b.ne core_stays
    address x0, swiftlet_shared_vectors
    msr vbar_el1, x0
    isb
    b swiftlet_shared_wait
core_stays:
    wfe
    b core_stays

// Ends boot: unmaps its code in the kernel's half, and starts the first thread from an empty stack.
// This routine stays.
    .section .text.leave_boot, "ax"
    .global swiftlet_leave_boot
swiftlet_leave_boot:
    address x0, swiftlet_image_level3
    address x1, swiftlet_image_start
    address x2, swiftlet_boot_text_end
16: str xzr, [x0], #8
    add x1, x1, #SWIFTLET_PAGE_BYTES
    cmp x1, x2
    b.lo 16b
    dsb ishst
    tlbi vmalle1is
    dsb ish
    isb
    mov x0, #SWIFTLET_OWN_BASE
    add x0, x0, #SWIFTLET_CORE_BYTES
    sub sp, x0, #SWIFTLET_STACK_TOP
    msr tpidrro_el0, xzr
    adrp x0, swiftlet_core_count
    ldr x0, [x0, :lo12:swiftlet_core_count]
    cmp x0, #1
    b.hi 17f
    bl swiftlet_first_exit
    b swiftlet_exit
17: address x0, swiftlet_shared_vectors
    msr vbar_el1, x0
    isb
    bl swiftlet_shared_first_exit
    b swiftlet_shared_exit
