"""Which outcomes the Armv8 memory model allows (Arm ARM B2.3; accesses of one size, no devices).

Three conditions decide about an execution: what one place saw is in order for each core (internal),
no other store comes between the halves of an exclusive pair (atomic), and the order that all
cores must agree on has no cycle (external). Where versions of the model differ, the weaker one is
taken: it allows more.
"""

from itertools import product


class Execution:
    """One path of each core, and the initial values: events in one list, core by core."""

    def __init__(self, chosen, initial):
        self.events, self.core, self.first = [], [], []
        for core, path in enumerate(chosen):
            self.first.append(len(self.events))
            self.events += path.events
            self.core += [core] * len(path.events)
        self.initial = initial
        self.local = [0] * len(self.events)

    def shifted(self, number, numbers):
        return [self.first[self.core[number]] + other for other in numbers]

    def before(self, number):
        return range(self.first[self.core[number]], number)

    def add(self, a, b):
        self.local[a] |= 1 << b

    def order_locally(self, b):
        """The order that needs no other core: dependencies, fences, acquire, release, pairs."""
        events, event = self.events, self.events[b]
        for a in self.shifted(b, event.address | event.data):
            self.add(a, b)
        if event.kind == "W":
            for a in self.shifted(b, event.control):
                self.add(a, b)
        if event.load is not None:
            self.add(self.shifted(b, [event.load])[0], b)
        fences = {"full": False, "loads": False, "stores": False}
        synchronised = None
        for a in reversed(self.before(b)):
            earlier = events[a]
            if earlier.kind == "F":
                fences[earlier.marks[0]] = True
                if earlier.marks[0] == "isb" and event.kind == "R":
                    synchronised = a if synchronised is None else synchronised
                continue
            if event.kind == "F":
                continue
            if (fences["full"] or "acquire" in earlier.marks or "release" in event.marks
                    or fences["loads"] and earlier.kind == "R"
                    or fences["stores"] and earlier.kind == event.kind == "W"
                    or "release" in earlier.marks and "acquire" in event.marks):
                self.add(a, b)
            # A store comes after the address of every earlier access is known.
            if event.kind == "W":
                for source in self.shifted(a, earlier.address):
                    self.add(source, b)
        if synchronised is not None:
            for a in self.before(synchronised):
                for source in self.shifted(a, events[a].address):
                    self.add(source, b)
            for source in self.shifted(synchronised, events[synchronised].control):
                self.add(source, b)

    def is_allowed(self, last):
        """Whether stores can be put in an order, and loads be given their stores, so that the
        model allows it. `last`: the values that places end with."""
        places = sorted({e.place for e in self.events if e.kind != "F"} | set(last))
        choices = []
        for place in places:
            choices.append(list(self.choices(place, last.get(place))))
            if not choices[-1]:
                return False
        for number in range(len(self.events)):
            self.order_locally(number)
        return self.search(choices, self.local)

    def search(self, choices, edges):
        if is_cyclic(edges):
            return False
        if not choices:
            return True
        for more in choices[0]:
            joined = list(edges)
            for a, b in more:
                joined[a] |= 1 << b
            if self.search(choices[1:], joined):
                return True
        return False

    def choices(self, place, last):
        """Yields, for each coherent way to order the stores of a place and to give its loads
        their stores, the order that this imposes upon all cores. Store -1 is the initial one."""
        here = [n for n, event in enumerate(self.events)
                if event.place == place and event.kind != "F"]
        stores = [n for n in here if self.events[n].kind == "W"]
        loads = [n for n in here if self.events[n].kind == "R"]

        def stores_of(core):
            return [store for store in stores if self.core[store] == core]
        sources = [
            [s for s in [-1, *stores] if self.value(s, place) == self.events[load].value]
            for load in loads]
        for order in self.orders(place, [stores_of(core) for core in set(self.core)], -1):
            if last is not None and self.value((-1, *order)[-1], place) != last:
                continue
            rank = {-1: 0} | {store: index + 1 for index, store in enumerate(order)}
            for chosen in product(*sources):
                source = dict(zip(loads, chosen))
                if self.is_coherent(here, rank, source) and self.is_atomic(order, rank, source):
                    yield self.imposed(order, rank, source)

    def orders(self, place, left, last):
        """Yields the orders of a place's stores that keep each core's, and put an exclusive store
        behind the one that its load may have seen. `last` is the store before them."""
        left = [stores for stores in left if stores]
        if not left:
            yield ()
        for n, (first, *rest) in enumerate(left):
            load = self.events[first].load
            if load is None or self.may_follow(first, self.shifted(first, [load])[0], last, place):
                for others in self.orders(place, left[:n] + [rest] + left[n + 1:], first):
                    yield (first, *others)

    def may_follow(self, store, load, last, place):
        is_own = last >= 0 and self.core[last] == self.core[store]
        return is_own or self.value(last, place) == self.events[load].value

    def value(self, store, place):
        return self.initial.get(place, 0) if store < 0 else self.events[store].value

    def is_coherent(self, here, rank, source):
        """Each core sees the place's stores in their order."""
        last = {}
        for n in here:
            is_store = self.events[n].kind == "W"
            seen = rank[n] if is_store else rank[source[n]]
            previous, was_here = last.get(self.core[n], (0, False))
            if seen < previous or is_store and seen == previous:
                return False
            last[self.core[n]] = (seen, True)
        # A load does not see its own core's later store: that store would rank below it.
        return True

    def is_atomic(self, order, rank, source):
        for store in order:
            load = self.events[store].load
            if load is None:
                continue
            seen = rank[source[self.shifted(store, [load])[0]]]
            between = order[seen:rank[store] - 1]
            if any(self.core[other] != self.core[store] for other in between):
                return False
        return True

    def imposed(self, order, rank, source):
        edges = []
        for load, store in source.items():
            event = self.events[load]
            if store >= 0 and self.core[store] != self.core[load]:
                edges.append((store, load))
            elif store >= 0:
                # The core reads its own store: after what that store's value and address need.
                needs = self.events[store].address | self.events[store].data
                edges += [(a, load) for a in self.shifted(store, needs)]
                if self.events[store].load is not None and "acquire" in event.marks:
                    edges.append((store, load))
            for later in order[rank[store]:]:
                if self.core[later] != self.core[load]:
                    edges.append((load, later))
        for index, store in enumerate(order):
            for later in order[index + 1:]:
                if self.core[later] != self.core[store]:
                    edges.append((store, later))
                elif "release" in self.events[store].marks:
                    edges += [(a, later) for a in self.before(store) if self.events[a].kind != "F"]
        return edges


def is_cyclic(edges):
    """Whether a relation, a set of successors for each event, has a cycle."""
    left = (1 << len(edges)) - 1
    while left:
        ends = [n for n in range(len(edges)) if left >> n & 1 and not edges[n] & left]
        if not ends:
            return True
        for n in ends:
            left &= ~(1 << n)
    return False
