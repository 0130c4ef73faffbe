// Debian's libcapstone-dev: the disassembler of `swiftlet wcet`.
#include <capstone/capstone.h>
