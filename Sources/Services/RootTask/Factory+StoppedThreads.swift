// Threads that the root task stops: their registers and stacks, and the two ways to break a task
// that the shell offers.

import Interfaces
import KernelABI
import Protocols
import ServiceCores
import UserRuntime

extension Factory {
    /// Stops a task's thread, whatever it does.
    func stop(
        _ number: Int, _ thread: TaskThread = .first
    ) throws(FactoryFailure) -> Thread.Registers {
        if tasks[number].phase != .running { throw FactoryFailure(.wrongState) }
        do throws(KernelError) {
            return try with(thread, of: number) { (thread) throws(KernelError) in
                try thread.suspend()
                return try thread.readRegisters()
            }
        } catch { throw FactoryFailure(.kernel(error)) }
    }

    /// Why a thread that stood in a fault faulted.
    func cause(
        _ number: Int, _ thread: TaskThread, _ registers: Thread.Registers, _ kind: UInt64,
        address: UInt64, syndrome: UInt64, stackPointer: UInt64
    ) -> FaultCause {
        let end = TaskAddress.stackTop
        let stack: TaskStack =
            switch thread {
            case .first:
                .whole((end - UInt64(tasks[number].description.stackBytes))..<end)
            case .started(let place):
                .within(TaskAddress.threadStack(place), stackPointer: stackPointer)
            }
        return FaultCause(
            FaultKind(word: kind), address: address, syndrome: syndrome, stack: stack,
            registers: InlineArray { registers[$0] }
        ) { literal(number, at: $0, count: $1) }
    }

    /// Constants of a task, from its file in the bundle: the task's memory is not looked at.
    private func literal(_ number: Int, at address: UInt64, count: Int) -> [UInt8] {
        guard let file = unsafe bundle.file(tasks[number].description.binary),
            let image = unsafe Factory.image(file)
        else { return [] }
        for index in 0..<image.segmentCount {
            let segment = image.segment(index)
            if segment.isWritable || address < segment.virtualAddress { continue }
            let offset = address - segment.virtualAddress
            if offset >= UInt64(segment.fileSize) { continue }
            let start = segment.fileOffset + Int(offset)
            let length = min(count, segment.fileSize - Int(offset))
            return (start..<(start + length)).map { unsafe file[$0] }
        }
        return []
    }

    /// A task's program; nil where its file holds none.
    private static func image(_ file: UnsafeBufferPointer<UInt8>) -> ElfImage? {
        try? ElfImage(unsafe Span(_unsafeElements: file), permitted: TaskAddress.image)
    }

    /// Makes a task jump to a null pointer; the other registers show where it was.
    func crash(_ number: Int) throws(FactoryFailure) { try jump(number, to: 0) }

    /// Makes a task loop for ever (CUserEntry/Start.S).
    func hang(_ number: Int) throws(FactoryFailure) {
        guard let file = unsafe bundle.file(tasks[number].description.binary),
            let image = unsafe Factory.image(file)
        else { throw FactoryFailure(.badImage) }
        try jump(number, to: image.entry + TaskAddress.loopBehindEntry)
    }

    private func jump(_ number: Int, to address: UInt64) throws(FactoryFailure) {
        var registers = try stop(number)
        registers.programCounter = address
        let thread = Thread(slots.task(number).thread)
        do throws(KernelError) {
            try thread.writeRegisters(registers)
            try thread.resume()
        } catch { throw FactoryFailure(.kernel(error)) }
    }

    /// Return addresses along the frame records (AAPCS64 6.4.6), for as long as they lie on the
    /// task's stack and rise.
    func returnAddresses(_ number: Int, frame first: UInt64) -> [UInt64] {
        let holding = CapabilityTable(slots.task(number).holding)
        let bottom = TaskAddress.stackTop - UInt64(tasks[number].description.stackBytes)
        var addresses: [UInt64] = []
        var frame = first
        while addresses.count < StoppedThread.maximumDepth, frame >= bottom,
            frame < TaskAddress.stackTop, frame & 15 == 0
        {
            let page = UInt32((frame - bottom) / 4096)
            let word = Int(frame % 4096 / 8)
            let slot = Slot(tasks[number].stackStart + page)
            let record = unsafe try? window.look(at: slot, in: holding) { words in
                // Safety: a record of two words at a multiple of 16 lies within its page.
                unsafe (next: words[word], address: words[word + 1])
            }
            guard let record, record.address != 0 else { break }
            addresses.append(record.address)
            if record.next <= frame { break }
            frame = record.next
        }
        return addresses
    }

    /// A frame may leave this many pages of a stack untouched.
    private static var untouchedGap: Int { 4 }

    /// Returns the most bytes of the stack that were in use.
    ///
    /// - Complexity: a look at five pages, and at those that came into use since the last call.
    mutating func stackUsed(_ number: Int) -> UInt32 {
        guard var untouched = untouchedBytes(of: tasks[number].lowestStackPage, number) else {
            return 0
        }
        var page = tasks[number].lowestStackPage
        while page > 0, tasks[number].lowestStackPage - page < Factory.untouchedGap {
            page -= 1
            guard let found = untouchedBytes(of: page, number) else { return 0 }
            if found == 4096 { continue }
            tasks[number].lowestStackPage = page
            untouched = found
        }
        return tasks[number].description.stackBytes
            - UInt32(tasks[number].lowestStackPage * 4096 + untouched)
    }

    /// Bytes at the low end of a page of the stack that were never written.
    private func untouchedBytes(of page: Int, _ number: Int) -> Int? {
        let slot = Slot(tasks[number].stackStart + UInt32(page))
        let holding = CapabilityTable(slots.task(number).holding)
        return unsafe try? window.look(at: slot, in: holding) { words in
            unsafe StackPaint.untouchedBytes(Span(_unsafeElements: UnsafeBufferPointer(words)))
        }
    }
}
