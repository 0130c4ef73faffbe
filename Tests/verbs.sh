#!/usr/bin/env bash
# Tests of make's verbs themselves: that `help` lists them, that what is missing is said in a line, and that gdb and
# `symbolicate` find the source. verbs.sh TOTALS; `make build` comes before.
set -uo pipefail
cd "$(dirname "$0")/.."
totals=${1:-build/test-verbs.totals}
passed=0
failed=0

# check NAME STATUS PATTERN COMMAND...: the command ends with the status, and its output holds the pattern in one line.
check() {
    local name=$1 expected=$2 pattern=$3 output status
    shift 3
    output=$("$@" 2>&1 < /dev/null)
    status=$?
    if [ "$status" -eq "$expected" ] && grep -qE -- "$pattern" <<< "$output"; then
        passed=$((passed + 1))
        echo "  passed  verbs.$name"
    else
        failed=$((failed + 1))
        echo "  FAILED  verbs.$name: status $status, expected $expected and: $pattern"
        tail -15 <<< "$output" | sed 's/^/          /'
    fi
}

for verb in help deps build run test test-host test-lock test-target test-cores stress test-system test-trees test-firmware test-debian-trees test-boards test-verbs matrix explore explore-faults mutation debug lint wcet bench clean format size rpi-image test-rpi-image; do
    check "help-lists-$verb" 0 "^  make $verb +[A-Z]" make help
done
# A path with the shell's own programs, and without a Swift toolchain.
bare=$(mktemp -d)
trap 'rm -rf "$bare"' EXIT
for program in bash sh grep awk head sed sort env dirname mktemp rm mkdir tail sleep flock; do ln -s "$(command -v $program)" "$bare/$program"; done
without() { env BUILT= PATH="$bare" "$(command -v make)" "$@"; }
check no-toolchain 2 '^error: no Swift toolchain: install Swift' without run
# A program of that path: pretend NAME COMMANDS.
pretend() {
    printf '#!/bin/bash\n%s\n' "$2" > "$bare/$1"
    chmod +x "$bare/$1"
}
pretend swift 'echo "Swift version 6.2.4 (swift-6.2.4-RELEASE)"'
check swift-too-old 2 '^error: Swift 6.2 is too old: install 6.3 or newer' without run
pretend swift 'echo "swift: libxml2.so.2: cannot open shared object file"; exit 127'
check swift-does-not-start 2 '^error: .*/swift does not start.*libxml2' without run
pretend swift 'echo "Swift version 6.10 (swift-6.10-RELEASE)"'
check no-debian 2 '^error: no apt-get here' without deps
for program in apt-get dpkg dpkg-query; do pretend $program 'echo "$0: no answer"; exit 100'; done
pretend id 'echo 1000'
check no-sudo 2 '^error: to install: qemu-system-arm .*as root, or install sudo' without deps
pretend sudo 'exec "$@"'
check no-network 2 '^error: qemu-system-arm .*cannot be installed: .*no answer' without deps
check no-board 2 'error: no board nowhere: there are virt rpi3 rpi4' make run BOARD=nowhere
check no-image 1 '^Error: nothing.img: not there' .build/debug/swiftlet run nothing.img
check no-kernel 1 '^Error: /dev/null: neither an arm64 Image nor an ELF file' .build/debug/swiftlet run /dev/null
check stress-on-one-core 1 "^Error: stress takes 2 to 8 cores" .build/debug/swiftlet stress --cores 1
check bench-on-no-core 1 "^Error: --core 3: not one of the cores that run" .build/debug/swiftlet bench --cores 2 --core 3
check no-arm64 1 '^Error: /bin/true: an ELF file for another machine than AArch64' .build/debug/swiftlet size /bin/true
check no-task 1 '^Error: build/kernel.elf: no task' \
    .build/debug/swiftlet bundle --root build/kernel.elf -o build/refused.bundle
check no-bundle 1 '^Error: nothing.bundle: cannot be read' \
    .build/debug/swiftlet image --kernel build/kernel.elf --bundle nothing.bundle -o build/refused.img
