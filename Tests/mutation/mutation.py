#!/usr/bin/env python3
"""Do the host tests notice when the kernel is wrong?

A rule chooses mutations in every source of the kernel (`sites.py` finds the places). All of them
stand in one copy of the sources, each behind a switch, so that the tests are built once, and run
once for each mutation. `faults.toml` lists faults that a review planted, in the kernel and in the
cores of services and drivers, and mutations that are excluded because they change no behaviour,
each with its reason.

Usage: mutation.py [NAME…]     run all mutations, or those of these names
       mutation.py --places    check the lists in faults.toml and the number of mutations
       mutation.py --list      print the mutations
"""

import os
import re
import resource
import signal
import subprocess
import sys
import threading
import time
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import sites

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
PACKAGE = ROOT / "build" / "mutation"
# Each module, where it is, and the tests that must notice.
MODULES = {
    "KernelCore": ("Sources/Kernel/KernelCore", "KernelCoreTests"),
    "KernelLock": ("Sources/Kernel/KernelLock", "KernelLockTests"),
    "AArch64": ("Sources/Kernel/AArch64", "AArch64Tests"),
    "PlatformDrivers": ("Sources/Kernel/PlatformDrivers", "PlatformDriversTests"),
    "ServiceCores": ("Sources/Services/ServiceCores", "ServiceCoresTests"),
    "DriverCores": ("Sources/Drivers/DriverCores", "DriverCoresTests"),
}
# The rule is for the kernel; the others have planted faults alone.
RULED = {"KernelCore", "AArch64", "PlatformDrivers"}
# What the modules and their tests need besides: name, place, dependencies.
OTHERS = [
    ("KernelABI", "Sources/Shared/KernelABI", []),
    ("MMIO", "Sources/Shared/MMIO", []),
    ("CLibFDT", "Sources/Shared/CLibFDT", []),
    ("DeviceTree", "Sources/Shared/DeviceTree", ["CLibFDT"]),
    ("HardwareInterface", "Sources/Kernel/HardwareInterface", ["KernelABI"]),
    ("CAArch64", "Sources/Kernel/CAArch64", []),
    ("Protocols", "Sources/User/Protocols", ["KernelABI"]),
]
# What the tests of a mutated module need: name, place, module.
SUPPORT = [("TestSupport", "Tests/TestSupport", "KernelCore")]
ONLY = {"CAArch64": "Model.c", "CLibFDT": "CLibFDT.c"}
MANIFEST = """// swift-tools-version: 6.2
import PackageDescription
let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6), .enableExperimentalFeature("Lifetimes"),
]
let package = Package(
    name: "Mutant",
    targets: [
        TARGETS
    ])
"""
# Optimised: the build takes a minute longer, and each of many runs a sixth of the time.
BUILD = ["swift", "build", "--build-tests", "-c", "release", "-Xswiftc", "-enable-testing"]
EVERY_LINES = 60  # one mutation for so many lines of a file
AT_LEAST = 2  # in each file that has so many sites
FEWEST = 80
# The runs of one mutation: the quick tests, and only where those notice nothing, the longer ones.
LONG = [
    "RightsTests", "CapabilityTreeTests", "RivalTests", "UntypedTests", "UrgencyTests",
    "InheritanceTests", "SystemTests", "QueueTests",
]
WALKS = ["RandomTests/fixedSeeds", "NoiseTests/fixedSeeds"]
# Tests with a new seed in each run notice by chance: they never count.
CHANCE = ["--skip", "aNewSeed"]
RUNS = {
    "KernelCoreTests": [
        [word for name in LONG + WALKS for word in ("--skip", name)] + CHANCE,
        [word for name in LONG for word in ("--filter", name)] + CHANCE,
        [word for name in WALKS for word in ("--filter", name)],
    ],
}


def fail(*lines):
    sys.exit("\n".join(f"mutation.py: {line}" for line in lines))


def sources():
    """Yields every source that is mutated. The checks of the invariants are tests themselves."""
    for module, (folder, _) in MODULES.items():
        for path in sorted((ROOT / folder).rglob("*.swift")):
            if not path.name.endswith("+Invariants.swift"):
                yield module, path


