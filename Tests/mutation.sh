#!/bin/sh
# Do the host tests of the kernel core notice when the kernel is wrong?
#
# Each mutation changes one place of a copy of the kernel core, in a package of its own, and the tests must fail there.
# Two copies work side by side. Usage: Tests/mutation.sh [NUMBER…]; without numbers, all mutations. Tests/mutation.sh --places only
# looks whether each mutation still finds its place.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
selected=" $* "
export SWIFT_BACKTRACE=enable=no

make_package() {
    mkdir -p "$1/Sources" "$1/Tests"
    cp -r "$root/Sources/Shared/KernelABI" "$root/Sources/Kernel/HardwareInterface" "$root/Sources/Kernel/KernelCore" \
        "$1/Sources/"
    cp -r "$root/Tests/KernelCoreTests" "$1/Tests/"
    cat > "$1/Package.swift" <<'END'
// swift-tools-version: 6.2
import PackageDescription
let settings: [SwiftSetting] = [.swiftLanguageMode(.v6), .enableExperimentalFeature("Lifetimes")]
let package = Package(
    name: "Mutant",
    targets: [
        .target(name: "KernelABI", swiftSettings: settings),
        .target(name: "HardwareInterface", dependencies: ["KernelABI"], swiftSettings: settings),
        .target(name: "KernelCore", dependencies: ["KernelABI", "HardwareInterface"], swiftSettings: settings),
        .testTarget(
            name: "KernelCoreTests", dependencies: ["KernelCore", "KernelABI", "HardwareInterface"],
            swiftSettings: settings),
    ])
END
}

# Build and run the package's tests; what they print goes to its log.
verify() {
    ( cd "$package" && swift build --build-tests > log 2>&1 ) || return 2
    run $((60 * patience)) --skip RandomTests --skip NoiseTests && run $((120 * patience)) --filter RandomTests/fixedSeeds
}

# run SECONDS ARGUMENT…: the test program itself, so that one that hangs is ended, and not its parent.
run() {
    seconds=$1
    shift
    ( cd "$package" && timeout -k 1 "$seconds" .build/debug/MutantPackageTests.xctest --testing-library swift-testing "$@" \
        > log 2>&1 ) 2> /dev/null || return 1
}

# try NUMBER FILE OLD NEW WHAT: one worker takes the even numbers, the other the odd ones.
try() {
    if [ "$selected" = " --places " ]; then
        OLD=$3 perl -0ne 'exit(index($_, $ENV{OLD}) < 0)' "$root/Sources/Kernel/KernelCore/$2" && return 0
        echo "Tests/mutation.sh: $1, $5: $2 has no such place"
        stale=1
        return 0
    fi
    case "$selected" in "  " | *" $1 "*) ;; *) return 0 ;; esac
    [ $(($1 % 2)) -eq "$remainder" ] || return 0
    file="$package/Sources/KernelCore/$2"
    cp "$file" "$package/original"
    OLD=$3 NEW=$4 perl -0pi -e 's/\Q$ENV{OLD}\E/$ENV{NEW}/' "$file"
    if cmp -s "$file" "$package/original"; then
        echo "$1 STALE     $5: $2 has no such place" >> "$work/results"
        return 0
    fi
    verify && status=0 || status=$?
    cp "$package/original" "$file"
    case $status in
        0) verdict="SURVIVED " ;;
        1) verdict="killed   " ;;
        *) verdict="NOT BUILT" ;;
    esac
    echo "$1 $verdict $5" | tee -a "$work/results"
}

