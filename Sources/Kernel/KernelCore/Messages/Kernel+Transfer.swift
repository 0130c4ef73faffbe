// The transfer of a message from one thread to another: words, capabilities, and the length of a
// loan.

import HardwareInterface
import KernelABI

extension Kernel where H: ~Copyable {
    /// Returns why the thread cannot send the message that its control word announces; nil if it
    /// can. Nothing changes.
    func checkMessage(
        _ thread: Ref<Thread>, _ control: ControlWord, rights: Rights
    ) -> KernelError? {
        if control.length > Message.maximumWords
            || control.capabilityCount > Message.maximumCapabilities
        {
            return .invalidArgument
        }
        if !control.isExtended {
            return control.length > Message.registerWords || control.capabilityCount > 0
                || control.hasLoan
                ? .invalidArgument : nil
        }
        guard let buffer = thread.pointee.buffer else { return .noBuffer }
        if control.capabilityCount > 0 {
            if !rights.contains(.grant) { return .missingRights }
            if let error = checkSentSlots(thread, control.capabilityCount) { return error }
        }
        return control.hasLoan && loan(in: buffer) == nil ? .invalidArgument : nil
    }

    /// Returns an error if one of the slots to send from is empty or does not exist.
    private func checkSentSlots(_ thread: Ref<Thread>, _ count: Int) -> KernelError? {
        var rounds = LoopBound(Message.maximumCapabilities)
        for index in 0..<count {
            rounds.count()
            guard let slot = sentSlot(thread, index), slot.pointee.object != nil else {
                return .invalidCapability
            }
        }
        return nil
    }

    /// Returns the slot of the capability at this index that the thread sends.
    private func sentSlot(_ thread: Ref<Thread>, _ index: Int) -> Ref<Capability>? {
        guard let buffer = thread.pointee.buffer else { return nil }
        let word = buffer.pointee.words[(IPCBuffer.sendSlots / 8 &+ index) & 511]
        return slot(thread, Slot(UInt32(truncatingIfNeeded: word)))
    }

    /// Copies the payload that the registers do not hold, words and capabilities, before anything
    /// else changes. The kernel looks for pending interrupts before and after each of the two. If
    /// one is pending, the receiver keeps no capability, and the call restarts.
    ///
    /// - Precondition: the receiver waits, so that its buffer is free for a message.
    /// - Returns: the number of capabilities that were passed; nil if an interrupt is pending.
    /// - Complexity: 120 words, and 4 capabilities.
    @inline(never) mutating func carry(from sender: Ref<Thread>, to receiver: Ref<Thread>) -> Int? {
        let control = ControlWord(raw: sender.pointee.sendControl)
        if isInterrupted() { return nil }
        if control.length > Message.registerWords, let from = sender.pointee.buffer,
            let to = receiver.pointee.buffer
        {
            copyWords(from, to, control.length)
        }
        if isInterrupted() { return nil }
        if control.capabilityCount == 0 { return 0 }
        repeat {  // a second time only where the interrupt has gone away
            var passed = PassedSlots(repeating: nil)
            let count = passCapabilities(
                from: sender, to: receiver, control.capabilityCount, &passed)
            if !isInterrupted() { return count }
            takeBack(passed)
        } while !isInterrupted()
        return nil
    }

    /// Delivers a message whose payload `carry` has copied: the words in registers, and the
    /// receiver's results.
    ///
    /// A receiver without IPC buffer gets the first 8 words. A capability passes only if the
    /// receiver named an empty slot for it. The result word tells what arrived.
    ///
    /// - Complexity: constant.
    mutating func transfer(
        from sender: Ref<Thread>, to receiver: Ref<Thread>, _ delivery: Delivery, badge: UInt64,
        _ capabilities: Int
    ) {
        var length = ControlWord(raw: sender.pointee.sendControl).length
        if length > Message.registerWords
            && (sender.pointee.buffer == nil || receiver.pointee.buffer == nil)
        {
            length = Message.registerWords
        }
        let message =
            UInt64(truncatingIfNeeded: length) << 32
            | UInt64(truncatingIfNeeded: capabilities) << 48
        let loan =
            delivery == .message && sender.pointee.scheduling.isLending
            ? sender.pointee.loanLength : 0
        receiver.pointee.context.x.0 =
            ResultWord(delivery, message: message | (loan != 0 ? ControlWord.loanBit : 0)).raw
        receiver.pointee.context.x.1 = badge
        receiver.pointee.context.x.2 = loan
        copyRegisterWords(from: sender, to: receiver)
    }

    /// Copies words 0 to 7.
    @inline(__always) func copyRegisterWords(from sender: Ref<Thread>, to receiver: Ref<Thread>) {
        let from = unsafe reference(sender.contextAddress + 24, as: WordGroup.self)
        unsafe reference(receiver.contextAddress + 24, as: WordGroup.self).set(from)
    }