check run-on-a-board 0 'swiftlet: kernel .* on Raspberry Pi 3 Model B' make run BOARD=rpi3 RUN='poweroff'
check no-manifest 1 '^Error: Tests/system.toml: cannot be read' .build/debug/swiftlet dt check --platform Tests README.md
check no-tree 1 '^refused: there is no device tree  README.md' .build/debug/swiftlet dt check --brief README.md
check no-report 1 '^Error: nothing.txt: cannot be read' .build/debug/swiftlet symbolicate nothing.txt
check no-system-test 1 '^no test.s name starts with nothing' .build/debug/swiftlet test-system Tests/OnTarget/system/boot.txt --test nothing
check run-ends-with-the-systems-status 2 'power off, status 7' make run RUN='poweroff 7'
check run-that-does-not-end 1 'Error: the system did not power off within 3 s' .build/debug/swiftlet run --timeout 3 --run 'sleep 600'
check run-refuses-double-quotes 2 '^Error: --run: ' make run RUN='echo "a"; poweroff'
if build/qemu10/qemu-system-aarch64 -machine help 2> /dev/null | grep -q '^raspi4b ' || qemu-system-aarch64 -machine help | grep -q '^raspi4b '; then
    check run-on-the-raspberry-pi-4 0 'swiftlet: kernel .* on Raspberry Pi 4 Model B' make run BOARD=rpi4 RUN='poweroff'
else
    echo "  skipped verbs.run-on-the-raspberry-pi-4: no QEMU here has the machine raspi4b"
fi
check test-host-one 0 '^host tests: 1 passed, 0 failed$' make test-host TEST=LineEditorTests/theLimitCountsBytes
# A checkout that was built and then moved builds, with the modules of its new place.
movedCheckout() {
    mkdir -p "$bare/first/platform" "$bare/first/Sources/Moved"
    cp platform/check-checkout "$bare/first/platform"
    echo 'import Glibc; print("moved", getpid() > 0)' > "$bare/first/Sources/Moved/main.swift"
    printf '%s\n' '// swift-tools-version: 6.0' 'import PackageDescription' \
        'let package = Package(name: "Moved", targets: [.executableTarget(name: "Moved")])' > "$bare/first/Package.swift"
    build() { platform/check-checkout && swift build -q --scratch-path .build && .build/debug/Moved; }
    (cd "$bare/first" && build && build) || return
    mv "$bare/first" "$bare/second"
    (cd "$bare/second" && build && build)
}
check moved-checkout-builds 0 '^this checkout was moved or copied here: building .build anew$' movedCheckout
check size 0 '^ +[0-9]+ +[0-9]+ +[0-9]+  build/kernel.elf' make size
check debug 0 'KernelImage_main \(.*Sources/Kernel/KernelImage/KernelMain.swift:[0-9]+' \
    make debug GDB="-batch -ex 'break KernelImage_main' -ex continue -ex backtrace"
check symbolicate-a-fault 0 '#[1-3] 0x[0-9a-f]+: specialized SerialService.serve.... at Sources/Drivers/SerialService/SerialService.swift:[0-9]+' \
    bash -c "make run RUN='crash pl011; sleep 300; poweroff' 2>&1 | .build/debug/swiftlet symbolicate"
check run-names-the-places-of-a-fault 0 '^  #1 0x[0-9a-f]+: specialized PinService.serve[^ ]* at Sources/Drivers/PinService/PinService.swift:[0-9]+' \
    make run RUN='crash pl061; sleep 300; poweroff'
