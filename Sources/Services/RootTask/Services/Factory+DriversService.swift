// The service `drivers`: drivers for devices, and which of them may have which registers and lines.

import Interfaces
import KernelABI
import Protocols
import ServiceCores
import UserRuntime

extension Factory: DriversServer {
    mutating func manifest(
        from start: UInt64, into bytes: borrowing LentForWriting<UInt8>, _ client: ClientBadge
    ) throws(RootError) -> ManifestPart {
        let size = unsafe manifestFile.count
        let offset = Int(min(start, UInt64(size)))
        let count = min(size - offset, bytes.count)
        if count > 0 {
            // Safety: the kernel mapped the bundle there, for good.
            let part = unsafe UnsafeBufferPointer(rebasing: manifestFile[offset..<offset + count])
            do throws(KernelError) { try bytes.write(unsafe part.span) } catch {
                throw .kernel(error)
            }
        }
        return ManifestPart(bytes: UInt32(count), whole: UInt64(size))
    }

    mutating func start(
        _ driver: DriverRequest, _ caller: consuming Caller<StartedTask, RootError>
    ) {
        add(.driver(driver), caller)
    }

    /// Starts a driver. Its index among the tasks.
    mutating func startDriver(_ request: DriverRequest) throws(FactoryFailure) -> Int {
        guard let entry = number(of: Name(request.entry.nameWords)),
            tasks[entry].description.start == .device
        else { throw FactoryFailure(.noSuchTask) }
        let device = DeviceShare(request)
        var number = entry
        if tasks[entry].generation == 0 {
            try checkFree(device, for: tasks[entry].description, except: entry)
        } else {
            var state = TaskState(tasks[entry].description)
            state.name = Name(request.name.nameWords)
            if !state.service.isEmpty {
                state.service = state.service.numbered(Int(request.instance))
            }
            let listed = self.number(of: state.name)
            // A driver that could not be started is listed, and has no device.
            if let listed,
                tasks[listed].generation > 0
                    || tasks[listed].description.name != state.description.name
            {
                throw FactoryFailure(.wrongState)
            }
            try checkFree(device, for: state.description, except: listed)
            number = if let listed { listed } else { try list(state) }
        }
        let former = tasks[number].device
        tasks[number].device = device
        do throws(FactoryFailure) { try start(number) } catch {
            tasks[number].device = former
            throw error
        }
        return number
    }

    /// Throws `deviceTaken` where another task holds a page or a line of the device, and not both
    /// say that they share it.
    /// - Complexity: O(tasks).
    func checkFree(
        _ device: DeviceShare, for description: TaskDescription, except number: Int?
    ) throws(FactoryFailure) {
        let pages = try pages(of: device)
        for other in 0..<tasks.count where other != number {
            let taken = tasks[other]
            if !(description.sharesPage && taken.description.sharesPage) {
                for theirs in try self.pages(of: taken.device) {
                    for own in pages where own.touches(theirs) {
                        throw FactoryFailure(.deviceTaken)
                    }
                }
            }
            if description.sharesLine && taken.description.sharesLine { continue }
            for theirs in taken.device.lines {
                for own in device.lines where own.line == theirs.line {
                    throw FactoryFailure(.deviceTaken)
                }
            }
        }
    }

    private func pages(of device: DeviceShare) throws(FactoryFailure) -> [RegisterPages] {
        var pages: [RegisterPages] = []
        for range in device.registers {
            guard let some = RegisterPages(base: range.base, size: range.size) else {
                throw FactoryFailure(.noSuchDevice)
            }
            pages.append(some)
        }
        return pages
    }
}

extension DeviceShare {
    init(_ request: DriverRequest) {
        variant = UInt64(request.variant)
        memory = request.memory
        for index in 0..<request.registers.count {
            if let range = request.registers[index] { registers.append((range.base, range.size)) }
        }
        for index in 0..<request.lines.count {
            guard let line = request.lines[index] else { break }
            lines.append((Int(line.number), line.isEdge ? .edge : .level))
        }
        for index in 0..<request.parameters.count {
            if let word = request.parameters[index] { parameters.append(word) }
        }
    }
}
