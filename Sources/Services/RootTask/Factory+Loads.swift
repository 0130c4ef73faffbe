// Requests that have a task loaded, and those that are answered meanwhile.
//
// Loading takes long: whoever calls meanwhile lends this task its priority, and would wait for all
// of it, and so would everybody less urgent. So between two pages those who wait are answered:
// nobody waits for more than a page. Only a request that loads a task itself must wait, and its
// caller's priority then counts for the rest. A restart that is more urgent than what is being
// loaded does not wait: it is loaded between two of its pages.

import Interfaces
import KernelABI
import Protocols
import ServiceCores
import UserRuntime

/// Requests that have a task loaded, in the order in which they came.
struct Loads: ~Copyable {
    enum Request {
        case start(Name)
        case restart(UInt16, argument: Name)
        case driver(DriverRequest)
    }
    private var requests: [Request] = []
    private var callers = Waiting<StartedTask, RootError>()
    /// Counts the requests.
    private var count: UInt64 = 0
    /// The places that are taken: of the requests, and of what is being loaded.
    private var taken = 0

    /// Callers that this task keeps waiting: more than there are tasks that may have others loaded.
    /// The last place is for a caller that is answered at once.
    static let places = 5

    var isEmpty: Bool { requests.isEmpty }

    /// Keeps a request, or refuses it where all places are taken.
    mutating func add(
        _ request: Request, _ caller: consuming Caller<StartedTask, RootError>
    ) {
        if taken >= Loads.places - 1 { return caller.refuse(.exhausted) }
        taken += 1
        count += 1
        requests.append(request)
        callers.insert(caller, at: count)
    }
    /// Takes the first request. `answer` is for its caller.
    mutating func takeFirst() -> Request? {
        requests.isEmpty ? nil : requests.removeFirst()
    }
    /// Tells the caller of the request that was taken what became of it.
    mutating func answer(_ result: Result<StartedTask, RootError>) {
        taken -= 1
        guard let caller = callers.takeFirst() else { return }
        switch result {
        case .success(let task): caller.answer(task)
        case .failure(let error): caller.refuse(error)
        }
    }
}

extension Factory {
    mutating func openServer() throws(FactoryFailure) {
        guard let first = slots.own() else { throw FactoryFailure(.exhausted) }
        try memory.make(.reply, at: first)
        for number in 1...Loads.places {
            guard let slot = slots.own(), slot.index == first.index + UInt32(number) else {
                throw FactoryFailure(.exhausted)
            }
            try memory.make(.reply, at: slot)
        }
        server = Server(Endpoint(own), replies: first, waiting: Loads.places)
    }

    /// Between two pages of task `number`: answers who waits, and starts what is more urgent.
    mutating func pause(_ number: Int) {
        answerWaiting()
        while stack.remainingBytes > Factory.stackOfLoad, let other = nextStart,
            tasks[other].description.priority > tasks[number].description.priority
        { startBegun(other) }
    }

    /// Bytes of this task's stack that a load within another one must find; one that does not find
    /// them waits. It takes less than 12 KiB, and all that is done in its pauses less than 27 KiB.
    private static var stackOfLoad: UInt { 65_536 }

    /// Answers who waits.
    mutating func answerWaiting() {
        while let received = server?.next(by: .immediately) { take(received) }
    }

    /// Performs the first of the requests that have a task loaded.
    ///
    /// - Returns: whether there was one.
    mutating func performLoad() -> Bool {
        guard let request = loads.takeFirst() else { return false }
        let result: Result<StartedTask, RootError>
        do throws(FactoryFailure) { result = .success(try load(request)) } catch {
            result = .failure(error.cause)
        }
        loads.answer(result)
        return true
    }

    private mutating func load(_ request: Loads.Request) throws(FactoryFailure) -> StartedTask {
        let started: Int
        switch request {
        case .start(let name):
            guard let number = number(of: name) else { throw FactoryFailure(.noSuchTask) }
            started = number
            try start(started)
        case .restart(let task, let argument):
            started = try index(of: task)
            if !argument.isEmpty && !tasks[started].description.privileges.contains(.rootView) {
                throw FactoryFailure(.badRequest)
            }
            tasks[started].argument = argument
            tasks[started].life = nil
            try start(started)
        case .driver(let request): started = try startDriver(request)
        }
        return StartedTask(
            number: UInt16(started + 1), generation: tasks[started].generation)
    }
}
