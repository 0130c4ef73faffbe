// Endpoints, replies and notifications: typed handles over slots. Each method is one system call.

import CUserEntry
import KernelABI

@inline(__always) func check(_ raw: UInt64) throws(KernelError) {
    if raw & 0xff != 0 {
        throw KernelError(rawValue: UInt8(truncatingIfNeeded: raw)) ?? .invalidArgument
    }
}

extension ControlWord {
    /// Of a message with what is attached to it.
    fileprivate init(
        _ call: SystemCall, slot: Slot, _ length: Int, _ attachment: borrowing Attachment
    ) {
        self.init(
            call, slot, length: length, capabilities: attachment.count,
            loan: attachment.loanLength > 0)
    }
}

/// A rendezvous for messages.
public struct Endpoint: Sendable {
    public let slot: Slot
    @inline(__always) public init(_ slot: Slot) { self.slot = slot }

    /// Send a message and wait for the reply.
    @inline(__always) public func call(
        _ message: RegisterMessage, deadline: Instant = .never
    ) throws(KernelError) -> Received {
        try exchange(ControlWord(.call, slot, length: message.length), message, deadline)
    }
    /// The same with capabilities or a loan.
    ///
    /// - Parameter slot: an empty slot for a capability that the reply brings.
    public func call(
        _ message: RegisterMessage, _ attachment: Attachment = Attachment(),
        deadline: Instant = .never, receiving slot: Slot = .none
    ) throws(KernelError) -> Received {
        let buffer = IPCBufferAccess()
        buffer.set(attachment)
        buffer.setReceiveSlot(slot)
        defer { buffer.setReceiveSlot(.none) }
        return try exchange(
            ControlWord(
                .call, slot: self.slot, message.length, attachment), message, deadline)
    }
    /// The same with a message of up to 128 words, which the reply replaces.
    ///
    /// - Postcondition: after an error the message is as it was.
    @discardableResult public func call(
        _ message: inout LongMessage, _ attachment: Attachment = Attachment(),
        deadline: Instant = .never, receiving slot: Slot = .none
    ) throws(KernelError) -> Received {
        let buffer = IPCBufferAccess()
        buffer.set(attachment)
        buffer.setReceiveSlot(slot)
        defer { buffer.setReceiveSlot(.none) }
        message.fill(buffer)
        let received = try exchange(
            ControlWord(.call, slot: self.slot, message.length, attachment), message.registers(),
            deadline)
        message.take(received, from: buffer)
        return received
    }
    /// Sends the words of `message` and behind them bytes, eight a word, and waits for the reply.
    ///
    /// - Parameter bytes: what passes the 128 words of a message is cut off.
    public func call(
        _ message: RegisterMessage, bytes: Span<UInt8>, deadline: Instant = .never
    ) throws(KernelError) -> Received {
        let buffer = IPCBufferAccess()
        var registers = message
        let start = message.length
        let count = min(bytes.count, 8 * (LongMessage.capacity - start))
        pack(bytes.extracting(0..<count), at: start) { index, word in
            if index < 8 { registers.setWord(index, word) } else { buffer[index] = word }
        }
        let length = start + (count + 7) / 8
        return try exchange(ControlWord(.call, slot, length: length), registers, deadline)
    }
    /// Send a message that expects no reply; returns when it was received.
    public func send(_ message: RegisterMessage, deadline: Instant = .never) throws(KernelError) {
        _ = try exchange(ControlWord(.send, slot, length: message.length), message, deadline)
    }
    /// The same with capabilities.
    public func send(
        _ message: RegisterMessage, _ attachment: Attachment, deadline: Instant = .never
    ) throws(KernelError) {
        IPCBufferAccess().set(attachment)
        _ = try exchange(
            ControlWord(.send, slot: slot, message.length, attachment), message, deadline)
    }
    /// The same for a typed request, whose words from 8 on are in the buffer already.
    @inline(__always) func call(
        _ message: MessageWriter, deadline: Instant
    ) throws(KernelError) -> Received {
        try exchange(ControlWord(.call, slot, length: message.count), message.registers, deadline)
    }
    /// The same with a capability or a loan.
    @inline(__always) func call(
        _ message: MessageWriter, _ attachment: Attachment, deadline: Instant
    ) throws(KernelError) -> Received {
        IPCBufferAccess().set(attachment)
        return try exchange(
            ControlWord(.call, slot: slot, message.count, attachment), message.registers, deadline)
    }
    /// The same with an empty slot for a capability that the answer brings.
    @inline(__always) func call(
        _ message: MessageWriter, receiving slot: Slot, deadline: Instant
    ) throws(KernelError) -> Received {
        let buffer = IPCBufferAccess()
        buffer.setReceiveSlot(slot)
        defer { buffer.setReceiveSlot(.none) }
        return try call(message, deadline: deadline)
    }
    @inline(__always) func send(
        _ message: MessageWriter, deadline: Instant
    ) throws(KernelError) {
        _ = try exchange(
            ControlWord(.send, slot, length: message.count), message.registers, deadline)
    }
    @inline(__always) private func exchange(
        _ control: ControlWord, _ message: RegisterMessage, _ deadline: Instant
    ) throws(KernelError) -> Received {
        var words = message.words
        let raw = unsafe swiftlet_svc_words(control.by(deadline).raw, 0, deadline.ticks, &words)
        try check(raw.result)
        return Received(raw, words)
    }

