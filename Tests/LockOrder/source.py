"""The kernel's own instructions: macros of Lock.inc, inline assembly of CAArch64Lock.h."""

import re
from pathlib import Path

KERNEL = Path(__file__).resolve().parents[2] / "Sources/Kernel/CAArch64"


def without_comment(line):
    return line.split("//")[0].strip()


def read_macros():
    """Returns parameters and lines of each macro by its name."""
    macros, name = {}, None
    for line in map(without_comment, (KERNEL / "Lock.inc").read_text().splitlines()):
        if line.startswith(".macro"):
            name, *parameters = re.findall(r"\w+", line.removeprefix(".macro"))
            macros[name] = (parameters, [])
        elif line == ".endm":
            name = None
        elif name and line:
            macros[name][1].append(line)
    return macros


def read_numbers():
    """Returns the numbers that CAArch64Layout.h defines by a literal or another name."""
    text = (KERNEL / "include/CAArch64Layout.h").read_text()
    numbers = dict(re.findall(r"^#define (SWIFTLET_\w+) (\w+)$", text, re.M))
    for name in numbers:
        while numbers[name] in numbers:
            numbers[name] = numbers[numbers[name]]
    return numbers


def read_inline(function):
    """Returns the lines of a function's assembly for AArch64."""
    text = (KERNEL / "include/CAArch64Lock.h").read_text().partition("#else")[2]
    text = re.sub("//.*", "", text)
    body = text[text.index(f" {function}("):]
    strings = re.search(r"__asm__ volatile\((.*?):", re.sub(r'"(\d):', r'"\1@', body), re.S)
    lines = "".join(re.findall(r'"([^"]*)"', strings.group(1))).replace("@", ":").split("\\n")
    return [line.strip() for line in lines if line.strip()]


class Expander:
    """Turns lines with macros, `inline` and numbers by name into single instructions."""

    def __init__(self):
        self.macros, self.numbers, self.count = read_macros(), read_numbers(), 0

    def expand(self, line):
        label = re.match(r"([.\w]+):\s*(.*)$", line)
        if label:
            return [label.group(1) + ":"] + (self.expand(label.group(2)) if label.group(2) else [])
        name, _, rest = line.partition(" ")
        arguments = [argument.strip() for argument in rest.split(",")]
        if name == "inline":
            operands = [re.sub(r"\D", "", argument) for argument in arguments[1:]]
            return [
                out for text in read_inline(arguments[0]) for out in self.expand(
                    re.sub(r"%(w?)(\d)", lambda m: (m[1] or "x") + operands[int(m[2])], text))]
        if name in self.macros:
            self.count += 1
            parameters, lines = self.macros[name]
            values = {"@": str(self.count)} | dict(zip(parameters, arguments))
            return [
                out for text in lines
                for out in self.expand(re.sub(r"\\(@|\w+)", lambda m: values[m[1]], text))]
        return [re.sub(r"SWIFTLET_\w+", lambda m: self.numbers[m[0]], line)]


def assemble(lines):
    """Returns instructions and labels. `1b` and `2f` become the places that they mean."""
    code, labels, local = [], {}, []
    for line in lines:
        if line.endswith(":"):
            labels[line[:-1]] = len(code)
            local.append((line[:-1], len(code)))
        else:
            code.append(line)
    for at, line in enumerate(code):
        found = re.search(r" (\d)([bf])$", line)
        if found:
            places = [place for name, place in local if name == found[1]]
            place = (max(p for p in places if p <= at) if found[2] == "b"
                     else min(p for p in places if p > at))
            labels[f"{found[1]}@{place}"] = place
            code[at] = f"{line[:found.start()]} {found[1]}@{place}"
    return code, labels
