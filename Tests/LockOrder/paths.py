"""The paths of a piece of AArch64 code: what each can load and store, and what depends on what.

Every load is tried with every value that its place can hold. A branch back ends a path: a loop that
waits is left in its first round, and an exclusive store succeeds at once. Failed rounds have no
effect, and can only add order, so leaving them out hides no outcome. The words at the stack pointer
are the core's own and never written: loads from them are no events.
"""

import re
from dataclasses import dataclass, field

MASK = (1 << 64) - 1
LOADS = {"ldr": (), "ldar": ("acquire",), "ldxr": ("exclusive",),
         "ldaxr": ("acquire", "exclusive")}
STORES = {"str": (), "stlr": ("release",), "stxr": ("exclusive",),
          "stlxr": ("release", "exclusive")}
FENCES = {"dmb": "full", "dsb": "full", "isb": "isb"}


@dataclass
class Event:
    """A load (R), a store (W) or a fence (F). `address`, `data`, `control`: numbers of the path's
    events on which its address, its value, and whether it happens depend."""
    kind: str
    place: int = 0
    value: int = 0
    marks: tuple = ()
    address: frozenset = frozenset()
    data: frozenset = frozenset()
    control: frozenset = frozenset()
    load: int = None  # of an exclusive store: the load of its pair


@dataclass
class State:
    at: int = 0
    length: int = 0
    registers: dict = field(default_factory=dict)
    events: list = field(default_factory=list)
    control: frozenset = frozenset()
    flags: tuple = (0, 0, frozenset())
    monitor: int = None
    known: dict = field(default_factory=dict)

    def accesses(self, kind):
        """Returns places and values of all loads (R) or stores (W) of a path at its end."""
        if kind not in self.known:
            self.known[kind] = {(e.place, e.value) for e in self.events if e.kind == kind}
        return self.known[kind]

    def copy(self):
        return State(self.at, self.length, dict(self.registers), list(self.events), self.control,
                     self.flags, self.monitor)


def paths(code, labels, registers, stack, values):
    """Returns the final states of all paths. `values(place)`: what a load may find there."""
    start = {name: (value, frozenset()) for name, value in registers.items()}
    done, running = [], [State(registers=start)]
    while running:
        state = running.pop()
        if state.at == len(code):
            done.append(state)
        else:
            running += step(state, code[state.at], labels, stack, values)
    return done


def register(state, name):
    if name[1:] == "zr":
        return 0, frozenset()
    value, needs = state.registers.get("x" + name[1:], (0, frozenset()))
    return (value & 0xffffffff if name[0] == "w" else value), needs


def operand(state, words):
    """A number, or a register that may be shifted: `#1`, `x1`, `x1 lsl #3`."""
    if words[0][0] == "#":
        return int(words[0][1:], 0) & MASK, frozenset()
    value, needs = register(state, words[0])
    if len(words) > 1:
        amount = int(words[2][1:], 0)
        value = value << amount & MASK if words[1] == "lsl" else value >> amount
    return value, needs


def step(state, line, labels, stack, values):
    name, words = line[0], line[1:]
    state.length += 1
    next_state = state.copy()
    next_state.at += 1

    def put(target, value, needs=frozenset()):
        if target[1:] != "zr":
            next_state.registers["x" + target[1:]] = (value & MASK, needs)

    def branch(condition, needs, label):
        if condition:
            if labels[label] <= state.at:
                return []
            next_state.at = labels[label]
        next_state.control |= needs
        return [next_state]

    if name in LOADS:
        return load(state, name, words, values)
    if name in STORES:
        return store(state, next_state, name, words)
    if name == "ldp":
        assert words[2] == "sp"
        at = int(words[3][1:], 0)
        put(words[0], stack[at])
        put(words[1], stack[at + 8])
    elif name in FENCES:
        kind = {"ishld": "loads", "ishst": "stores"}.get(words[0] if words else "", FENCES[name])
        next_state.events.append(Event("F", marks=(kind,), control=state.control))
    elif name == "b":
        return branch(True, frozenset(), words[0])
    elif name in ("cbz", "cbnz"):
        value, needs = register(state, words[0])
        return branch((value == 0) == (name == "cbz"), needs, words[1])
    elif name[:2] == "b.":
        zero, carry, needs = state.flags
        return branch(holds(name[2:], zero, carry), needs, words[0])
    elif name in ("csel", "cset"):
        # The processor may foresee which: no dependency is counted.
        zero, carry, _ = state.flags
        if name == "cset":
            put(words[0], int(holds(words[1], zero, carry)))
        else:
            put(words[0], register(state, words[1 if holds(words[3], zero, carry) else 2])[0])
    else:
        arithmetic(state, next_state, name, words, put)
    return [next_state]


def holds(condition, zero, carry):
    return {"eq": zero, "ne": not zero, "hs": carry, "lo": not carry}[condition]


def arithmetic(state, next_state, name, words, put):
    if name == "cmp":
        (a, needs), (b, more) = register(state, words[0]), operand(state, words[1:])
        next_state.flags = (a == b, a >= b, needs | more)
        return
    if name in ("mov", "rbit", "clz"):
        a, needs = operand(state, words[1:])
        bits = f"{a:064b}"
        result = {"mov": a, "rbit": int(bits[::-1], 2), "clz": 64 - a.bit_length()}[name]
        put(words[0], result, needs)
        return
    (a, needs), (b, more) = register(state, words[1]), operand(state, words[2:])
    result = {
        "add": a + b, "sub": a - b, "and": a & b, "ands": a & b, "orr": a | b, "eor": a ^ b,
        "bic": a & ~b, "lsl": a << b % 64}[name] & MASK
    put(words[0], result, needs | more)
    if name == "ands":
        next_state.flags = (result == 0, False, needs | more)


def address(state, words):
    base, needs = register(state, words[0])
    offset = int(words[1][1:], 0) if len(words) > 1 else 0
    return base + offset, needs


def load(state, name, words, values):
    place, needs = address(state, words[1:])
    after = []
    for value in values(place):
        found = state.copy()
        found.at += 1
        number = len(found.events)
        found.events.append(
            Event("R", place, value, LOADS[name], needs, control=state.control))
        found.registers["x" + words[0][1:]] = (value, frozenset([number]))
        if "exclusive" in LOADS[name]:
            found.monitor = number
        after.append(found)
    return after


def store(state, next_state, name, words):
    is_exclusive = "exclusive" in STORES[name]
    source, where = (words[1], words[2:]) if is_exclusive else (words[0], words[1:])
    place, needs = address(state, where)
    value, data = register(state, source)
    event = Event("W", place, value, STORES[name], needs, data, state.control)
    if is_exclusive:
        if state.monitor is None or state.events[state.monitor].place != place:
            raise ValueError(f"{name} without its load")
        event.load, next_state.monitor = state.monitor, None
        next_state.registers["x" + words[0][1:]] = (0, frozenset())
    next_state.events.append(event)
    return [next_state]


def parse(line):
    """`ldr x0, [x1, #8]` as a list of words."""
    return re.findall(r"[^\s,\[\]]+", line)
