// The manifest's coding: what is written is read back, and no bytes whatever get past the rules.
import Testing

@testable import ServiceCores

private func user(_ task: StaticString, isWriter: Bool = true) -> SharedUser {
    SharedUser(task: Name(task), isWriter: isWriter)
}

private func sample() -> Manifest {
    var driver = TaskDescription(name: Name("pl011"), binary: Name("SerialDriver"))
    driver.start = .device
    driver.priority = 140
    driver.maximumPriority = 141
    driver.persistentBytes = 4096
    driver.registerCount = 1
    driver.interruptCount = 2
    driver.waiting = 16
    driver.sharesLine = true
    driver.core = 7
    driver.heartbeat = 2000
    driver.logLevel = .debug
    driver.provides = Name("serial")
    driver.openMethods = 0x8000_0005
    driver.opens = [
        ServiceAccess(Name("log")),
        ServiceAccess(Name("gpio.1"), methods: 0x8000_0002, resources: 1 << 63 | 5),
    ]
    driver.compatible = [
        Compatible(bytes: Array("arm,pl011".utf8)), Compatible(bytes: Array("arm,primecell".utf8)),
    ]
    driver.restart = RestartPolicy(
        maximumRestarts: 300, initialBackOff: 20, maximumBackOff: 5000, stableRun: 70000,
        onGiveUp: .keepTrying)
    var shell = TaskDescription(name: Name("shell"), binary: Name("Shell"))
    shell.order = 5
    shell.heapBytes = 65536
    shell.privileges = .systemTrace | .systemConsole
    shell.untypedBits = 20
    shell.sliceMicroseconds = 1000
    shell.priority = 9
    shell.maximumPriority = 9
    shell.budget.limit = 2000
    shell.budget.period = 70_000
    shell.budget.background = 3
    var thread = ThreadDescription(name: Name("reader"), priority: 9)
    thread.core = 3
    thread.stackBytes = 8192
    shell.threads = [thread, ThreadDescription(name: Name("writer"), priority: 0)]
    let boards = Boards(compatible: [Compatible(bytes: Array("acme,board".utf8))], isFallback: true)
    var queue = SharedDescription(name: Name("requests"), kind: .queue, capacity: 16)
    queue.itemBytes = 24
    queue.users = [user("shell"), user("pl011")]
    var ring = SharedDescription(name: Name("samples"), kind: .ring, capacity: 256)
    ring.itemBytes = 8
    ring.users = [user("pl011"), user("shell", isWriter: false)]
    var memory = SharedDescription(name: Name("state"), kind: .memory, capacity: 5000)
    memory.cells = 2
    memory.users = ring.users
    return Manifest(boards: boards, tasks: [driver, shell], shares: [queue, ring, memory])
}

private func decode(_ bytes: [UInt8]) throws(ManifestError) -> Manifest {
    try Manifest.decode(bytes.span)
}

@Suite struct ManifestTests {
    @Test func whatIsEncodedIsDecoded() throws {
        let bytes = try sample().encode()
        #expect(try Manifest.decode(bytes.span) == sample())
        #expect(try Manifest.decode(bytes.span).task(named: Name("shell"))?.heapBytes == 65536)
        #expect(try Manifest.decode(bytes.span).task(named: Name("none")) == nil)
    }

    @Test func everyPrefixIsTruncated() throws {
        let bytes = try sample().encode()
        for length in 0..<bytes.count {
            #expect(throws: ManifestError.truncated) { try decode(Array(bytes[..<length])) }
        }
        #expect(throws: ManifestError.trailingBytes) { try decode(bytes + [0]) }
    }

    @Test func headerIsChecked() throws {
        var bytes = try sample().encode()
        bytes[0] ^= 1
        #expect(throws: ManifestError.wrongMagic) { try Manifest.decode(bytes.span) }
        bytes[0] ^= 1
        bytes[8] = 12
        #expect(throws: ManifestError.wrongVersion) { try Manifest.decode(bytes.span) }
        bytes[8] = 11
        bytes[12] = 2
        #expect(throws: ManifestError.badBoards) { try Manifest.decode(bytes.span) }
        bytes[12] = 0
        bytes[25] = 65
        #expect(throws: ManifestError.tooManyTasks) { try Manifest.decode(bytes.span) }
    }

