# Flattened device trees for the tests, read without the project's own reader, which they judge:
# the structure by libfdt's Python module, the meaning of its properties by the Devicetree
# Specification.
import libfdt, struct


def number(cells):
    """The number that cells make, the first one on top."""
    return sum(cell << 32 * index for index, cell in enumerate(reversed(cells)))


class Node:
    def __init__(self, name, parent):
        self.name, self.parent, self.properties, self.children = name, parent, {}, []

    def strings(self, name):
        return self.properties.get(name, b"").decode("latin-1").split("\0")[:-1]

    def is_good(self):
        return self.strings("status")[:1] in ([], ["okay"], ["ok"])

    def is_enabled(self):
        return self.is_good() and (self.parent is None or self.parent.is_enabled())

    def cells(self, name, default):
        return struct.unpack(">I", self.properties[name])[0] if name in self.properties else default

    def words(self, name):
        value = self.properties.get(name, b"")
        return struct.unpack(">%dI" % (len(value) // 4), value[:len(value) // 4 * 4])

    def all_words(self, name):
        """The same; raises struct.error where bytes are left over."""
        value = self.properties.get(name, b"")
        return struct.unpack(">%dI" % (len(value) // 4), value)

    def window_cells(self):
        """Cells of an address on this bus, of one on the parent's, and of a size."""
        parent = self.parent.cells("#address-cells", 2)
        return self.cells("#address-cells", 2), parent, self.cells("#size-cells", 1)

    def ranges(self):
        """Entries of `reg`, as the parent's bus numbers them: (base, size)."""
        base, size = self.parent.cells("#address-cells", 2), self.parent.cells("#size-cells", 1)
        words = self.all_words("reg")
        return [(number(words[at:at + base]), number(words[at + base:at + base + size]))
                for at in range(0, len(words), base + size)]

    def addresses(self):
        """Entries of `reg`, as the processor numbers them; without what a bus does not pass."""
        found = []
        for base, size in self.ranges():
            bus = self.parent
            while bus.parent is not None and base is not None:
                base, bus = bus.passed(base, size), bus.parent
            if base is not None: found.append((base, size))
        return found

    def passed(self, address, bytes):
        """An address on this bus as the parent's; None where `ranges` lacks one of its bytes."""
        if self.properties.get("ranges") == b"": return address
        words, (child, parent, size) = self.all_words("ranges"), self.window_cells()
        for at in range(0, len(words), child + parent + size):
            entry = words[at:at + child + parent + size]
            first, length = number(entry[:child]), number(entry[child + parent:])
            if first <= address < first + length and address + bytes <= first + length:
                return number(entry[child:child + parent]) + address - first
        return None

    def memory_window(self):
        """The largest (bus, physical, size) of what all buses above pass by dma-ranges (2.3.9);
        None where they pass all."""
        windows, bus = [(0, 0, 1 << 64)], self.parent
        while bus.parent is not None:
            words, passed = bus.words("dma-ranges"), []
            child, parent, size = bus.window_cells()
            for at in range(0, len(words), child + parent + size):
                entry = words[at:at + child + parent + size]
                first, place = number(entry[:child]), number(entry[child:child + parent])
                length = number(entry[child + parent:])
                for base, physical, bytes in windows:
                    start, end = max(physical, first), min(physical + bytes, first + length)
                    if start < end:
                        passed.append((base + start - physical, place + start - first, end - start))
            bus, windows = bus.parent, passed if words else windows
        if windows == [(0, 0, 1 << 64)]: return None
        return max(windows, key=lambda window: window[2], default=(0, 0, 0))

    def interrupts(self, phandles):
        """Where each of its interrupts leads: (controller, specifier); (None, []) where that is
        nobody. An interrupt of `interrupts-extended` behind a phandle that nobody has is the last.
        Raises ValueError for what cannot be read."""
        extended = "interrupts-extended" in self.properties
        words = self.words("interrupts-extended" if extended else "interrupts")
        found, parent = [], None if extended else self.interrupt_parent(phandles)
        while words:
            if extended: parent, words = phandles.get(words[0]), words[1:]
            if parent is None: return found + [(None, [])]
            count = parent.cells("#interrupt-cells", 0)
            if not 0 < count <= len(words): raise ValueError("a specifier without an end")
            found.append(parent.routed(self.words("reg"), list(words[:count]), phandles))
            words = words[count:]
        return found

    def interrupt_parent(self, phandles):
        """Devicetree Specification 2.4: where there is no interrupt-parent the parent counts, until
        something has #interrupt-cells."""
        node = self
        for _ in range(32):
            named = node.words("interrupt-parent")
            node = phandles.get(named[0]) if named else node.parent
            if node is None or "#interrupt-cells" in node.properties: return node
        return None

    def routed(self, address, specifier, phandles, hops=0):
        """An interrupt that arrives here, through interrupt-map (2.4.3) up to a controller."""
        if "interrupt-map" not in self.properties or "interrupt-controller" in self.properties:
            return self, specifier
        if hops == 16: return None, []
        width, words = self.cells("#address-cells", 2), list(self.words("interrupt-map"))
        own = (list(address) + [0] * width)[:width] + specifier
        mask = [0xffffffff] * len(own)
        if "interrupt-map-mask" in self.properties: mask = list(self.words("interrupt-map-mask"))
        while words:
            entry, parent = words[:len(own)], phandles.get(words[len(own)])
            words = words[len(own) + 1:]
            if parent is None: return None, []
            first, count = parent.cells("#address-cells", 0), parent.cells("#interrupt-cells", 0)
            matches = all((a ^ b) & m == 0 for a, b, m in zip(entry, own, mask))
            if matches and parent.is_good():
                return parent.routed(words[:first], words[first:first + count], phandles, hops + 1)
            words = words[first + count:]
        return None, []

    def all(self):
        yield self
        for child in self.children:
            yield from child.all()

    def path(self):
        return "/" if self.parent is None else self.parent.path().rstrip("/") + "/" + self.name


def read(data):
    """The tree's root, and its header's reservations, by Debian's python3-libfdt."""
    tree = libfdt.FdtRo(data)
    root, offset, depth, path = None, 0, 0, []
    while depth >= 0:
        node = Node(tree.get_name(offset), path[depth - 1] if depth else None)
        if node.parent: node.parent.children.append(node)
        root = root or node
        path[depth:] = [node]
        at = tree.first_property_offset(offset, libfdt.QUIET_NOTFOUND)
        while at >= 0:
            found = tree.get_property_by_offset(at)
            node.properties[found.name] = bytes(found)
            at = tree.next_property_offset(at, libfdt.QUIET_NOTFOUND)
        offset, depth = tree.next_node(offset, depth)
    # libfdt's module of Debian 12 drops an address of 0.
    start = tree.off_mem_rsvmap()
    count = tree.num_mem_rsv()
    return root, [struct.unpack_from(">QQ", data, start + 16 * index) for index in range(count)]
