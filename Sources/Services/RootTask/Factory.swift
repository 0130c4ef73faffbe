// The task factory: starts, ends and restarts tasks by the manifest, and knows all of them.

import Interfaces
import KernelABI
import Protocols
import ServiceCores
import UserRuntime

@safe struct Factory: ~Copyable {
    let boot: BootInformation
    let bundle: BundleReader
    let manifestFile: UnsafeBufferPointer<UInt8>
    var memory: RootMemory
    var slots: RootSlots
    let window: RootWindow
    /// The endpoint of this factory itself.
    let own: Slot
    /// Numbers the tasks' address spaces: one each.
    let asidPool: ASIDPool
    /// The page of `TaskNames`.
    let namesPage: Slot
    var stack: RootStack
    let console = RootConsole()
    var tasks: [TaskState] = []
    /// What tasks share, and where root keeps it; `none` for what could not be made.
    var shares: [SharedDescription] = []
    var sharesHeld: [Slot] = []
    /// Whether the faults of all tasks come here, since there is no supervisor.
    var isWatching = false
    /// Answers requests; nil while the tasks of the boot are started.
    var server: Server?
    var loads = Loads()
    var refusals = Refusals()
    /// Starts of services so far, of later lives too.
    var starts: UInt64 = 0

    // Finding

    func number(of name: Name) -> Int? {
        for index in 0..<tasks.count where tasks[index].name == name { return index }
        return nil
    }
    /// The task that answers a service.
    func provider(of service: Name) -> Int? {
        for index in 0..<tasks.count where tasks[index].service == service { return index }
        return nil
    }

    // Listing

    /// Lists a task and makes what outlives it: its endpoint.
    mutating func list(_ task: TaskState) throws(FactoryFailure) -> Int {
        if tasks.count == slots.tasks { throw FactoryFailure(.exhausted) }
        try show(task.name, number: tasks.count + 1)
        try memory.make(.endpoint, at: slots.task(tasks.count).endpoint)
        tasks.append(task)
        return tasks.count - 1
    }

    /// Puts the name of task `number` into the page of `TaskNames`.
    func show(_ name: Name, number: Int) throws(FactoryFailure) {
        do throws(KernelError) {
            unsafe try window.look(at: namesPage, in: .own) { words in
                // Safety: a task's number is at most 64, so its four words lie in the page.
                unsafe words[4 * number] = name.word0
                unsafe words[4 * number + 1] = name.word1
                unsafe words[4 * number + 2] = name.word2
                unsafe words[4 * number + 3] = name.word3
            }
        } catch { throw FactoryFailure(.kernel(error)) }
    }

    // Starting

    /// Starts task `number`, for the first time or again. What memory it lacks is reported.
    mutating func start(_ number: Int) throws(FactoryFailure) {
        do throws(FactoryFailure) { try load(number) } catch {
            if error.shortage != nil { report(tasks[number].name, error) }
            throw error
        }
    }

    private mutating func load(_ number: Int) throws(FactoryFailure) {
        if tasks[number].phase == .running || tasks[number].loading != .none {
            throw FactoryFailure(.wrongState)
        }
        tasks[number].loading = .underWay
        defer { tasks[number].loading = .none }
        let description = tasks[number].description
        guard let file = unsafe bundle.file(description.binary) else {
            throw FactoryFailure(.noSuchBinary)
        }
        let image: ElfImage
        do throws(ElfError) {
            image = try ElfImage(unsafe Span(_unsafeElements: file), permitted: TaskAddress.image)
        } catch { throw FactoryFailure(.badImage) }
        try prepare(number)
        let phase = tasks[number].phase
        let need = try arenaNeed(number, image)
        do throws(FactoryFailure) { unsafe try build(number, image, file, need) } catch {
            try? reclaim(number)
            tasks[number].phase = phase
            if error.cause != .arenaTooSmall { throw error }
            throw error.lacking(
                Shortage(needed: UInt64(need.bytes), total: 1 << UInt64(description.arenaBits)))
        }
        tasks[number].generation += 1
        if tasks[number].service == Name("supervisor") { watch(false) }
        tasks[number].progress = .ended
        announceStart(of: number)
    }

    /// Memory that is the task's for good: its arena, its persistent pages, its own untyped memory.
    /// What was made before an error stays the task's, and its next start goes on from there.
    private mutating func prepare(_ number: Int) throws(FactoryFailure) {
        let place = slots.task(number)
        let description = tasks[number].description
        if !tasks[number].hasArena {
            try memory.make(.untyped, sizeBits: Int(description.arenaBits), at: place.arena)
            tasks[number].hasArena = true
        }
        if !tasks[number].hasUntyped && description.untypedBits > 0 {
            try memory.make(
                .untyped, sizeBits: Int(description.untypedBits), at: place.untyped,
                within: tasks[number].device.memory)
            tasks[number].hasUntyped = true
        }
        let pages = Int(description.persistentBytes / 4096)
        while tasks[number].persistentPages < pages {
            let page = place.persistent(tasks[number].persistentPages)
            try memory.make(.frame, sizeBits: 12, at: page)
            tasks[number].persistentPages += 1
        }
        if !tasks[number].hasFaultHandler, let supervisor = provider(of: Name("supervisor")) {
            try makeFaultHandler(number, supervisor)
        }
    }