mutations() {
    try 1 Kernel+Inheritance.swift 'caller.effective > priority { priority = caller.effective }' \
        'caller.effective > priority { _ = caller }' \
        "no inheritance at all"
    try 2 Kernel+Inheritance.swift 'at = thread.pointee.blockedOn
            if let server = at,' 'at = nil
            if let server = thread.pointee.blockedOn,' "inheritance is not transitive"
    try 3 Kernel+Inheritance.swift 'scheduling.depth = 0 }
        updateEffective(server)' 'scheduling.depth = 0 }' "a boost stays after its caller went"
    try 4 Kernel+FastPath.swift 'if low > word & 0xff {' 'if low > 0 {' \
        "the fast path does not inherit"
    try 5 Kernel+IPC.swift 'if let server = endpoint.pointee.server { addCaller(thread, to: server) }' '' \
        "queued callers do not boost their server"
    try 6 Kernel+Inheritance.swift 'endpoint.pointee.waiters.rekey(thread.waitNode, key: UInt64(priority))' '' \
        "a waiter's place does not follow its priority"
    try 7 Kernel+Schedule.swift 'core.ready.insert(thread, atHead: true)' 'core.ready.insert(thread)' \
        "a preempted thread loses its place"
    try 8 Kernel+Time.swift 'core.armed = Instant(ticks: 0)' 'core.armed = .never' \
        "the timer stays armed in the past"
    try 9 Kernel+Destroy.swift 'if closeStep(endpoint, forGood: false) { disown(endpoint) }' \
        'disown(endpoint)' "a dead server's endpoint stays open"
    try 10 Kernel+AddressSpace.swift \
        'unsafe hardware.zero(hardware.kernelAddress(physical: table.pointee.physical), bytes: 4096)' '' \
        "a page table keeps its entries for the next address space"
    try 11 Kernel+Retype.swift 'request.offset &+= 1 <<' 'request.offset &+= 0 <<' \
        "device frames of one call are all the same"
    try 12 Kernel+IPC.swift 'answer(caller, reply, from: thread)
        return nil' 'answer(caller, reply, from: thread)
        complete(thread, .success)
        return nil' "a restarted call finds its arguments gone"
    try 13 Capability.swift 'pointee.rights = rights & source.pointee.rights' 'pointee.rights = rights' \
        "a copy has more rights than its source"
    try 101 Kernel+AddressSpace.swift 'if entry.isDevice || (write' 'if (write' \
        "registers are translated as if they were memory"
    try 102 Kernel+AddressSpace.swift 'if entry.isValid && entry.address == frame.pointee.physical {' 'if entry.isValid {' \
        "an old mapping takes its place's new frame away"
    try 103 Kernel+AddressSpace.swift 'hardware.invalidate(asid: asid)
        asids' 'asids' "an address space's number is used again with its translations"
    try 104 Kernel+AddressSpace.swift 'if level == 3 || !entry.isTable {' 'if level == 3 {' \
        "blocks are not translated"
    try 105 Kernel+ThreadMethods.swift 'thread.pointee.context.setFlags(thread.pointee.context.flags)' \
        'thread.pointee.context.isFull = true' "a thread's PSTATE is taken as it comes"
    try 14 Kernel+Interrupt.swift 'outstanding == 0 {' 'outstanding >= 0 {' \
        "a shared line opens before all have acknowledged"
    try 15 OrderedQueue.swift 'if let start { rebalance(from: start) }' '_ = start' \
        "the queue is not rebalanced after a removal"
    try 16 Kernel+IPC.swift 'if case .failed = outcome { endLoan(thread) }' '' \
        "a refused call leaves its loan behind"
    try 17 Kernel+Time.swift 'abort(thread, .timedOut)' 'abort(thread, .cancelled)' \
        "a time-out ends with another error"
    try 18 Kernel+IPC.swift 'if hasPassed(deadline) { return .failed(.timedOut) }
        if let server' 'if let server' "a call whose deadline has passed waits"
    try 19 Kernel+Destroy.swift 'refuse(sender)' 'abort(sender, .cancelled)' \
        "who queues at a dying server gets another error"
    try 20 Kernel+Destroy.swift '        if let caller = reply.pointee.caller {
            refuse(caller)' '        if reply.pointee.caller != nil {' \
        "a deleted reply leaves its caller waiting"
    try 21 Kernel+Lookup.swift 'if !found.pointee.rights.contains(right) { throw .missingRights }' '' \
        "methods need no rights"
    try 22 Kernel+Transfer.swift 'if !rights.contains(.grant) { return .missingRights }' '' \
        "whoever may call may send capabilities"
    try 23 Kernel+IPC.swift 'if !slot.pointee.rights.contains(.write) { return .missingRights }' '' \
        "a reply needs no right"
    try 24 Kernel+Interrupt.swift 'if interrupt.pointee.isOutstanding { _ = acknowledge(interrupt) }' '' \
        "a dead driver keeps a shared line closed"
    try 25 Kernel+Interrupt.swift 'isLevel ? KernelLimits.sharedLine :' 'isLevel ? .max :' \
        "any number of drivers share a line"
    try 26 Kernel+FastSignal.swift 'if waiter.effective <= thread.effective {' 'if waiter.effective == 255 {' \
        "a signal switches to a less urgent thread"
    try 27 Kernel+Destroy.swift 'while !drain(slot) {' 'while slot.pointee.object == nil && !drain(slot) {' \
        "callers stay at an endpoint that nobody can reach"
    try 28 Kernel+Time.swift 'node.pointee.urgency >= running,' 'node.pointee.urgency >= 0,' \
        "less urgent deadlines are served in between"
    try 29 Kernel+Inheritance.swift \
        'core.deadlines.setUrgency(thread.deadlineNode, priority)' '_ = thread' \
        "a time-out does not follow its thread's priority"
    try 30 Kernel+Invoke.swift 'urgency: thread.pointee.maximum' 'urgency: thread.effective' \
        "a timer is only as urgent as its armer is now"
    try 31 Kernel+ThreadMethods.swift 'if core.current == thread { hardware' 'if core.current == nil { hardware' \
        "a thread goes on in the address space that it lost"
    try 32 Kernel+ThreadMethods.swift 'settleCaller(of: thread)' '' \
        "a slice that is set while its server serves is forgotten"
    try 33 Kernel+Destroy.swift 'if drain(leaf) { remove(leaf) }
                return' 'remove(leaf)
                return' \
        "callers stay at an endpoint whose table went"
    try 34 Kernel+Destroy.swift 'inner.pointee.header.isDying = true' '' \
        "a region that is about to go is filled again"
    try 35 Kernel+FastSignal.swift 'root.pointee.greatest, node.pointee.urgency >= thread.effective,' \
        'root.pointee.greatest,' "a less urgent timer interrupts by the fast path"
    try 36 Kernel+Fault.swift 'endWait(of: endpoint, for: thread)' '' \
        "a fault waits for a handler that waits for the faulting thread"
    try 37 Kernel+Interrupt.swift ': KernelLimits.deliveryStep) { return' ': KernelLimits.sharedLine) { return' \
        "more drivers share a line of edges than are signalled at once"
    try 38 Kernel+Interrupt.swift 'outstanding = outstanding &+ 1
            hardware.open(line: line)' 'outstanding = outstanding &+ 1' \
        "of many drivers at a line only the first few are signalled"
    try 39 Kernel+FloatingPoint.swift 'if core.current == thread { hardware.setFloatingPoint(enabled: false) }' '' \
        "registers stay usable when the buffer that keeps them goes"
    try 40 Kernel+Schedule.swift 'switchFloatingPoint(from: previous, to: next)' '' \
        "the general path switches no floating-point registers"
    try 41 Kernel+Schedule.swift 'return (left | taken) & SchedulingWord.floatingPointBit' \
        'return left & SchedulingWord.floatingPointBit' \
        "a thread that is woken or yielded to finds another one's registers"
    try 42 Kernel+FloatingPoint.swift ' | own & SchedulingWord.floatingPointBit' '' \
        "a called server forgets that it uses floating point"
    try 43 Kernel+FloatingPoint.swift 'disconnect(thread, own,' 'disconnect(thread, 0,' \
        "an answering server forgets that it uses floating point"
    try 44 Kernel+FastPath.swift 'if low & SchedulingWord.floatingPointBit != 0 {' 'if low == 0 {' \
        "the fast path does not see that the server uses floating point"
    try 45 Kernel+FloatingPoint.swift 'if core.current == thread { return new }' 'return new' \
        "another IPC buffer loses the registers of a thread that waits"
    try 46 Kernel+FloatingPoint.swift 'if core.current == thread { return new }' '' \
        "another IPC buffer of its own changes a thread's registers"
    try 47 Kernel+ThreadMethods.swift 'if let area { keepFloatingPoint(of: thread, in: area) }' '' \
        "another IPC buffer ends the use of floating point"
    try 48 Kernel+FastPath.swift 'switchFloatingPoint(from: thread, to: server)
' '
' "a fault's handler sees the registers of the thread that faulted"
    try 49 Kernel+FastPath.swift 'switchFloatingPoint(from: handler, to: caller)' '' \
        "a thread that goes on after a fault finds its handler's registers"
    try 50 Kernel+FloatingPoint.swift 'if !core.ready.isSurpassed(by: Int(word & 0xff)) { return nil }' '' \
        "an answer by floating-point users passes over a more urgent thread"
    try 51 Kernel+FloatingPoint.swift 'from: new.raw, to: core.current?.floatingPointArea ?? nil)' 'from: new.raw, to: nil)' \
        "who gives another thread an IPC buffer loses its own registers"
}

if [ "$selected" = " --places " ]; then
    stale=0
    mutations
    exit $stale
fi
make_package "$work/0"
make_package "$work/1"
package="$work/0"
# Without a mutation nothing hangs, however long it takes on a slow machine.
patience=10
if ! verify; then
    cat "$package/log"
    echo "The tests fail without any mutation." >&2
    exit 1
fi
patience=1
: > "$work/results"
for remainder in 0 1; do
    package="$work/$remainder"
    mutations &
done
wait
total=$(wc -l < "$work/results")
killed=$(grep -c ' killed ' "$work/results" || true)
echo "$killed of $total mutations killed"
if [ "$killed" -ne "$total" ] || [ "$total" -eq 0 ]; then
    grep -v ' killed ' "$work/results" || true
    exit 1
fi
