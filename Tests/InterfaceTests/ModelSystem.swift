// A model of the kernel with one client and one server. A call runs the server until it waits.

import CUserEntry
import Interfaces
import Testing

final class ModelSystem {
    var task = SampleTask()
    private var loop: Server?
    /// Performs a request in the sample's place.
    private let other: ((Received, inout Server) -> Void)?
    private let firstReply: Int
    private let buffer = UnsafeMutablePointer<UInt64>.allocate(capacity: 512)
    /// The words of the request that the server receives next.
    private var request: [UInt64]?
    private var isOneWay = false
    /// The reply object that got its caller.
    private var asking = 0
    /// What the server answered, by the number of the reply object.
    var answers: [Int: [UInt64]] = [:]
    /// Reply objects that hold a caller.
    private var callers: Set<Int> = []
    /// The bits that tell when a reply object's caller goes, and those that have come.
    private var bells: [Int: UInt64] = [:]
    private var bits: UInt64 = 0
    /// What the client gets in place of the server's answer.
    var forged: [UInt64]?
    /// The server does not run.
    var isSilent = false

    /// What the client lends.
    private var loan: (address: UInt64, length: UInt64, rights: Rights) = (0, 0, .none)
    /// What the client sends.
    private(set) var sent: [Slot] = []
    /// The kind of the capability that arrives.
    var arrived = ObjectKind.notification
    /// Where the server has put it.
    private(set) var kept: Slot?
    static let arrival = Slot(90)
    /// The slot whose capability the server gave to its caller, and what the client finds then.
    private(set) var given: Slot?
    var arrivedAtClient = ObjectKind.notification
    /// The server's slot is empty: the kernel refuses the answer.
    var hasNothingToGive = false
    private(set) var deleted: [Slot] = []

    static let client = Endpoint(Slot(77))
    /// A client that may call every method.
    static let badge = ClientBadge(task: 9).raw
    /// The badge of the client that calls.
    var caller = ModelSystem.badge

    init(
        waiting: Int = CallerLimits.least, serving other: ((Received, inout Server) -> Void)? = nil
    ) {
        self.other = other
        firstReply = Int(StartSlot.replies(waiting: waiting).index)
        buffer.initialize(repeating: 0, count: 512)
        swiftlet_model_kernel(
            { context, registers in
                let system = Unmanaged<ModelSystem>.fromOpaque(context).takeUnretainedValue()
                system.perform(registers)
            }, Unmanaged.passRetained(self).toOpaque(),
            IPCBuffer.threadPointer(UInt64(UInt(bitPattern: buffer))))
        var information = StartInformation()
        information.waiting = UInt64(waiting)
        information.waitingOfClient = UInt64(waiting)
        loop = Server(information, receiving: ModelSystem.arrival)
    }

    private func perform(_ x: UnsafeMutablePointer<UInt64>) {
        let control = ControlWord(raw: x[0])
        let place = Int(control.slot.index) - firstReply
        let words = (0..<control.length).map { $0 < 8 ? x[3 + $0] : buffer[$0] }
        switch control.systemCall {
        case .invoke where control.method == .bindAbandonment:
            x[0] = 0
            bells[place] = x[1] == UInt64(Slot.none.index) ? 0 : x[2]
            x[3] = callers.contains(place) ? 1 : 0
        case .invoke where control.method == .describe:
            x[0] = 0
            let kind: ObjectKind =
                switch Slot(UInt32(x[1])) {
                case ModelSystem.arrival: arrived
                case given: arrivedAtClient
                default: .null
                }
            x[3] = UInt64(kind.rawValue)
        case .invoke where control.method == .delete:
            x[0] = 0
            deleted.append(Slot(UInt32(x[1])))
        case .invoke where control.method == .move:
            x[0] = 0
            kept = Slot(UInt32(x[3]))
        case .invoke where control.method == .loanRead || control.method == .loanWrite:
            let error = copy(x, isRead: control.method == .loanRead)
            x[0] = error.map { ResultWord(error: $0).raw } ?? 0
        case .call, .send:
            loan =
                control.hasLoan
                ? (
                    buffer[IPCBuffer.loanAddress / 8], buffer[IPCBuffer.loanLength / 8],
                    Rights(raw: UInt8(buffer[IPCBuffer.loanRights / 8]))
                ) : (0, 0, .none)
            sent = (0..<control.capabilityCount).map {
                Slot(UInt32(buffer[IPCBuffer.sendSlots / 8 + $0]))
            }
            given = nil
            let receiving = Slot(UInt32(buffer[IPCBuffer.receiveSlots / 8]))
            finish(x, exchange(words, isOneWay: control.systemCall == .send))
            if given != nil { given = receiving }
        case .reply where control.capabilityCount > 0 && hasNothingToGive:
            x[0] = ResultWord(error: .invalidCapability).raw
        case .reply:
            x[0] = 0
            if control.capabilityCount > 0 { given = Slot(UInt32(buffer[IPCBuffer.sendSlots / 8])) }
            answer(place, words)
        case .replyAndReceive:
            answer(Int(x[1]) - firstReply, words)
            receive(x)
        case .receive: receive(x)
        default: x[0] = 0
        }
    }

