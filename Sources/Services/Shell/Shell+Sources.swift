// The shell's commands about a board's own sources of time and chance, and its watchdog: timer,
// random, watchdog.

import Interfaces
import ServiceCores

extension Shell {
    /// Says why a call of a service failed.
    mutating func say<E: ServiceError>(_ error: SystemError, _ type: E.Type) {
        say(error.of(type)?.text ?? error.text)
    }

    /// The same of a task, by its name, that a user knows.
    mutating func say<E: ServiceError>(
        _ error: SystemError, _ type: E.Type, from task: StaticString
    ) {
        switch error {
        case .noService:
            terminal.out.add("no ")
            say(task)
        case .kernel:
            terminal.out.add("the ")
            terminal.out.add(task)
            say(" does not answer")
        default: say(error, type)
        }
    }

    /// Waits for the timer's interrupt, and looks between for ^C: the call is made again, with the
    /// same instant.
    mutating func timer(_ arguments: [[UInt8]]) {
        guard let delay = arguments.isEmpty ? 0 : arguments[0].number,
            delay <= SystemTimerError.maximumDelay
        else { return sayUsage(.timer) }
        do throws(SystemError) {
            let timer = try SystemTimerClient(finding: Shell.slot(4), by: Shell.patience)
            var time = try timer.now(by: Shell.patience)
            if delay > 0 {
                let instant = time &+ delay
                let end = Instant.after(.microseconds(delay + 1_000_000))
                var isRung = false
                while !isRung && !terminal.isInterrupted {
                    // Before the call: one whose time was over when it was made has asked for the
                    // last time.
                    let isLast = Instant.now > end
                    do throws(SystemError) {
                        time = try timer.sleep(until: instant, by: .after(milliseconds: 200))
                        isRung = true
                    } catch {
                        if error != .kernel(.timedOut) { throw error }
                        if isLast { return say("the timer does not ring") }
                        terminal.pause(milliseconds: 1)
                    }
                }
                if !isRung { return }
            }
            terminal.out.decimal(time)
            say(" us")
        } catch {
            if error == .noService { return say("no timer of the board's own") }
            say(error, SystemTimerError.self)
        }
    }

    mutating func random(_ arguments: [[UInt8]]) {
        guard var left = arguments.isEmpty ? 1 : arguments[0].number, left <= 1000 else {
            return sayUsage(.random)
        }
        do throws(SystemError) {
            let source = try RandomClient(finding: Shell.slot(5), by: Shell.patience)
            var attempts = 0
            while left > 0 && attempts < 100 && !terminal.isInterrupted {
                let words = try source.words(by: Shell.patience)
                attempts = words.count == 0 ? attempts + 1 : 0
                if words.count == 0 { terminal.nap(milliseconds: 10) }
                for index in 0..<Int(min(left, UInt64(words.count))) {
                    terminal.out.hexadecimal(words[index] ?? 0, digits: 16)
                    terminal.out.newLine()
                    left -= 1
                }
                // It shows the words, and looks for ^C.
                terminal.pause(milliseconds: 1)
            }
            if left > 0 && !terminal.isInterrupted { say("the source gives nothing") }
        } catch {
            say(error == .noService ? "no source of random numbers" : error.text)
        }
    }

    mutating func watchdog(_ arguments: [[UInt8]]) {
        do throws(SystemError) {
            let power = try PowerClient(finding: Shell.slot(6), by: Shell.patience)
            if let first = arguments.first {
                guard let seconds = first.number.flatMap({ UInt8(exactly: $0) }) else {
                    return sayUsage(.watchdog)
                }
                try power.setWatchdog(seconds: seconds, by: Shell.patience)
            }
            let state = try power.watchdog(by: Shell.patience)
            if state.seconds == 0 {
                terminal.out.add("off")
            } else {
                terminal.out.decimal(UInt64(state.seconds))
                terminal.out.add(" s without a sign of life of the supervisor reset the board")
            }
            terminal.out.add("; signs so far: ")
            terminal.out.decimal(state.signs)
            terminal.out.newLine()
        } catch {
            if error == .noService { return say("no watchdog of the board's own") }
            if error.of(PowerError.self) == .outOfRange { return sayUsage(.watchdog) }
            say(error, PowerError.self)
        }
    }
}
