// Requests that have a task loaded, and those that are answered meanwhile.
//
// Loading a task takes long. A caller that waits meanwhile lends the root task its priority, and
// everybody less urgent would wait for all of the load. So the root task answers waiting callers
// between two pages: a caller waits for a page at most, and for the callers before it. A request
// that loads a task waits itself, and its caller's priority counts until the answer. A restart that
// is more urgent than the present load does not wait: it is loaded between two pages.
//
// Neither side can starve the other. Between two pages the root task answers a few requests, then
// it goes on loading, however many requests other cores send. A client has a part of the places for
// loads and no more.

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

        /// Whether it starts the task of a number and name.
        func starts(_ number: UInt16, _ name: Name) -> Bool {
            switch self {
            case .start(let other): other == name
            case .restart(let other, _): other == number
            case .driver(let driver): Name(driver.name.nameWords) == name
            }
        }
    }
    private struct Entry {
        let request: Request
        /// Its caller waits under this number.
        let number: UInt64
        /// The manifest entry of its client: tasks for several devices share one part.
        let client: Name
    }
    private var entries: [Entry] = []
    /// Whether the first request is being performed; the others wait.
    private var isPerforming = false
    private var callers = Waiting<StartedTask, RootError>()
    /// Counts the requests.
    private var count: UInt64 = 0
    /// Requests that can wait or be performed, and how many of one client.
    let places: Int
    let ofClient: Int

    /// - Parameter clients: manifest entries that may have tasks loaded.
    init(clients: Int = 1) {
        places = min(Loads.perClient * max(clients, 1), CallerLimits.most - 1)
        ofClient = CallerLimits.ofClient(places, clients: clients)
    }
    private static var perClient: Int { 2 }

    var isEmpty: Bool { entries.isEmpty }

    /// Keeps a request, or refuses it if its client has its part of the places.
    mutating func add(
        _ request: Request, of client: Name, _ caller: consuming Caller<StartedTask, RootError>
    ) {
        if entries.count >= places || entries.count(where: { $0.client == client }) >= ofClient {
            return caller.refuse(.exhausted)
        }
        count += 1
        entries.append(Entry(request: request, number: count, client: client))
        callers.insert(caller, at: count)
    }

    /// Begins with the first request. It keeps its place until `answer`.
    mutating func takeFirst() -> Request? {
        guard let first = entries.first else { return nil }
        isPerforming = true
        return first.request
    }

    /// Answers the caller of the request that was taken, unless the caller has gone.
    mutating func answer(_ result: Result<StartedTask, RootError>) {
        if !isPerforming { return }
        isPerforming = false
        guard let caller = callers.take(at: entries.removeFirst().number) else { return }
        switch result {
        case .success(let task): caller.answer(task)
        case .failure(let error): caller.refuse(error)
        }
    }

    /// Refuses the waiting requests that would start a task.
    ///
    /// - Returns: whether there was one.
    mutating func withdraw(_ number: UInt16, _ name: Name) -> Bool {
        var isFound = false
        for index in waiting.reversed() where entries[index].request.starts(number, name) {
            callers.take(at: entries.remove(at: index).number)?.refuse(.wrongState)
            isFound = true
        }
        return isFound
    }

    /// Discards the waiting requests whose callers have gone. A load under way goes on.
    mutating func forgetGone() {
        if !callers.forgetGone() { return }
        for index in waiting.reversed() where !callers.contains(entries[index].number) {
            entries.remove(at: index)
        }
    }

    /// The places of the requests that wait.
    private var waiting: Range<Int> { (isPerforming ? 1 : 0)..<entries.count }
}

extension Factory {
    mutating func openServer() throws(FactoryFailure) {
        loads = Loads(clients: clientsOfLoads)
        guard let bell = slots.own(), let first = slots.own() else {
            throw FactoryFailure(.exhausted)
        }
        try memory.make(.notification, at: bell)
        do throws(KernelError) {
            try Thread(RootSlot.thread).bindNotification(Notification(bell))
        } catch { throw FactoryFailure(.kernel(error)) }
        try memory.make(.reply, at: first)
        // One place more, for a caller that is answered at once.
        let places = loads.places + 1
        for number in 1...places {
            guard let slot = slots.own(), slot.index == first.index + UInt32(number) else {
                throw FactoryFailure(.exhausted)
            }
            try memory.make(.reply, at: slot)
        }
        server = Server(
            Endpoint(own), replies: first, waiting: places, ofClient: loads.ofClient + 1,
            bell: Notification(bell))
    }

    /// The manifest entries that may have tasks loaded.
    private var clientsOfLoads: Int {
        listedTasks.count { description in
            description.methods(of: .tasks) & TasksInterface.answeredLater != 0
                || description.methods(of: .drivers) & DriversInterface.answeredLater != 0
        }
    }

    /// Keeps a request that has a task loaded.
    mutating func add(
        _ request: Loads.Request, _ caller: consuming Caller<StartedTask, RootError>
    ) {
        let client = try? index(of: UInt16(truncatingIfNeeded: caller.client.task))
        loads.add(request, of: client.map { tasks[$0].description.name } ?? .empty, caller)
    }

    /// Between two pages of task `number`: answers waiting callers, and starts more urgent tasks.
    mutating func pause(_ number: Int) {
        answerWaiting()
        while stack.remainingBytes > Factory.stackOfLoad, let other = nextStart,
            tasks[other].description.priority > tasks[number].description.priority
        { startBegun(other) }
    }

    /// Bytes of this task's stack that a load within another one must find; one that does not find
    /// them waits. It takes less than 16 KiB, and all that is done in its pauses less than 27 KiB.
    private static var stackOfLoad: UInt { 65_536 }

    /// Requests and faults that are answered before the root task goes on with its own work.
    static var answersAtOnce: Int { 8 }

    /// Answers requests and faults that wait, the most urgent first: `answersAtOnce` at most.
    ///
    /// Not inlined: a load within a load shall not take its stack each time.
    @inline(never) mutating func answerWaiting() {
        for _ in 0..<Factory.answersAtOnce {
            guard let received = server?.next(by: .immediately) else { return }
            take(received)
        }
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
        // The task may have been begun, too, and the root task was as urgent for that.
        setUrgency()
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
            try restart(started, argument)
        case .driver(let request): started = try startDriver(request)
        }
        return StartedTask(
            number: UInt16(started + 1), generation: tasks[started].generation)
    }

    /// Starts a task again by hand: its former deaths count no more. Nothing changes if it does not
    /// start.
    private mutating func restart(_ number: Int, _ argument: Name) throws(FactoryFailure) {
        if !argument.isEmpty && !tasks[number].description.privileges.contains(.rootView) {
            throw FactoryFailure(.badRequest)
        }
        let former = tasks[number].argument
        tasks[number].argument = argument
        do throws(FactoryFailure) { try start(number) } catch {
            tasks[number].argument = former
            throw error
        }
        tasks[number].life = nil
    }
}