    /// Runs the server with a request until it waits again, and returns its answer to it.
    func exchange(_ words: [UInt64], isOneWay: Bool = false) -> [UInt64]? {
        if isSilent { return nil }
        request = words
        self.isOneWay = isOneWay
        answers = [:]
        while let received = loop!.next(by: .immediately) {
            if let other {
                other(received, &loop!)
            } else {
                SampleInterface.perform(received, for: &task, &loop!)
            }
        }
        return forged ?? answers[asking]
    }
    /// The same with lent bytes, and no capability.
    func exchange(_ words: [UInt64], lending bytes: [UInt8]) -> [UInt64]? {
        bytes.withUnsafeBytes { memory in
            let address = UInt64(UInt(bitPattern: memory.baseAddress))
            loan = (address, UInt64(memory.count), .read)
            defer { loan = (0, 0, .none) }
            return exchange(words)
        }
    }
    /// The caller that a reply object holds goes, and the server hears of it.
    func leave(_ place: Int) {
        callers.remove(place)
        bits |= bells[place] ?? 0
        while let received = loop!.next(by: .immediately) {
            #expect(received.delivery == .notification)
        }
    }
    private func answer(_ place: Int, _ words: [UInt64]) {
        if callers.remove(place) != nil { answers[place] = words }
    }
    private func receive(_ x: UnsafeMutablePointer<UInt64>) {
        if bits != 0 {
            x[0] = ResultWord(.notification).raw
            x[1] = bits
            bits = 0
            return
        }
        guard let words = request else {
            x[0] = ResultWord(error: .timedOut).raw
            return
        }
        request = nil
        let place = Int(x[1]) - firstReply
        if !isOneWay { callers.insert(place) }
        asking = place
        x[0] =
            ResultWord(
                isOneWay ? .oneWay : .message,
                message: UInt64(words.count) << 32 | UInt64(sent.count) << 48
            ).raw
        x[2] = loan.length
        x[1] = caller
        deliver(words, x)
    }
    private func copy(_ x: UnsafeMutablePointer<UInt64>, isRead: Bool) -> KernelError? {
        if !loan.rights.contains(isRead ? .read : .write) { return .missingRights }
        let (offset, length) = (x[1], x[3])
        if offset + length > loan.length { return .invalidArgument }
        let theirs = UnsafeMutableRawPointer(bitPattern: UInt(loan.address + offset))!
        let own = UnsafeMutableRawPointer(bitPattern: UInt(x[2]))!
        (isRead ? own : theirs).copyMemory(from: isRead ? theirs : own, byteCount: Int(length))
        return nil
    }
    /// What registers and buffer hold behind the message is nobody's.
    private func deliver(_ words: [UInt64], _ x: UnsafeMutablePointer<UInt64>) {
        for index in 0..<128 {
            let word = index < words.count ? words[index] : 0x5555
            if index < 8 { x[3 + index] = word } else { buffer[index] = word }
        }
    }
    /// What the client's call ends with.
    private func finish(_ x: UnsafeMutablePointer<UInt64>, _ words: [UInt64]?) {
        if isOneWay {
            x[0] = 0
        } else if let words {
            let count: UInt64 = given == nil ? 0 : 1
            x[0] = ResultWord(.message, message: UInt64(words.count) << 32 | count << 48).raw
            deliver(words, x)
        } else {
            x[0] = ResultWord(error: .timedOut).raw
        }
    }
}
