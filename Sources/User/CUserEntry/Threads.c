// What the runtime knows of a task's threads, and the words that each of them has for its own.

#include "CUserEntry.h"
#include "TaskLocks.h"

SwiftletLocks swiftlet_locks;
SwiftletPlace swiftlet_places[SWIFTLET_PLACES];
_Thread_local uint64_t swiftlet_thread_words[SWIFTLET_THREAD_WORDS];

SwiftletCallerPlaces *swiftlet_caller_places(void) {
    // A task has one server. Host tests run side by side, each in a thread of its own.
#ifdef __linux__
    static _Thread_local SwiftletCallerPlaces places;
#else
    static SwiftletCallerPlaces places;
#endif
    return &places;
}

uint64_t *swiftlet_resource_rules(uint64_t address) {
#ifdef __linux__
    static _Thread_local uint64_t words[128];
    (void)address;
    return words;
#else
    return (uint64_t *)address;
#endif
}