    /// Faults go to the supervisor; the supervisor's own come here, and all while there is none.
    mutating func makeFaultHandler(_ number: Int, _ supervisor: Int) throws(FactoryFailure) {
        let source = number == supervisor || isWatching ? own : slots.task(supervisor).endpoint
        do throws(KernelError) {
            try CapabilityTable.own.mint(
                source, to: slots.task(number).faultHandler, rights: .write | .handleFaults,
                badge: UInt64(number) + 1)
        } catch { throw FactoryFailure(.kernel(error)) }
        tasks[number].hasFaultHandler = true
    }

    /// Returns the pages of a range of registers.
    ///
    /// - Throws: `registersTooLarge` if a driver's address space has no room for them,
    ///   `noSuchDevice` if they end beyond 64 bits.
    private func registerPages(
        _ range: (base: UInt64, size: UInt64)
    ) throws(FactoryFailure) -> RegisterPages {
        guard let pages = RegisterPages(base: range.base, size: range.size) else {
            throw FactoryFailure(.noSuchDevice)
        }
        if pages.count > TaskAddress.registerStride / 4096 {
            throw FactoryFailure(.registersTooLarge)
        }
        return pages
    }

    /// What the arena of a task must hold.
    func arenaNeed(_ number: Int, _ image: ElfImage) throws(FactoryFailure) -> ArenaNeed {
        let device = tasks[number].device
        var registerPages: UInt64 = 0
        for range in device.registers where memory.registers(from: range.base) == nil {
            registerPages += try self.registerPages(range).count
        }
        return ArenaNeed(
            tasks[number].description, image, registerPages: Int(registerPages),
            lines: device.lines.count, treeBytes: Int(boot.deviceTreeSize),
            shares: parts(of: number).isEmpty ? [] : shares)
    }

    private mutating func build(
        _ number: Int, _ image: ElfImage, _ file: UnsafeBufferPointer<UInt8>, _ need: ArenaNeed
    ) throws(FactoryFailure) {
        let task = tasks[number]
        let place = slots.task(number)
        var builder = TaskBuilder(
            slots: place, frame: slots.frame, pageTable: slots.pageTable, window: window,
            asidPool: asidPool)
        let isBoxed = task.description.privileges.contains(.rootView)
        try builder.makeObjects(
            tableBits: task.description.tableBits, holdingBits: need.holdingBits)
        if !isBoxed { try builder.makeServerObjects(waiting: Int(task.description.waiting)) }
        unsafe try builder.load(image, file) { pause(number) }
        tasks[number].stackStart = try builder.makeStack(pages: task.stackPages) { pause(number) }
        tasks[number].lowestStackPage = task.stackPages - 1
        try builder.makeHeap(pages: Int(task.description.heapBytes / 4096)) { pause(number) }
        for page in 0..<Int(task.description.persistentBytes / 4096) {
            try builder.share(
                place.persistent(page), at: TaskAddress.persistent + UInt64(page * 4096),
                .read | .write)
        }
        if task.description.privileges.contains(.deviceTree) { try copyTree(number, &builder) }
        if task.description.privileges.contains(.taskNames) {
            try builder.share(namesPage, at: TaskAddress.taskNames, .read)
        }
        try mapShares(number, &builder)
        let registers = try giveDevice(number, &builder)
        if isBoxed {
            try giveRootView(number, &builder, image)
        } else {
            try giveInformation(number, &builder, registers)
        }
        try giveBuffer(number, &builder)
        tasks[number].held = builder.held
        if isBoxed { try giveRootCapabilities(number) } else { try giveCapabilities(number) }
        if tasks[number].loading == .withdrawn { throw .withdrawal }
        tasks[number].phase = .running
        if isBoxed { signalSupervisor(RootSignal.machineTaken) }
        do throws(FactoryFailure) { try run(number, image.entry) } catch {
            // It does not take the machine after all.
            if isBoxed { signalSupervisor(RootSignal.started) }
            throw error
        }
    }

    private mutating func copyTree(
        _ number: Int, _ builder: inout TaskBuilder
    ) throws(FactoryFailure) {
        let size = Int(boot.deviceTreeSize)
        var start = 0
        while start < size {
            let count = min(4096, size - start)
            let from = UInt(boot.deviceTreeAddress) + UInt(start)
            let page = TaskAddress.deviceTree + UInt64(start)
            _ = unsafe try builder.page(at: page, .read) { words in
                // Safety: the kernel mapped the tree's bytes there.
                let source = unsafe UnsafeRawBufferPointer(
                    start: UnsafeRawPointer(bitPattern: from), count: count)
                unsafe UnsafeMutableRawBufferPointer(words).copyMemory(from: source)
            }
            pause(number)
            start += 4096
        }
    }

