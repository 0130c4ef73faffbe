#!/usr/bin/env python3
"""Does the explorer notice when the paths between cores, or those of budgets, are wrong?

`explorer-faults.toml` lists faults in these paths of the kernel, in the form of `faults.toml`.
All of them stand in one copy of the kernel, each behind a switch, so that the explorer is built
once. It then searches, once for each fault, the system that must show it.

Usage: explorer.py [NAME…]     plant all faults, or those of these names
       explorer.py --places    check the places in explorer-faults.toml
"""

import os
import subprocess
import sys
import time
import tomllib
from concurrent.futures import ThreadPoolExecutor

from mutation import HERE, MANIFEST, ROOT, fail, mirror, planted, target, write
import sites

PACKAGE = ROOT / "build" / "explorer-faults"
KERNEL = "Sources/Kernel/KernelCore"
# What the explorer is built of: name, place, dependencies.
TARGETS = [
    ("KernelABI", "Sources/Shared/KernelABI", []),
    ("MutationSwitch", "Tests/mutation", ["KernelABI"]),
    ("HardwareInterface", "Sources/Kernel/HardwareInterface", ["KernelABI"]),
    ("KernelCore", KERNEL, ["KernelABI", "HardwareInterface", "MutationSwitch"]),
    ("TestSupport", "Tests/TestSupport", ["KernelABI", "HardwareInterface", "KernelCore"]),
    ("Explorer", "Tests/Explorer", ["KernelABI", "HardwareInterface", "KernelCore", "TestSupport"]),
]
BUILD = [
    "swift", "build", "-c", "release", "-Xswiftc", "-enable-testing",
    "-Xswiftc", "-cross-module-optimization", "--product", "Explorer"]
STATES = 30_000  # at most
FEWEST = 20


def load():
    """Returns the faults with their sites, numbered from 1."""
    faults = tomllib.loads((HERE / "explorer-faults.toml").read_text())["fault"]
    paths = {path.name: path for path in (ROOT / KERNEL).rglob("*.swift")}
    problems = []
    for number, fault in enumerate(faults, start=1):
        path = paths.get(fault["file"])
        fault["path"], fault["number"] = path, number
        fault["site"] = path and planted(path.read_text(), fault, number)
        if fault["site"] is None:
            problems.append(
                f"fault \"{fault['name']}\": {fault['file']} has no such place, or several")
        if "system" not in fault:
            problems.append(f"fault \"{fault['name']}\" names no system")
        if "ACTIVE" not in fault.get("before", "") + fault.get("after", ""):
            problems.append(f"fault \"{fault['name']}\" does not ask for ACTIVE")
    if len(faults) < FEWEST:
        problems.append(f"fewer than {FEWEST} faults")
    if problems:
        fail(*problems)
    return faults


def make_package(faults):
    entries = []
    for name, folder, needs in TARGETS:
        kind = "executableTarget" if name == "Explorer" else "target"
        entries.append(target(kind, name, needs))
        if name == "MutationSwitch":
            write(PACKAGE / "Sources" / name / "Switch.swift",
                  (HERE / "MutationSwitch.swift").read_text())
        elif name != "KernelCore":
            mirror(ROOT / folder, PACKAGE / "Sources" / name)
    for path in (ROOT / KERNEL).rglob("*.swift"):
        text = path.read_text()
        mine = [fault["site"] for fault in faults if fault["path"] == path]
        if mine:
            text = "import MutationSwitch\n" + sites.mutated(text, mine)
        write(PACKAGE / "Sources/KernelCore" / path.name, text)
    write(PACKAGE / "Package.swift", MANIFEST.replace("TARGETS", ",\n        ".join(entries)))


def explore(fault):
    """Searches the fault's system. Returns what the explorer says, and whether it found a violation."""
    environment = dict(
        os.environ, MUTATION=str(fault["number"]), SWIFT_BACKTRACE="enable=no")
    done = subprocess.run(
        [PACKAGE / ".build/release/Explorer", "faults", str(STATES), fault["system"]], text=True,
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, errors="replace")
    if done.returncode == 2:
        fail(f"fault \"{fault['name']}\":", done.stdout)
    return done.stdout, done.returncode != 0


def main():
    arguments = sys.argv[1:]
    faults = load()
    if arguments == ["--places"]:
        return
    started = time.monotonic()
    make_package(faults)
    done = subprocess.run(BUILD, cwd=PACKAGE, capture_output=True, text=True)
    if done.returncode != 0:
        output = (done.stdout + done.stderr).splitlines()
        fail("the package does not build:", *dict.fromkeys(l for l in output if "error:" in l))
    wanted = [fault for fault in faults if not arguments or fault["name"] in arguments]
    if not wanted:
        fail("no such fault")
    print(f"built {len(faults)} faults in {time.monotonic() - started:.0f} s", flush=True)
    missed = []
    with ThreadPoolExecutor(2) as workers:
        output, is_found = explore({"number": 0, "system": "", "name": "none"})
        if is_found:
            fail("the explorer complains without any fault:", output)
        for fault, (output, is_found) in zip(wanted, workers.map(explore, wanted)):
            print(f"{'found ' if is_found else 'MISSED'} {fault['name']}", flush=True)
            if not is_found:
                missed.append(fault["name"])
            else:
                print(*(f"         {line}" for line in output.splitlines()), sep="\n", flush=True)
    seconds = time.monotonic() - started
    print(f"{len(wanted) - len(missed)} of {len(wanted)} faults found in {seconds:.0f} s")
    if missed:
        print("MISSED:", *missed, sep="\n  ")
        sys.exit(1)


if __name__ == "__main__":
    main()
