// The numbers in the runtime's own trap instructions, for C and assembly. KernelABI's TrapCode says
// what each means, and a test holds the two together.

#ifndef SWIFTLET_TRAP_CODES_H
#define SWIFTLET_TRAP_CODES_H
#define SWIFTLET_TRAP_RETURNED 0x5301
#define SWIFTLET_TRAP_FATAL_ERROR 0x5302
#define SWIFTLET_TRAP_HEAP_EXHAUSTED 0x5303
#define SWIFTLET_TRAP_NO_ENDPOINT 0x5304
#define SWIFTLET_TRAP_STACK_SMASHED 0x5305
#define SWIFTLET_TRAP_HEAP_MISUSED 0x5306
#endif
