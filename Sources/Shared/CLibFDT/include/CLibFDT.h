// libfdt as Swift sees it: Debian's headers, and the function-like macros that the importer
// leaves out.

#ifndef CLIBFDT_H
#define CLIBFDT_H

#include <libfdt.h>

/// The size that a tree's header states; `fdt` must have passed fdt_check_header.
static inline uint32_t swiftlet_fdt_total_size(const void *fdt) { return fdt_totalsize(fdt); }
/// Is this the first word of a device tree?
static inline int swiftlet_fdt_has_magic(const void *fdt) { return fdt_magic(fdt) == FDT_MAGIC; }

#endif