    /// Registers and lines of the task's device; the addresses at which the registers stand, 0 for
    /// those that only the kernel may map.
    private func giveDevice(
        _ number: Int, _ builder: inout TaskBuilder
    ) throws(FactoryFailure) -> InlineArray<4, UInt64> {
        var addresses = InlineArray<4, UInt64>(repeating: 0)
        let device = tasks[number].device
        for index in 0..<device.registers.count {
            let range = device.registers[index]
            if let window = memory.registers(from: range.base), index < 3 {
                let table = CapabilityTable(slots.task(number).table)
                try builder.kernel { () throws(KernelError) in
                    try CapabilityTable.own.copy(window, to: StartSlot.registers(index), in: table)
                }
                continue
            }
            let at = TaskAddress.registers + UInt64(index) * TaskAddress.registerStride
            let pages = try registerPages(range)
            for page in 0..<pages.count {
                guard let region = memory.deviceRegion(pages.first + page * 4096) else {
                    throw FactoryFailure(.noSuchDevice)
                }
                try builder.mapRegisters(region, at: at + page * 4096)
            }
            addresses[index] = at + (range.base - pages.first)
        }
        let place = slots.task(number)
        for index in 0..<device.lines.count {
            let (line, trigger) = device.lines[index]
            try builder.kernel { () throws(KernelError) in
                try InterruptControl(RootSlot.interruptControl).create(
                    line: line, trigger, from: Untyped(place.arena), index: place.interrupt(index))
                try CapabilityTable.own.copy(
                    place.interrupt(index), to: Slot(StartSlot.interrupt.index + UInt32(index)),
                    in: CapabilityTable(place.table))
            }
        }
        return addresses
    }

    private func giveInformation(
        _ number: Int, _ builder: inout TaskBuilder, _ registers: InlineArray<4, UInt64>
    ) throws(FactoryFailure) {
        let task = tasks[number]
        var information = StartInformation()
        information.task = UInt64(number) + 1
        information.generation = UInt64(task.generation) + 1
        information.heapBytes = UInt64(task.description.heapBytes)
        information.stackBytes = UInt64(task.description.stackBytes)
        information.persistentBytes = UInt64(task.description.persistentBytes)
        if task.description.privileges.contains(.deviceTree) {
            information.deviceTreeBytes = boot.deviceTreeSize
        }
        information.registerRanges = UInt64(task.device.registers.count)
        information.registers = registers
        information.interrupts = UInt64(task.device.lines.count)
        information.variant = task.device.variant
        information.memory = task.device.memory
        information.logLevel = UInt64(task.description.logLevel.rawValue)
        information.heartbeatTicks = Duration.milliseconds(UInt64(task.description.heartbeat)).ticks
        information.untypedBits = UInt64(task.description.untypedBits)
        let waiting = Int(task.description.waiting)
        let clients = clients(of: number)
        information.waiting = UInt64(waiting)
        information.waitingOfClient = UInt64(CallerLimits.ofClient(waiting, clients: clients))
        information.parameterCount = UInt64(task.device.parameters.count)
        for index in 0..<task.device.parameters.count {
            information.parameters[index] = task.device.parameters[index]
        }
        information.name = [task.name.word0, task.name.word1, task.name.word2, task.name.word3]
        let page = information
        let threads = task.description.threads
        let rules = task.service.isEmpty ? [] : listedTasks.resourceRules(of: task.service)
        let (shares, descriptions) = (parts(of: number), self.shares)
        _ = unsafe try builder.page(at: TaskAddress.information, .read) { words in
            // Safety: the structure is smaller than a quarter of the page, and the page is aligned.
            unsafe UnsafeMutableRawPointer(words.baseAddress.unsafelyUnwrapped).storeBytes(
                of: page, as: StartInformation.self)
            let firstRule = Int(TaskAddress.resourceRules - TaskAddress.information) / 8
            // Safety: the manifest has no more rules of a service than there is room for.
            for (index, rule) in rules.enumerated() {
                unsafe (words[firstRule + 2 * index], words[firstRule + 2 * index + 1]) = rule.words
            }
            let start = Int(TaskAddress.listedThreads - TaskAddress.information) / 8
            unsafe words[start] = UInt64(threads.count)
            for index in 0..<threads.count {
                let at = start + 1 + ListedThread.words * index
                let thread = ListedThread(threads[index])
                // Safety: the manifest has at most 16 threads a task, so all of them fit.
                for word in 0..<4 { unsafe words[at + word] = thread.name[word] }
                unsafe words[at + 4] = thread.word
            }
            unsafe Factory.list(shares, of: descriptions, in: words)
        }
    }

    private func giveBuffer(_ number: Int, _ builder: inout TaskBuilder) throws(FactoryFailure) {
        let place = slots.task(number)
        try builder.kernel { () throws(KernelError) in
            try Untyped(place.arena).retype(.frame, sizeBits: 12, index: place.ipcBuffer)
        }
        try builder.map(place.ipcBuffer, at: TaskAddress.ipcBuffer, .read | .write)
    }
}