    /// Wait for a message, or for the bits of the bound notification.
    @inline(__always) public func receive(
        reply: Reply, deadline: Instant = .never
    ) throws(KernelError) -> Received {
        try take(ControlWord(.receive, slot), RegisterMessage(), reply, deadline)
    }
    /// The same for a message that may bring a capability, into the empty slot `slot`.
    public func receive(
        reply: Reply, deadline: Instant = .never, receiving slot: Slot
    ) throws(KernelError) -> Received {
        try take(ControlWord(.receive, self.slot), RegisterMessage(), reply, deadline, slot)
    }
    /// The same for messages of up to 128 words. `message` has none where a notification came.
    public func receive(
        into message: inout LongMessage, reply: Reply, deadline: Instant = .never,
        receiving slot: Slot = .none
    ) throws(KernelError) -> Received {
        let received = try take(
            ControlWord(.receive, self.slot), RegisterMessage(), reply, deadline, slot)
        message.take(received, from: IPCBufferAccess())
        return received
    }
    /// Answer the caller that `reply` holds, then receive the next into it.
    @inline(__always) public func replyAndReceive(
        _ message: RegisterMessage, reply: Reply, deadline: Instant = .never
    ) throws(KernelError) -> Received {
        try take(
            ControlWord(.replyAndReceive, slot, length: message.length), message, reply, deadline)
    }
    /// The same with capabilities.
    public func replyAndReceive(
        _ answer: RegisterMessage, _ attachment: Attachment, reply: Reply,
        deadline: Instant = .never, receiving slot: Slot = .none
    ) throws(KernelError) -> Received {
        IPCBufferAccess().set(attachment)
        let control = ControlWord(.replyAndReceive, slot: self.slot, answer.length, attachment)
        return try take(control, answer, reply, deadline, slot)
    }
    /// The same for messages of up to 128 words.
    public func replyAndReceive(
        _ answer: RegisterMessage, _ attachment: Attachment = Attachment(),
        into message: inout LongMessage, reply: Reply, deadline: Instant = .never,
        receiving slot: Slot = .none
    ) throws(KernelError) -> Received {
        let received = try replyAndReceive(
            answer, attachment, reply: reply, deadline: deadline, receiving: slot)
        message.take(received, from: IPCBufferAccess())
        return received
    }
    /// The same with an answer of up to 128 words, which the next message replaces.
    public func replyAndReceive(
        _ message: inout LongMessage, reply: Reply, deadline: Instant = .never
    ) throws(KernelError) -> Received {
        message.fill(IPCBufferAccess())
        let control = ControlWord(.replyAndReceive, slot, length: message.length)
        let received = try take(control, message.registers(), reply, deadline)
        message.take(received, from: IPCBufferAccess())
        return received
    }
    private func take(
        _ control: ControlWord, _ answer: RegisterMessage, _ reply: Reply, _ deadline: Instant,
        _ slot: Slot
    ) throws(KernelError) -> Received {
        IPCBufferAccess().setReceiveSlot(slot)
        defer { IPCBufferAccess().setReceiveSlot(.none) }
        return try take(control, answer, reply, deadline)
    }
    @inline(__always) private func take(
        _ control: ControlWord, _ answer: RegisterMessage, _ reply: Reply, _ deadline: Instant
    ) throws(KernelError) -> Received {
        var words = answer.words
        let raw = unsafe swiftlet_svc_words(
            control.by(deadline).raw, UInt64(reply.slot.index), deadline.ticks, &words)
        try check(raw.result)
        return Received(raw, words)
    }

