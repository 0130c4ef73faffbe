// Thread-local variables of C, and those of a C library (Debian's picolibc).

#include "CTargetTests.h"

#include <errno.h>
#include <stdlib.h>

static _Thread_local uint64_t given = 7;
static _Thread_local uint8_t odd;
static _Thread_local uint64_t empty;
static _Thread_local _Alignas(16) uint64_t aligned[3];

uint64_t *givenLocal(void) { return &given; }
uint64_t *emptyLocal(void) {
    odd += 1;
    return &empty;
}
uint64_t *alignedLocal(void) { return aligned; }

long numberThatFits(void) { return strtol("1234", NULL, 10); }
long numberTooLarge(void) { return strtol("99999999999999999999", NULL, 10); }
long numberTooSmall(void) { return strtol("-99999999999999999999", NULL, 10); }
int errorNumber(void) { return errno; }
void clearErrorNumber(void) { errno = 0; }
int outOfRange(void) { return ERANGE; }