    /// Copies the words from word 8 up to `length`, eight at a time, and no word more: the rest of
    /// the buffer is the sender's own.
    ///
    /// - Complexity: at most 120 words.
    @inline(__always) func copyWords(
        _ from: Ref<BufferPage>, _ to: Ref<BufferPage>, _ length: Int
    ) {
        var index = Message.registerWords
        var rounds = LoopBound(Message.maximumWords / 8)
        while index &+ 8 <= length {
            rounds.count()
            to.group(index).set(from.group(index))
            index = index &+ 8
        }
        var rest = LoopBound(7)
        while index < length {
            rest.count()
            to.pointee.words[index & 511] = from.pointee.words[index & 511]
            index = index &+ 1
        }
    }

    /// Copies capabilities into the slots that the receiver named.
    ///
    /// - Returns: the number passed: all before the first without an empty slot.
    private func passCapabilities(
        from sender: Ref<Thread>, to receiver: Ref<Thread>, _ count: Int,
        _ passed: inout PassedSlots
    ) -> Int {
        guard let buffer = receiver.pointee.buffer else { return 0 }
        var rounds = LoopBound(Message.maximumCapabilities)
        for index in 0..<count {
            rounds.count()
            let word = buffer.pointee.words[(IPCBuffer.receiveSlots / 8 &+ index) & 511]
            guard let target = slot(receiver, Slot(UInt32(truncatingIfNeeded: word))),
                target.pointee.object == nil,
                let source = sentSlot(sender, index),
                target.derive(
                    from: source, rights: .all, badge: source.badgeToCopy, placement: .peer) == nil
            else { return index }
            passed[index & 3] = target
        }
        return count
    }

    /// Removes capabilities that were passed in this masked section. Nothing derives from them, and
    /// no thread has used them.
    private func takeBack(_ passed: PassedSlots) {
        var rounds = LoopBound(Message.maximumCapabilities)
        for index in 0..<Message.maximumCapabilities {
            rounds.count()
            passed[index]?.unlink()
        }
    }

    // Loans

    /// Returns the loan that the IPC buffer describes; nil unless it is a range of user addresses.
    ///
    /// Another thread may change the buffer at any time, so each word is read once.
    @inline(__always) func loan(in buffer: Ref<BufferPage>) -> Loan? {
        let address = buffer.pointee.words[IPCBuffer.loanAddress / 8]
        let length = buffer.pointee.words[IPCBuffer.loanLength / 8]
        if length == 0 || address >= Limits.userEnd || length > Limits.userEnd &- address {
            return nil
        }
        let rights = UInt8(truncatingIfNeeded: buffer.pointee.words[IPCBuffer.loanRights / 8])
        return Loan(address: address, length: length, rights: Rights(raw: rights))
    }

    /// Ends the loan that went with a call.
    @inline(__always) func endLoan(_ thread: Ref<Thread>) {
        thread.pointee.scheduling.isLending = false
    }

    /// Records the loan that goes with a call; a `control` without loan ends it.
    ///
    /// The buffer may have changed since `checkMessage`. A loan that is none any more is left out.
    func takeLoan(_ thread: Ref<Thread>, _ control: ControlWord) {
        endLoan(thread)
        guard control.hasLoan, let buffer = thread.pointee.buffer, let loan = loan(in: buffer)
        else { return }
        thread.pointee.scheduling.isLending = true
        thread.set(loan)
    }
}

/// Memory that a thread lends with its call.
struct Loan {
    let address: UInt64
    let length: UInt64
    let rights: Rights
}

extension Ref where Object == Thread {
    /// Sets the range and the rights of the thread's loan, which its lending bit makes valid.
    @inline(__always) func set(_ loan: Loan) {
        pointee.loanAddress = loan.address
        pointee.loanLength = loan.length
        pointee.loanRights = loan.rights
    }
}

/// The slots into which a message passed capabilities.
private typealias PassedSlots = InlineArray<4, Ref<Capability>?>

extension Ref where Object == BufferPage {
    /// Returns the eight words from `index` on.
    @inline(__always) func group(_ index: Int) -> Ref<WordGroup> {
        // Safety: callers keep index below 512 - 8, so the group lies within the page.
        unsafe reference(raw + index &* 8, as: WordGroup.self)
    }
}

/// Eight message words, copied at once: in a context from x3 on, or in an IPC buffer.
public struct WordGroup {
    var words: (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64)
}

extension Ref where Object == WordGroup {
    /// Copies eight words. All loads come before all stores, so that the compiler pairs both and
    /// calls no `memcpy`.
    @inline(__always) func set(_ from: Ref<WordGroup>) {
        let (a, b, c, d) = (
            from.pointee.words.0, from.pointee.words.1, from.pointee.words.2, from.pointee.words.3
        )
        let (e, f, g, h) = (
            from.pointee.words.4, from.pointee.words.5, from.pointee.words.6, from.pointee.words.7
        )
        pointee.words.0 = a
        pointee.words.1 = b
        pointee.words.2 = c
        pointee.words.3 = d
        pointee.words.4 = e
        pointee.words.5 = f
        pointee.words.6 = g
        pointee.words.7 = h
    }
}