    /// Let `thread` inherit from callers that queue here; opens a closed endpoint.
    public func bindServer(_ thread: Thread) throws(KernelError) {
        try invoke(.bindServer, slot, UInt64(thread.slot.index))
    }
    /// Refuse all calls until a server is bound.
    public func close() throws(KernelError) { try invoke(.close, slot) }
}

/// The right to answer one call.
public struct Reply: Sendable {
    public let slot: Slot
    @inline(__always) public init(_ slot: Slot) { self.slot = slot }

    public func reply(_ message: RegisterMessage) throws(KernelError) {
        var words = message.words
        let raw = unsafe swiftlet_svc_words(
            ControlWord(.reply, slot, length: message.length).raw, 0, 0, &words)
        try check(raw.result)
    }
    public func reply(_ message: RegisterMessage, _ attachment: Attachment) throws(KernelError) {
        IPCBufferAccess().set(attachment)
        var words = message.words
        let raw = unsafe swiftlet_svc_words(
            ControlWord(.reply, slot: slot, message.length, attachment).raw, 0, 0, &words)
        try check(raw.result)
    }
    public func reply(_ message: inout LongMessage) throws(KernelError) {
        message.fill(IPCBufferAccess())
        var words = message.registers().words
        let raw = unsafe swiftlet_svc_words(
            ControlWord(.reply, slot, length: message.length).raw, 0, 0, &words)
        try check(raw.result)
    }
    /// Sends a typed answer, whose words from 8 on are in the buffer already.
    func reply(_ message: MessageWriter) throws(KernelError) {
        var words = message.registers.words
        let raw = unsafe swiftlet_svc_words(
            ControlWord(.reply, slot, length: message.count).raw, 0, 0, &words)
        try check(raw.result)
    }
    /// Binds the notification that is signalled when a caller leaves before its answer: its
    /// deadline passed, it was suspended, or it died. nil: none. Needs the right manage of both.
    ///
    /// - Returns: whether a caller is held now.
    /// - Throws: `invalidArgument` if there are no bits.
    @discardableResult public func bindAbandonment(
        _ notification: Notification?, bits: UInt64 = 0
    ) throws(KernelError) -> Bool {
        let slot = notification?.slot ?? .none
        return try invokeForResults(.bindAbandonment, self.slot, UInt64(slot.index), bits).w0 != 0
    }
    /// Copy from the caller's loan into own memory.
    public func loanRead(offset: UInt64, to address: UInt64, length: UInt64) throws(KernelError) {
        try invoke(.loanRead, slot, offset, address, length)
    }
    /// Copy from own memory into the caller's loan.
    public func loanWrite(
        offset: UInt64, from address: UInt64, length: UInt64
    ) throws(KernelError) {
        try invoke(.loanWrite, slot, offset, address, length)
    }
}

/// 64 bits that signallers set and a waiter takes.
public struct Notification: Sendable {
    public let slot: Slot
    @inline(__always) public init(_ slot: Slot) { self.slot = slot }

    /// Set the capability's badge, or `bits` where it has none.
    @inline(__always) public func signal(_ bits: UInt64 = 0) throws(KernelError) {
        try check(swiftlet_svc(ControlWord(.signal, slot).raw, bits, 0).result)
    }
    /// Take the bits, or wait for some.
    @inline(__always) public func wait(deadline: Instant = .never) throws(KernelError) -> UInt64 {
        let raw = swiftlet_svc(ControlWord(.wait, slot).by(deadline).raw, 0, deadline.ticks)
        try check(raw.result)
        return raw.badge
    }
    /// Takes the bits, or waits for some, at most until `deadline`. The caller does not ask which
    /// of them it was.
    @inline(__always) public func pause(until deadline: Instant = .never) {
        // A deadline that has passed is an error, too.
        do throws(KernelError) { _ = try wait(deadline: deadline) } catch {}
    }
    /// Take the bits that are there. Throws `wouldBlock` where there are none.
    @inline(__always) public func poll() throws(KernelError) -> UInt64 {
        let raw = swiftlet_svc(ControlWord(.poll, slot).raw, 0, 0)
        try check(raw.result)
        return raw.badge
    }
}

/// Let ready threads of the same priority run.
@inline(__always) public func yield() { _ = swiftlet_svc(ControlWord(.yield, Slot(0)).raw, 0, 0) }

/// The interface version of the kernel that runs.
@inline(__always) public func kernelVersion() -> UInt64 {
    var words = RegisterMessage().words
    _ = unsafe swiftlet_svc_words(ControlWord(.version, Slot(0)).raw, 0, 0, &words)
    return words.w0
}
