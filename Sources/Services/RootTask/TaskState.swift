// What the root task knows of each task, running or not.

import Interfaces
import KernelABI
import Protocols
import ServiceCores
import UserRuntime

/// The part of a device that a driver task holds.
struct DeviceShare {
    var registers: [(base: UInt64, size: UInt64)] = []
    var lines: [(line: Int, trigger: Trigger)] = []
    /// Which of its driver's `compatible` values the device has.
    var variant: UInt64 = 0
    var memory = DMAWindow()
    /// For the driver alone: `StartInformation.parameters`.
    var parameters: [UInt64] = []

    init() {}
}

/// Whether a task is being loaded.
enum Loading {
    case none
    case underWay
    /// Somebody had it killed: it is not to run.
    case withdrawn
}

struct TaskState {
    var name: Name
    /// The service that this very task answers.
    var service: Name
    let description: TaskDescription
    var phase = TaskPhase.waiting
    var generation: UInt32 = 0
    /// The number of its last start among those of all services; 0: it has not started, or provides
    /// none.
    var lastStart: UInt64 = 0
    var device = DeviceShare()
    /// What it was started with, for a task with the root task's view.
    var argument = Name.empty
    /// The core to which it was moved; nil: the manifest decides.
    var core: UInt8?
    /// What became of the last `begin`.
    var progress = StartProgress.ended
    var loading = Loading.none
    /// Its deaths and restarts, as far as this task deals with them: the supervisor's, and all
    /// while there is no supervisor.
    var life: RestartState?
    /// The bits of its own notification that tell it of a service's end and start, by the number of
    /// the service's task.
    var lifeSignals: [(provider: Int, bits: UInt64)] = []
    /// Number of frames and tables in the holding table, of this generation.
    var held: UInt32 = 0
    /// Place in the holding table of the stack's lowest page.
    var stackStart: UInt32 = 0
    /// The lowest page of the stack, from 0, that is known to have been in use.
    var lowestStackPage = 0
    var hasArena = false
    var hasUntyped = false
    /// Persistent pages that were made, the lowest first.
    var persistentPages = 0
    var hasFaultHandler = false

    init(_ description: TaskDescription) {
        self.description = description
        name = description.name
        service = description.provides
    }
    /// Has this task told, from now on, when another one ends or starts again.
    ///
    /// - Returns: whether there was room.
    mutating func signalLife(of provider: Int, _ bits: UInt64) -> Bool {
        if let there = lifeSignals.firstIndex(where: { $0.provider == provider }) {
            lifeSignals[there].bits = bits
            return true
        }
        // Instances of one service count each.
        if lifeSignals.count >= 2 * TaskDescription.maximumOpens { return false }
        lifeSignals.append((provider, bits))
        return true
    }
    func lifeBits(of provider: Int) -> UInt64 {
        lifeSignals.first { $0.provider == provider }?.bits ?? 0
    }
    var stackPages: Int { Int(description.stackBytes / 4096) }
}
