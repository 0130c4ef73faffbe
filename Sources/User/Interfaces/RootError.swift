// Why the root task refuses a request. All of its services throw this error.

/// The reason why the root task refuses a request to one of its services.
public enum RootError: ServiceError {
    /// No task of that number or name.
    case noSuchTask
    /// The bundle has no such file.
    case noSuchBinary
    /// The file is not a task's ELF file.
    case badImage
    /// Too little memory.
    case noMemory
    /// The task runs already, or does not run.
    case wrongState
    /// The client's manifest entry does not list it.
    case notPermitted
    /// The request makes no sense.
    case badRequest
    /// No service of that name, or its task was never started.
    case noSuchService
    /// Too many tasks, interrupts, services or requests.
    case exhausted
    /// The device's registers or its line cannot be had.
    case noSuchDevice
    /// Another driver has a page of the device's registers, or its line, and not both say that
    /// they share it.
    case deviceTaken
    /// Registers of other devices lie in the same page, and the driver's manifest entry does not
    /// say `shares_page`.
    case pageShared
    /// The task's arena is too small for it.
    case arenaTooSmall
    /// A range of the device's registers lies in more pages than a driver's address space has room
    /// for: 64.
    case registersTooLarge
    /// That processor core does not run, or there is no other item of that number.
    case nothingThere
    /// The kernel refused a step, for this reason.
    case kernel(KernelError)

    /// 1 to 255, or that of the kernel's error.
    public var rawValue: UInt16 {
        switch self {
        case .noSuchTask: 1
        case .noSuchBinary: 2
        case .badImage: 3
        case .noMemory: 4
        case .wrongState: 5
        case .notPermitted: 6
        case .badRequest: 7
        case .noSuchService: 8
        case .exhausted: 10
        case .noSuchDevice: 11
        case .deviceTaken: 12
        case .pageShared: 13
        case .arenaTooSmall: 14
        case .registersTooLarge: 15
        case .nothingThere: 16
        case .kernel(let error): error.serviceError
        }
    }
    public init?(rawValue: UInt16) {
        switch rawValue {
        case 1: self = .noSuchTask
        case 2: self = .noSuchBinary
        case 3: self = .badImage
        case 4: self = .noMemory
        case 5: self = .wrongState
        case 6: self = .notPermitted
        case 7: self = .badRequest
        case 8: self = .noSuchService
        case 10: self = .exhausted
        case 11: self = .noSuchDevice
        case 12: self = .deviceTaken
        case 13: self = .pageShared
        case 14: self = .arenaTooSmall
        case 15: self = .registersTooLarge
        case 16: self = .nothingThere
        default:
            guard let error = KernelError(serviceError: rawValue) else { return nil }
            self = .kernel(error)
        }
    }

    /// A new case has a new version.
    public static var shape: UInt64 {
        var hash = InterfaceHash("RootError", version: 1)
        hash.add(KernelError.shape)
        return hash.raw
    }

    public var text: StaticString {
        switch self {
        case .noSuchTask: "no such task"
        case .noSuchBinary: "no such file in the bundle"
        case .badImage: "not a task's ELF file"
        case .noMemory: "too little memory"
        case .arenaTooSmall: "its arena is too small"
        case .wrongState: "wrong state"
        case .notPermitted: "not permitted"
        case .badRequest: "bad request"
        case .noSuchService: "no such service"
        case .kernel(let error): error.text
        case .exhausted: "no room for one more task or request"
        case .noSuchDevice: "the device's registers are not there"
        case .registersTooLarge: "a range of the device's registers is larger than 256 KiB"
        case .deviceTaken: "another driver has its registers or its line"
        case .pageShared:
            "other devices have registers in its page (see shares_page)"
        case .nothingThere: "nothing is there"
        }
    }
}

extension RootError {
    /// Creates the error of a call to the root task that failed.
    public init(_ failure: SystemError) {
        if let error = failure.of(RootError.self) {
            self = error
        } else if case .kernel(let error) = failure {
            self = .kernel(error)
        } else {
            self = .notPermitted
        }
    }
}

extension SystemError {
    /// The root task's reason, for people.
    public var reason: StaticString { of(RootError.self)?.text ?? text }
}