# Without RUN, on a terminal with job control: what is typed reaches the shell, and the terminal comes back.
typed() {
    python3 - <<'END'
import os, pty, select, sys
tool, terminal = pty.fork()
if tool == 0: os.execvp("make", ["make", "run"])
said, typed = b"", False
while select.select([terminal], [], [], 600)[0]:
    try: some = os.read(terminal, 4096)
    except OSError: break
    said += some
    if not typed and b"\n> " in said:
        typed = True
        os.write(terminal, b"irq\rpoweroff\r")
    if b"power off, status 0" in said: break
else: os.kill(tool, 15)
sys.stdout.write(said.decode(errors="replace").replace("\r", ""))
sys.exit(os.waitstatus_to_exitcode(os.waitpid(tool, 0)[1]))
END
}
check run-on-a-terminal 0 '^ *33  pl011 +[0-9]+  open' typed
# The emulator ends with the tool that started it.
leftOver() {
    .build/debug/swiftlet run > /dev/null 2>&1 &
    local tool=$! emulator=
    for _ in $(seq 600); do
        emulator=$(pgrep -P "$tool" | head -1)
        [ -n "$emulator" ] && break
        sleep 0.1
    done
    kill "$tool"
    wait "$tool" 2>/dev/null
    for _ in $(seq 600); do
        [ -n "$emulator" ] && [[ "$(ps -o stat= -p "$emulator")" =~ ^Z*$|^Z ]] && { echo gone; return 0; }
        sleep 0.1
    done
    return 1
}
check stopped-run-leaves-no-emulator 0 '^gone' leftOver
# Nor does one that is ended in the midst of starting it: at once when it has a child, ten times.
leftOverAtTheStart() {
    python3 - <<'END'
import os, subprocess, time
def children(tool):
    for thread in os.listdir(f"/proc/{tool}/task"):
        with open(f"/proc/{tool}/task/{thread}/children") as file: yield from file.read().split()
def runs(process):
    try:
        with open(f"/proc/{process}/stat") as file: return file.read().rpartition(")")[2].split()[0] not in "ZX"
    except OSError: return False
left = []
for _ in range(10):
    tool = subprocess.Popen([".build/debug/swiftlet", "run"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    started, limit = [], time.time() + 60
    while not started and tool.poll() is None and time.time() < limit:
        try: started = list(children(tool.pid))
        except OSError: pass
    tool.terminate()
    tool.wait()
    left += started
for _ in range(600):
    left = [process for process in left if runs(process)]
    if not left: break
    time.sleep(0.1)
for process in left: os.kill(int(process), 15)
print(len(left), "left")
END
}
check run-stopped-at-its-start-leaves-no-emulator 0 '^0 left' leftOverAtTheStart

# Parts of a test that prove nothing are failures: parts FILE COMMANDS, where the commands write a file's totals, or none.
parts() {
    bash -c 'source Tests/OnTarget/parts.sh; part build/part.totals bash -c "$0"; echo "$passed and $failed"' "$1"
}
check part-that-passes 0 '^3 and 0$' parts 'echo 3 0 > build/part.totals'
check part-that-fails 0 '^3 and 1$' parts 'echo 3 1 > build/part.totals; exit 1'
check part-that-fails-after-its-totals 0 '^3 and 1$' parts 'echo 3 0 > build/part.totals; exit 1'
check part-that-fails-with-nothing 0 '^0 and 1$' parts 'echo 0 0 > build/part.totals; exit 1'
check part-that-fails-without-totals 0 '^0 and 1$' parts 'exit 1'
check part-without-totals 0 '^0 and 1$' parts 'echo "  skipped all: no reason"'
check part-of-nothing 0 '^0 and 1$' parts 'echo 0 0 > build/part.totals'
check part-that-is-skipped 0 '^0 and 0$' parts 'echo 0 0 > build/part.totals; echo "  skipped all: no board"'

# The steps of `make test`: a verb fails that fails, that leaves no totals, or that tests nothing. steps COMMANDS GROUP...
steps() {
    rm -f build/test-one.totals build/test-two.totals
    pretend make "verb=\$2; $1"
    for program in python3 touch date; do ln -sf "$(command -v $program)" "$bare/$program"; done
    env PATH="$bare" Tests/steps "${@:2}"
}
totals_of='> build/$verb.totals'
check steps-in-a-table 0 '^test-two +0:0[0-9] +0:00 +3 +0$' steps "echo 3 0 $totals_of" 'test-one test-two'
check steps-are-added 0 '^6 passed, 0 failed$' steps "echo 3 0 $totals_of" 'test-one test-two'
check step-that-fails 1 '^6 passed, 2 failed$' steps "echo 3 1 $totals_of; exit 1" test-one test-two
check step-that-fails-after-its-totals 1 '^3 passed, 1 failed$' steps "echo 3 0 $totals_of; exit 1" test-one
check step-without-totals 1 '^0 passed, 1 failed$' steps true test-one
check step-of-nothing 1 '^0 passed, 1 failed$' steps "echo 0 0 $totals_of" test-one
check steps-behind-a-build-that-fails 1 '^0 passed, 1 failed$' steps 'exit 1' deps test-one
check steps-build-once 0 '^2 passed, 0 failed$' steps '[ "$verb,$BUILT" = deps, ] || echo 2 0 '"$totals_of"'; [ "$verb" = deps ] || [ "$BUILT" = yes ]' deps test-one
# Each waits until the other has begun.
check steps-side-by-side 0 '^2 passed, 0 failed$' steps "echo 1 0 $totals_of; for i in 1 2 3 4 5 6 7 8 9; do
    [ -f build/test-one.totals ] && [ -f build/test-two.totals ] && exit 0; sleep 1; done; exit 1" 'test-one test-two'
rm -f build/test-one.totals build/test-two.totals

mkdir -p "$(dirname "$totals")"
echo "$passed $failed" > "$totals"
echo "tests of the verbs: $passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
