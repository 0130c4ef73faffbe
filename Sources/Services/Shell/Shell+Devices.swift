// The shell's commands about devices and the machine: dt, alarm, gpio, log, bench.

import Interfaces
import ServiceCores

extension Shell {
    /// Prints the device tree, or the list of devices.
    mutating func deviceTree(_ arguments: [[UInt8]]) {
        let isList = arguments.first?.matches("list") ?? false
        if !arguments.isEmpty && !isList { return sayUsage(.dt) }
        guard let devices = deviceManager() else { return }
        var position: UInt64 = 0
        do throws(SystemError) {
            let most = isList ? DevicesError.listPieces : DevicesError.treePieces
            for _ in 0..<most where !terminal.isInterrupted {
                var bytes = [UInt8](repeating: 0, count: DevicesError.pieceBytes)
                var span = bytes.mutableSpan
                let piece =
                    isList
                    ? try devices.list(from: position, into: &span, by: Shell.patience)
                    : try devices.tree(from: position, into: &span, by: Shell.patience)
                bytes.removeLast(max(bytes.count - Int(piece.bytes), 0))
                // A broken device manager's listing may have no end.
                if bytes.isEmpty && !piece.isLast { throw .wrongAnswer }
                terminal.out.add(bytes)
                // It shows the piece, and looks for ^C.
                terminal.pause(milliseconds: 1)
                position += UInt64(bytes.count)
                if piece.isLast { return }
                if terminal.isInterrupted && bytes.last != 10 { terminal.out.newLine() }
            }
            if !terminal.isInterrupted { throw .wrongAnswer }
        } catch { say(error, DevicesError.self, from: "device manager") }
    }

    /// The device manager; says so if it cannot be asked.
    mutating func deviceManager() -> DevicesClient? {
        do throws(SystemError) {
            return try DevicesClient(opening: Shell.slot(0), by: Shell.patience)
        } catch {
            say(error, DevicesError.self, from: "device manager")
            return nil
        }
    }

    /// The clock's client; says so where there is none.
    private mutating func clock() -> ClockClient? {
        do throws(SystemError) {
            return try ClockClient(opening: Shell.slot(1), by: Shell.patience)
        } catch {
            // On a board without a clock, the manifest does not open it.
            if error == .noService || error == .notOpened {
                say("no clock")
            } else {
                sayClock(error)
            }
            return nil
        }
    }
    private mutating func sayClock(_ error: SystemError) {
        say(error.of(ClockError.self)?.text ?? error.text)
    }

    private mutating func say(time seconds: UInt64) {
        CivilTime(seconds: seconds).write(to: &terminal.out)
        terminal.out.newLine()
    }

    /// Waits for the clock's interrupt, and looks between for ^C: the call is made again, with the
    /// same second.
    mutating func alarm(_ word: [UInt8]) {
        guard let seconds = word.number, seconds <= 3600 else {
            return say(word, ": not a number from 0 to 3600")
        }
        guard let clock = clock() else { return }
        do throws(SystemError) {
            let time = try clock.now(by: Shell.patience) &+ seconds
            // The clock's seconds are not this counter's, and the first has begun.
            let end = Instant.after(.seconds(seconds + 2))
            while !terminal.isInterrupted {
                // Before the call, as at `timer`.
                let isLast = Instant.now > end
                do throws(SystemError) {
                    return say(time: try clock.sleep(until: time, by: .after(milliseconds: 200)))
                } catch { if error != .kernel(.timedOut) { throw error } }
                if isLast { return say("the clock does not ring") }
                terminal.pause(milliseconds: 1)
            }
        } catch { sayClock(error) }
    }

    /// The console's line.
    mutating func serialLine() {
        guard let state = terminal.lineState() else {
            return say("the serial driver does not answer")
        }
        for (title, count) in [
            ("received ", state.received), (", sent ", state.sent), (", lost ", state.overruns),
            (", damaged ", state.damaged), (", breaks ", state.breaks),
        ] as [(StaticString, UInt64)] {
            terminal.out.add(title)
            terminal.out.decimal(count)
        }
        terminal.out.newLine()
    }

    mutating func gpio(_ arguments: [[UInt8]]) {
        if arguments.count == 1 { return sayUsage(.gpio) }
        guard let pins = pins() else { return }
        if arguments.count == 2 {
            guard let pin = arguments[0].number, let level = arguments[1].number, level < 2 else {
                return sayUsage(.gpio)
            }
            return perform(on: pin) { pin throws(SystemError) in
                try pins.set(pin, high: level == 1, by: Shell.patience)
            }
        }
        let states: PinStates
        do throws(SystemError) { states = try pins.state(by: Shell.patience) } catch {
            return sayPins(error)
        }
        var table = TextTable()
        table.column("PIN", .right)
        table.column("LEVEL", .right)
        table.column("USE")
        for pin in 0..<UInt64(min(states.count, 64)) {
            let use: StaticString =
                states.watched >> pin & 1 == 1
                ? "key" : states.outputs >> pin & 1 == 1 ? "output" : "input"
            table.row([number(pin), number(states.levels >> pin & 1), Text(use).bytes])
        }
        table.render(to: &terminal.out)
    }

    /// Runs the benchmark task to its end: `quick`, `all`, or the rows whose names start so. It
    /// takes the processor for itself and prints through the kernel's console, so that what it
    /// measures is not what prints it.
    mutating func bench(_ arguments: [[UInt8]]) {
        let rows = arguments.first ?? Text("quick").bytes
        if rows.count > Name.capacity { return say("bench: a row's name in 32 bytes at most") }
        if !rows.matches("quick") && !rows.matches("all") && !BenchmarkRows.mayBegin(with: rows) {
            return sayNoRow(rows)
        }
        guard let task = find(Text("benchmark").bytes)?.number else {
            return say("no benchmark task")
        }
        say("the benchmark takes the machine for itself; it prints on the kernel's console")
        terminal.flush()
        terminal.nap(milliseconds: 20)
        do throws(SystemError) { try tasks.kill(task, by: .never) } catch {
            // In the wrong state is one that does not run.
            if error.of(RootError.self) != .wrongState {
                return say("the benchmark of before does not end")
            }
        }
        let argument = FixedString<32>(cleaning: rows.span)
        do throws(SystemError) {
            _ = try tasks.restart(task, argument: argument, by: .never)
        } catch { return say(error.reason) }
        while isAtWork(task) { terminal.nap(milliseconds: 50) }
        do throws(SystemError) {
            try tasks.kill(task, by: .never)
            say("the benchmark has ended")
        } catch { say("the benchmark task died") }
    }

    private mutating func sayNoRow(_ rows: [UInt8]) {
        terminal.out.add("no row begins with ")
        terminal.out.add(rows)
        terminal.out.add("; they begin with")
        for kind in BenchmarkRows.kinds {
            terminal.out.add(" ")
            terminal.out.add(kind)
        }
        terminal.out.newLine()
    }

    /// Whether a task runs and has not stopped itself.
    private func isAtWork(_ task: UInt16) -> Bool {
        guard let record = try? inspection.task(task, by: .never) else { return false }
        return record.phase == .running && record.state != .stopped && record.state != .faulted
    }
}
