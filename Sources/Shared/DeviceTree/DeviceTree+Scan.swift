// The hot loops of reading a tree, on its raw structure block: the next node, a node by its
// phandle, a property by its name.
//
// libfdt checks every byte at every step, which makes one look-up cost a thousand instructions and
// the kernel's boot millions. Here the checking was done once for all: a `DeviceTree` only exists
// where `fdt_check_full` has accepted the whole structure (Devicetree Specification 5.4), and its
// memory does not change. A damaged step still cannot leave the block: each is compared with the
// block's size.

/// Where the blocks lie, from the checked header.
struct TreeBlocks {
    let structure: Int
    let structureSize: Int
    let strings: Int
    let stringsSize: Int
}

/// A tag of the structure block as the text of a tree reads it; `next` is the tag behind it.
enum TreeTag {
    case node(next: Int)
    case end(next: Int)
    /// `name` is an offset into the strings block, `start` one into the structure block.
    case property(name: Int, start: Int, count: Int, next: Int)
    case nothing(next: Int)
}

/// Tags of the structure block.
private enum Tag {
    static var beginNode: UInt32 { 1 }
    static var endNode: UInt32 { 2 }
    static var property: UInt32 { 3 }
    static var nothing: UInt32 { 4 }
}

extension DeviceTree {
    /// The node after the one at `offset`, depth first, with `depth` adjusted; nil at the end.
    func scan(after offset: Int, depth: inout Int) -> Int? {
        var at = skipName(offset)
        while let tag = structureWord(at) {  // once a tag
            switch tag {
            case Tag.beginNode:
                depth += 1
                return at
            case Tag.endNode:
                depth -= 1
                if depth < 0 { return nil }
                at += 4
            case Tag.property: at = skipProperty(at)
            case Tag.nothing: at += 4
            default: return nil
            }
        }
        return nil
    }

    /// The first node that has this phandle. Numbers are compared before names: few properties get
    /// as far as that.
    func scan(phandle: UInt32) -> Int? {
        var at = 0
        var node = 0
        while let tag = structureWord(at) {  // once a tag
            switch tag {
            case Tag.beginNode:
                node = at
                at = skipName(at)
            case Tag.property:
                if structureWord(at &+ 12) == phandle, structureWord(at &+ 4) ?? 0 >= 4,
                    let text = structureWord(at &+ 8).map(Int.init),
                    isString(text, equalTo: "phandle") || isString(text, equalTo: "linux,phandle")
                {
                    return node
                }
                at = skipProperty(at)
            case Tag.endNode, Tag.nothing: at &+= 4
            default: return nil
            }
        }
        return nil
    }

    /// The value of the property `name` of the node at `offset`: its place in the structure block,
    /// and its length.
    func scanProperty(
        of offset: Int, named name: UnsafeRawBufferPointer
    ) -> (start: Int, count: Int)? {
        var at = skipName(offset)
        while let tag = structureWord(at) {  // once a property
            if tag == Tag.property {
                guard let length = structureWord(at + 4), let text = structureWord(at + 8) else {
                    return nil
                }
                if unsafe isString(Int(text), equalTo: name) { return (at + 12, Int(length)) }
                at = skipProperty(at)
            } else if tag == Tag.nothing {
                at += 4
            } else {
                return nil
            }
        }
        return nil
    }

    /// The tag at `offset`, which a walk over the tags reached; nil at the end.
    func tag(at offset: Int) -> TreeTag? {
        guard let tag = structureWord(offset) else { return nil }
        switch tag {
        case Tag.beginNode:
            return .node(next: skipName(offset))
        case Tag.endNode: return .end(next: offset + 4)
        case Tag.property:
            guard let length = structureWord(offset + 4), let text = structureWord(offset + 8)
            else { return nil }
            return .property(
                name: Int(text), start: offset + 12, count: Int(length), next: skipProperty(offset))
        case Tag.nothing: return .nothing(next: offset + 4)
        default: return nil
        }
    }

    /// A byte of the structure block; 0 outside of it.
    func byte(_ at: Int) -> UInt8 {
        if at < 0 || at >= blocks.structureSize { return 0 }
        // Safety: within the block.
        return unsafe base.load(fromByteOffset: blocks.structure &+ at, as: UInt8.self)
    }

    /// A property's name, of which 64 bytes are enough to show.
    func string(_ at: Int) -> UnsafeRawBufferPointer {
        var count = 0
        // Safety: compared with the block's size.
        while count < 64, at &+ count < blocks.stringsSize,
            unsafe base.load(fromByteOffset: blocks.strings &+ at &+ count, as: UInt8.self) != 0
        {
            count += 1
        }
        return unsafe UnsafeRawBufferPointer(start: base + blocks.strings + at, count: count)
    }

    /// The first tag behind a node's own tag and name.
    private func skipName(_ offset: Int) -> Int {
        var at = offset + 4
        // Safety: compared with the block's size.
        while at < blocks.structureSize,
            unsafe base.load(fromByteOffset: blocks.structure &+ at, as: UInt8.self) != 0
        {
            at &+= 1
        }
        return (at &+ 4) & ~3
    }
    private func skipProperty(_ at: Int) -> Int {
        guard let length = structureWord(at &+ 4) else { return blocks.structureSize }
        return at &+ 12 &+ (Int(length) &+ 3) & ~3
    }

    /// A word of the structure block; nil outside of it.
    private func structureWord(_ at: Int) -> UInt32? {
        if at < 0 || at &+ 4 > blocks.structureSize { return nil }
        // Safety: within the block; its start was checked to be aligned, and every step is a
        // multiple of 4.
        return unsafe UInt32(
            bigEndian: base.load(fromByteOffset: blocks.structure &+ at, as: UInt32.self))
    }

    private func isString(_ at: Int, equalTo text: StaticString) -> Bool {
        unsafe isString(
            at,
            equalTo: UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }
    private func isString(_ at: Int, equalTo text: UnsafeRawBufferPointer) -> Bool {
        let count = text.count
        if at < 0 || at &+ count >= blocks.stringsSize { return false }
        for index in 0..<count {
            // Safety: within the strings block, and within the text.
            let byte = unsafe base.load(
                fromByteOffset: blocks.strings &+ at &+ index, as: UInt8.self)
            if unsafe byte != text[index] { return false }
        }
        return unsafe base.load(fromByteOffset: blocks.strings &+ at &+ count, as: UInt8.self) == 0
    }
}