    @Test func headSaysWhichBoardsItIsFor() throws {
        let bytes = try sample().encode()
        #expect(try Manifest.boards(of: bytes.span) == sample().boards)
        let head = Array(bytes[..<25])
        #expect(try Manifest.boards(of: head.span) == sample().boards)
        #expect(throws: ManifestError.truncated) {
            try Manifest.boards(of: Array(head.dropLast()).span)
        }
    }

    @Test func theFirstNameThatIsListedIsTheRank() {
        let boards = sample().boards
        for (root, rank) in [
            ("acme,board\0", 0), ("acme,plus\0acme,board\0", 1), ("\0acme,board\0", 1),
            ("acme,boar\0", nil),
            ("acme,boards\0", nil), ("acme,board", nil), ("", nil), ("\0", nil),
        ] as [(String, Int?)] {
            let bytes = Array(root.utf8)
            #expect(boards.rank(for: bytes.span) == rank)
        }
    }

    @Test func anyChangedByteGivesAnErrorOrAManifestThatKeepsTheRules() throws {
        let bytes = try sample().encode()
        for index in bytes.indices {
            for value in [UInt8(0), 1, 0x7f, 0xff] {
                var changed = bytes
                changed[index] = value
                if let manifest = try? Manifest.decode(changed.span) {
                    #expect(try manifest.encode() == changed)
                }
            }
        }
    }

    private func error(_ change: (inout Manifest) -> Void) -> ManifestError? {
        var manifest = sample()
        change(&manifest)
        do { try manifest.check() } catch { return error }
        return nil
    }

    @Test func rulesOfSharesAreChecked() {
        func fault(_ index: Int, _ change: (inout SharedDescription) -> Void) -> SharedFault? {
            guard case .badShare(index, let fault)? = error({ change(&$0.shares[index]) }) else {
                return nil
            }
            return fault
        }
        #expect(fault(0) { $0.name = .empty } == .name)
        #expect(fault(1) { $0.name = Name("requests") } == .duplicate)
        for (index, most) in [(0, UInt32(256)), (1, 1 << 16), (2, 1 << 20)] {
            #expect(fault(index) { $0.capacity = most } == nil)
            #expect(fault(index) { $0.capacity = most + 1 } == .capacity)
            #expect(fault(index) { $0.capacity = 0 } == .capacity)
            #expect(fault(index) { $0.itemBytes = 0 } == .itemBytes)
            #expect(fault(index) { $0.itemBytes = .max } == .itemBytes)
            #expect(fault(index) { $0.users.removeLast() } == .users)
            #expect(fault(index) { $0.users[1] = $0.users[0] } == .users)
            #expect(fault(index) { $0.users.append(user("none")) } != nil)
            #expect(fault(index) { $0.users[1].task = Name("none") } == .unknownTask(Name("none")))
        }
        #expect(fault(2) { $0.itemBytes = 2 } == .itemBytes)
        #expect(fault(1) { $0.capacity = 3 } == .capacity)
        #expect(fault(0) { $0.itemBytes = 70_000 } == .bytes)
        #expect(fault(1) { $0.itemBytes = 4096 } == .bytes)
        #expect(fault(0) { $0.cells = 1 } == .cells)
        #expect(fault(1) { $0.cells = 1 } == .cells)
        #expect(fault(2) { $0.cells = 65 } == .cells)
        #expect(fault(0) { $0.users[1].isWriter = false } == .users)
        #expect(fault(1) { $0.users[1].isWriter = true } == .users)
        #expect(fault(1) { $0.users.swapAt(0, 1) } == .users)
        #expect(fault(2) { $0.users[0].isWriter = false } == .users)
        #expect(fault(2) { $0.users.swapAt(0, 1) } == nil)
        #expect(
            error { $0.tasks[1].privileges = .rootView } == .badValue(task: 1, .threads)
                || error { $0.tasks[0].privileges = .rootView }
                    == .badShare(0, .rootView(Name("pl011")))
        )
        #expect(error { $0.addShares(5) } == nil)
        #expect(error { $0.addShares(6) } == .badShare(8, .tooManyOfTask(Name("shell"))))
        #expect(error { $0.addShares(30) } == .tooManyShares)
    }

    /// The participants of all writers have room in the largest mutex set.
    @Test func aMutexSetHasRoomForTheThreadsOfAllWriters() {
        var share = SharedDescription(name: Name("all"), kind: .memory, capacity: 1)
        share.cells = 1
        share.users = (0..<SharedDescription.maximumWriters).map {
            SharedUser(task: Name("task").numbered($0), isWriter: true)
        }
        #expect(share.setBits == 8)
        share.users.removeLast(SharedDescription.maximumWriters - 1)
        #expect(share.setBits == 5)
        share.cells = 64
        #expect(share.setBits == 6)
    }

    @Test func rulesAreChecked() {
        #expect(error { _ in } == nil)
        #expect(error { $0.boards.compatible = [] } == .badBoards)
        #expect(error { $0.boards.compatible = [Compatible(bytes: [])] } == .badBoards)
        #expect(
            error { $0.boards.compatible = Array(repeating: $0.boards.compatible[0], count: 17) }
                == .badBoards)
        #expect(error { $0.tasks[1].name = $0.tasks[0].name } == .duplicate(task: 1))
        #expect(error { $0.tasks[1].provides = Name("serial") } == .duplicate(task: 1))
        #expect(
            error {
                $0.tasks[1].start = .device
                $0.tasks[1].compatible = [$0.tasks[0].compatible[1]]
            } == .duplicate(task: 1))
        #expect(error { $0.tasks[1].binary = .empty } == .badName(task: 1))
        #expect(error { $0.tasks[0].maximumPriority = 139 } == .badValue(task: 0, .maximumPriority))
        #expect(error { $0.tasks[0].stackBytes = 0 } == .badValue(task: 0, .stackBytes))
        #expect(error { $0.tasks[0].stackBytes = 4097 } == .badValue(task: 0, .stackBytes))
        #expect(error { $0.tasks[0].heapBytes = 1 } == .badValue(task: 0, .heapBytes))
        #expect(error { $0.tasks[0].persistentBytes = 8 } == .badValue(task: 0, .persistentBytes))
        #expect(error { $0.tasks[0].arenaBits = 15 } == .badValue(task: 0, .arenaBits))
        #expect(error { $0.tasks[0].untypedBits = 60 } == .badValue(task: 0, .untypedBits))
        #expect(
            error { $0.tasks[0].privileges = Privileges(raw: Privileges.known.raw + 1) }
                == .badValue(task: 0, .privileges))
        #expect(error { $0.tasks[0].restart.initialBackOff = 0 } == .badValue(task: 0, .restart))
        #expect(error { $0.tasks[0].restart.maximumBackOff = 1 } == .badValue(task: 0, .restart))
        #expect(error { $0.tasks[0].compatible = [] } == .badValue(task: 0, .compatible))
        #expect(
            error { $0.tasks[1].compatible = [Compatible(bytes: [65])] }
                == .badValue(task: 1, .compatible))
        #expect(
            error { $0.tasks[0].compatible = [Compatible(bytes: [65, 0])] }
                == .badValue(task: 0, .compatible))
        #expect(error { $0.tasks[0].opens[1].service = .empty } == .badName(task: 0))
        #expect(error { $0.tasks[0].opens[1].methods = 0 } == .badValue(task: 0, .opens))
        #expect(
            error { $0.tasks[0].opens[1].service = Name("log") } == .badValue(task: 0, .opens))
        for (count, error) in [(24, nil), (25, .badValue(task: 0, .opens))]
            as [(
                Int, ManifestError?
            )]
        {
            let opens = (0..<count).map { ServiceAccess(Name("a").numbered($0)) }
            #expect(self.error { $0.tasks[0].opens = opens } == error)
        }
        #expect(error { $0.tasks[0].heartbeat = 9 } == .badValue(task: 0, .heartbeat))
        #expect(error { $0.tasks[0].registerCount = 5 } == .badValue(task: 0, .registerCount))
        #expect(error { $0.tasks[0].waiting = 63 } == .badValue(task: 0, .waiting))
        #expect(error { $0.tasks[0].waiting = 1 } == .badValue(task: 0, .waiting))
        #expect(error { $0.tasks[0].interruptCount = 5 } == .badValue(task: 0, .interruptCount))
    }

    @Test func threadsKeepTheRules() {
        func error(_ change: (inout TaskDescription) -> Void) -> ManifestError? {
            self.error { change(&$0.tasks[1]) }
        }
        let wrong = ManifestError.badValue(task: 1, .threads)
        #expect(error { $0.threads[0].priority = 10 } == wrong)
        #expect(error { $0.threads[1].core = 8 } == wrong)
        for bytes: UInt32 in [0, 4097, 0x1_f000, .max] {
            #expect(error { $0.threads[0].stackBytes = bytes } == wrong)
        }
        #expect(error { $0.threads[0].stackBytes = 0x1_e000 } == nil)
        #expect(error { $0.threads[1].name = Name("reader") } == wrong)
        #expect(error { $0.threads[1].name = .empty } == .badName(task: 1))
        #expect(
            error {
                $0.threads = (0..<17).map {
                    ThreadDescription(name: Name("reader").numbered($0), priority: 1)
                }
            } == wrong)
        // All of them at one time, to the byte.
        var task = sample().tasks[1]
        #expect(task.threadMemory == 8448 + 10_496 + 10_880 + 10_880 + 4224)
        #expect(error { $0.untypedBits = 16 } == nil)
        for bits: UInt8 in [0, 12, 15] {
            #expect(error { $0.untypedBits = bits } == .badValue(task: 1, .threadMemory))
        }
        task.threads = []
        #expect(task.threadMemory == 0)
    }

    /// The supervisor outranks every task that does not say why, and no task outranks its watch.
    @Test func urgencyAboveTheSupervisorNeedsItsFlag() {
        func error(priority: UInt8, maximum: UInt8, isAbove: Bool) -> ManifestError? {
            self.error {
                var supervisor = TaskDescription(name: Name("guard"), binary: Name("Supervisor"))
                supervisor.provides = Name("supervisor")
                supervisor.priority = 230
                supervisor.maximumPriority = 255
                $0.tasks.append(supervisor)
                $0.tasks[0].priority = priority
                $0.tasks[0].maximumPriority = maximum
                $0.tasks[0].isAboveSupervisor = isAbove
            }
        }
        #expect(error(priority: 229, maximum: 229, isAbove: false) == nil)
        #expect(
            error(priority: 229, maximum: 229, isAbove: true)
                == .badValue(task: 0, .aboveSupervisor))
        #expect(
            error(priority: 230, maximum: 230, isAbove: false)
                == .badValue(task: 0, .aboveSupervisor))
        #expect(
            error(priority: 100, maximum: 230, isAbove: false)
                == .badValue(task: 0, .aboveSupervisor))
        #expect(error(priority: 100, maximum: 254, isAbove: true) == nil)
        #expect(error(priority: 100, maximum: 255, isAbove: true) == .badValue(task: 0, .priority))
        #expect(
            error(priority: 255, maximum: 255, isAbove: false)
                == .badValue(task: 0, .aboveSupervisor))
    }

    @Test func keepTryingNeedsARestart() {
        #expect(error { $0.tasks[0].restart.onGiveUp = .keepTrying } == nil)
        #expect(error { $0.tasks[1].restart.onGiveUp = .reboot } == nil)
        #expect(
            error { $0.tasks[1].restart.onGiveUp = .keepTrying } == .badValue(task: 1, .onGiveUp))
    }

    @Test func namesHold32BytesAndNoMore() {
        let longest = Array(repeating: UInt8(65), count: 32)
        let more = longest + [65]
        let padded = longest + [0]
        #expect(Name(bytes: longest.span)?.bytes == longest)
        #expect(Name(bytes: more.span) == nil)
        #expect(Name(bytes: padded.span)?.count == 32)
        let nothing: [UInt8] = []
        #expect(Name(bytes: nothing.span) == nil)
        #expect(Name("pl011").numbered(1).bytes == Array("pl011.1".utf8))
        #expect(Name("pl011").numbered(1).withoutNumber == Name("pl011"))
        #expect(Name("pl011").withoutNumber == Name("pl011"))
        #expect(Name("pl011").numbered(120).bytes == Array("pl011.120".utf8))
        #expect(Name("pl011") != Name("pl031"))
        #expect(Name("pl011")[32] == 0)
        #expect(Name("pl011").printable == Name("pl011"))
        #expect(Name(0x1b61_7f20_0a62, 0x41, ~0, ~0).printable == Name("b???a?"))
        #expect(Name(~0, ~0, ~0, ~0).printable.bytes == Array(repeating: 63, count: 32))
    }
}

extension Manifest {
    fileprivate mutating func addShares(_ count: Int) {
        for number in 0..<count {
            var share = shares[0]
            share.name = share.name.numbered(number)
            shares.append(share)
        }
    }
}
