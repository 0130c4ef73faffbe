// A model of the processor for host tests: registers that keep the values written, and a record of
// writes and instructions in order.
#ifndef SWIFTLET_CAARCH64_MODEL_H
#define SWIFTLET_CAARCH64_MODEL_H
#ifdef SWIFTLET_MODEL

#include <stddef.h>
#include <stdint.h>

/// One write of a register, or one sequence of instructions with its operand.
typedef struct {
    const char *_Nonnull what;
    uint64_t value;
} SwiftletModelNote;

/// Forgets the record, and sets every register to 0.
void swiftlet_model_reset(void);
/// Sets the value that a register reads as.
void swiftlet_model_set(const char *_Nonnull name, uint64_t value);
/// Returns the value that was set or written last.
uint64_t swiftlet_model_read(const char *_Nonnull name);
/// Adds to the record, and writes the register of that name. `name` is a constant.
void swiftlet_model_note(const char *_Nonnull name, uint64_t value);
size_t swiftlet_model_count(void);
SwiftletModelNote swiftlet_model_get(size_t index);
/// Has the next `swiftlet_probe` abort: ESR_EL1 gets `syndrome`, and ISR_EL1 the bits of `pending`
/// as well.
void swiftlet_model_abort(uint64_t syndrome, uint64_t pending);

#endif
#endif