class Plan:
    """The mutations of all sources, by the rule and by name."""

    def __init__(self):
        lists = tomllib.loads((HERE / "faults.toml").read_text())
        self.faults, self.equivalents = lists.get("fault", []), lists.get("equivalent", [])
        self.found = {}
        for module, path in sources():
            found = sites.sites(path.name, path.read_text()) if module in RULED else []
            self.found[path.name] = (module, path, found)
        self.problems = []
        self.check()

    def check(self):
        keys = {site.key for _, _, found in self.found.values() for site in found}
        for entry in self.equivalents:
            if entry["key"] not in keys:
                self.problems.append(f"equivalent {entry['key']}: no such place: {entry['place']}")
        for fault in self.faults:
            _, path, _ = self.found.get(fault["file"], (None, None, None))
            if path is None or planted(path.read_text(), fault, 0) is None:
                self.problems.append(
                    f"fault \"{fault['name']}\": {fault['file']} has no such place, or several")
            if "ACTIVE" not in fault.get("before", "") + fault.get("after", ""):
                self.problems.append(f"fault \"{fault['name']}\" does not ask for ACTIVE")
        if len(self.choose(set())) < FEWEST:
            self.problems.append(f"the rule finds fewer than {FEWEST} mutations")

    def choose(self, refused):
        """Applies the rule: in each file the sites with the smallest names, by its lines."""
        excluded = {entry["key"] for entry in self.equivalents} | refused
        chosen = []
        for module, path, found in self.found.values():
            count = max(AT_LEAST, -(-path.read_text().count("\n") // EVERY_LINES))
            usable = [site for site in found if site.key not in excluded]
            usable = sorted(usable, key=lambda site: site.key)[:count]
            usable.sort(key=lambda site: site.start)
            chosen += [(module, path, site) for site in usable]
        for number, (_, _, site) in enumerate(chosen):
            site.number = number + 1
        return chosen


def planted(source, fault, number):
    """Returns a fault of the list as a site: `text` within `near`, with `before` and `after`.

    Returns None where the source does not have it, or has it twice.
    """
    near = fault.get("near", fault["text"])
    if source.count(near) != 1 or near.count(fault["text"]) != 1:
        return None
    start = source.index(near) + near.index(fault["text"])
    around = (fault.get(side, "") for side in ("before", "after"))
    around = (text.replace("{", "{{").replace("}", "}}") for text in around)
    wrap = tuple(text.replace("ACTIVE", "Mutation.isActive({n})") for text in around)
    end = start + len(fault["text"])
    return sites.Site(
        fault["file"], "", "planted", fault["name"], 0, start, end, wrap, number=number)


def write(path, text):
    """Only where it differs: what stays is not built again."""
    if not path.exists() or path.read_text() != text:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def absent(path, names):
    """Returns whether a source imports a module of the project that is not among these."""
    imports = re.findall(r"^(?:@testable )?import (\w+)", path.read_text(), re.M)
    return any(name not in names and any(ROOT.glob(f"Sources/*/{name}")) for name in imports)


def mirror(source, target, names=None):
    """Copies a folder; of Swift sources only those that these modules suffice for."""
    files = [path for path in source.rglob("*") if path.is_file()]
    wanted = {
        path.relative_to(source) for path in files
        if not (names and path.suffix == ".swift" and absent(path, names))}
    for path in [path for path in target.rglob("*") if path.is_file()]:
        if path.relative_to(target) not in wanted:
            path.unlink()
    for path in wanted:
        write(target / path, (source / path).read_text())


def target(kind, name, needs, only=None):
    """Returns the manifest's entry of a target; `only` is the one C file that the host builds."""
    depend = ", ".join(f'"{need}"' for need in needs)
    rest = f'sources: ["{only}"]' if only else "swiftSettings: settings"
    return f'.{kind}(name: "{name}", dependencies: [{depend}], {rest})'


def make_package(plan, chosen):
    targets = [target("target", "MutationSwitch", ["KernelABI"])]
    switch = (HERE / "MutationSwitch.swift").read_text()
    write(PACKAGE / "Sources/MutationSwitch/MutationSwitch.swift", switch)
    names = [name for name, _, _ in OTHERS]
    for name, folder, needs in OTHERS:
        mirror(ROOT / folder, PACKAGE / "Sources" / name)
        targets.append(target("target", name, needs, ONLY.get(name)))
    for module, (_, tests) in MODULES.items():
        targets.append(target("target", module, [*names, "MutationSwitch"]))
        support = [name for name, _, owner in SUPPORT if owner == module]
        targets.append(target("testTarget", tests, [*names, module, *support]))
        # Tests of tasks upon the kernel are not of the kernel, and need the tasks.
        mirror(ROOT / "Tests" / tests, PACKAGE / "Tests" / tests, [*names, module, *support])
    for name, folder, module in SUPPORT:
        mirror(ROOT / folder, PACKAGE / "Sources" / name)
        targets.append(target("target", name, [*names, module]))
    for module, (folder, _) in MODULES.items():
        copies, wanted = PACKAGE / "Sources" / module, set()
        for path in sorted((ROOT / folder).rglob("*.swift")):
            text = path.read_text()
            mine = [site for _, owner, site in chosen if owner == path]
            for index, fault in enumerate(plan.faults):
                if fault["file"] == path.name:
                    mine.append(planted(text, fault, len(chosen) + 1 + index))
            if mine:
                text = "import MutationSwitch\n" + sites.mutated(text, mine)
            write(copies / path.name, text)
            wanted.add(path.name)
        for path in copies.glob("*.swift"):
            if path.name not in wanted:
                path.unlink()
    manifest = MANIFEST.replace("TARGETS", ",\n        ".join(targets))
    write(PACKAGE / "Package.swift", manifest)


def build(plan):
    """Builds all mutations in one package.

    Where the compiler refuses a site, the next one of the file takes its place.
    """
    refused = set()
    for _ in range(8):
        chosen = plan.choose(refused)
        make_package(plan, chosen)
        started = time.monotonic()
        done = subprocess.run(
            BUILD, cwd=PACKAGE, capture_output=True, text=True)
        (PACKAGE / "build.log").write_text(done.stdout + done.stderr)
        output = done.stdout + done.stderr
        if done.returncode == 0:
            count = f"{len(chosen)} mutations and {len(plan.faults)} faults"
            print(f"built {count} in {time.monotonic() - started:.0f} s", flush=True)
            return chosen, refused
        places = re.findall(r"^(\S+/Sources/\S+\.swift):(\d+):\d+: error:", output, re.M)
        # One line more in the copy: its import.
        lines = {(Path(name).name, int(line) - 1) for name, line in places}
        more = set()
        for _, path, site in chosen:
            last = site.line + path.read_text()[site.start:site.end].count("\n")
            if any(name == path.name and site.line <= line <= last for name, line in lines):
                more.add(site.key)
        if not more:
            errors = [line for line in output.splitlines() if "error:" in line]
            fail("the package does not build:", *dict.fromkeys(errors))
        refused |= more
    fail("the compiler refuses too many sites")


def run(number, tests, arguments, limit):
    """Runs tests once. Returns what noticed the mutation, or None; and the processor time."""
    environment = dict(os.environ, MUTATION=str(number), SWIFT_BACKTRACE="enable=no")
    program = PACKAGE / ".build/release/MutantPackageTests.xctest"
    if "--filter" not in arguments:
        arguments = ["--filter", f"{tests}\\.", *arguments]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    child = subprocess.Popen(
        [program, "--testing-library", "swift-testing", *arguments], cwd=PACKAGE, env=environment,
        text=True, errors="replace", stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CPU, (limit, limit + 1)))
    # A test that waits for ever takes no processor time.
    watch = threading.Timer(1200, child.kill)
    watch.start()
    noticed, trap, count = None, "", 0
    for line in child.stdout:
        trap = line if "atal error" in line else trap
        issue = re.search(r"Test (?:case passing .* to )?([\w`]+).* recorded an issue", line)
        if issue:
            noticed = issue.group(1)
            child.kill()
            break
        total = re.search(r"Test run with (\d+) test", line)
        count = int(total.group(1)) if total else count
    child.stdout.read()
    status = child.wait()
    watch.cancel()
    if noticed is None and status != 0:
        reason = "".join(filter(str.isprintable, trap.rpartition("atal error: ")[2]))[:60]
        is_endless = status in (-signal.SIGXCPU, -signal.SIGKILL)
        noticed = "a test does not end" if is_endless else f"a trap: {reason}"
    if noticed is None and count == 0:
        fail(f"no test of {tests} ran")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return noticed, seconds


def attempt(number, tests, limits):
    for index, arguments in enumerate(RUNS.get(tests, [[]])):
        noticed, _ = run(number, tests, arguments, limits[tests][index])
        if noticed:
            return noticed
    return None


def main():
    arguments = sys.argv[1:]
    plan = Plan()
    if plan.problems:
        fail(*plan.problems)
    if arguments == ["--places"]:
        return
    if arguments == ["--list"]:
        for _, path, site in plan.choose(set()):
            place = f"{path.name}:{site.line} {site.function}"
            print(f"{site.key} {place}: {site.operator}: {site.text}")
        return
    chosen, refused = build(plan)
    work = []
    for module, path, site in chosen:
        what = f"{path.name}:{site.line} {site.function}: {site.operator} `{site.text}`"
        work.append((site.number, MODULES[module][1], site.key, what))
    for index, fault in enumerate(plan.faults):
        module, _, _ = plan.found[fault["file"]]
        work.append((len(chosen) + 1 + index, MODULES[module][1], "planted", fault["name"]))
    if arguments:
        work = [entry for entry in work if entry[2] in arguments or entry[3] in arguments]
    if not work:
        fail("no such mutation")
    limits = {}
    for tests in sorted({entry[1] for entry in work}):
        limits[tests] = []
        for run_arguments in RUNS.get(tests, [[]]):
            noticed, seconds = run(0, tests, run_arguments, 600)
            if noticed:
                fail(f"the tests fail without any mutation: {tests}: {noticed}")
            limits[tests].append(int(3 * seconds) + 10)
    survivors = []
    with ThreadPoolExecutor(2) as workers:
        results = workers.map(lambda entry: attempt(entry[0], entry[1], limits), work)
        for (_, _, key, what), noticed in zip(work, results):
            verdict = f"killed   {what[:110]} [{noticed}]" if noticed else f"SURVIVED {what}"
            print(f"{key:8} {verdict}", flush=True)
            if not noticed:
                survivors.append(f"{key:8} {what}")
    if refused:
        print(f"{len(refused)} sites passed over that the compiler refuses")
    print(f"{len(work) - len(survivors)} of {len(work)} mutations killed, all by host tests")
    if survivors:
        print("SURVIVED:", *survivors, sep="\n  ")
        sys.exit(1)


if __name__ == "__main__":
    main()
