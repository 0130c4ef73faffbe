// The shell's command `trace`: the kernel's record of switches, calls and interrupts, with the
// tasks' names.

import Interfaces
import KernelABI
import Protocols
import ServiceCores
import UserRuntime

extension Shell {
    mutating func trace(_ action: [UInt8]) {
        let control = SystemControl(StartSlot.systemControl)
        if action.matches("on") {
            record(control, 1)
        } else if action.matches("off") {
            record(control, 0)
        } else if action.matches("show") {
            showTrace(control)
        } else {
            sayUsage(.trace)
        }
    }

    /// Starts the kernel's record (1) or stops it (0).
    /// - Returns: whether the kernel does; else the user was told.
    @discardableResult
    private mutating func record(_ control: SystemControl, _ action: UInt64) -> Bool {
        do throws(KernelError) {
            _ = try control.trace(action)
            return true
        } catch {
            say("the kernel refuses: this shell has no right to its record")
            return false
        }
    }

    private mutating func showTrace(_ control: SystemControl) {
        if !record(control, 0) { return }
        let homes = threadHomes()
        var first: UInt64 = 0
        var start: UInt64 = 0
        while first < 4096, let words = try? control.trace(2, first: first), first < words.w0 {
            if terminal.isInterrupted { break }
            if first == 0 { start = words.w1 }
            event(words.w1 &- start, words.w2, words.w3, homes)
            if first + 1 < words.w0 { event(words.w4 &- start, words.w5, words.w6, homes) }
            first += 2
            // It shows the events, and looks for ^C.
            terminal.pause(milliseconds: 1)
        }
        if first == 0 { say("nothing is recorded; `trace on` starts it") }
    }

    /// Where a task's threads lie: its arena.
    struct ThreadHome {
        var name: Name
        var start: UInt64
        var bytes: UInt64
    }

    private func threadHomes() -> [ThreadHome] {
        var homes: [ThreadHome] = []
        for task in listedTasks() {
            guard let memory = try? inspection.memory(of: task.number, by: .never),
                memory.arena > 0
            else { continue }
            homes.append(
                ThreadHome(name: task.name, start: memory.arenaBase, bytes: memory.arena))
            if memory.untyped > 0 {
                homes.append(
                    ThreadHome(name: task.name, start: memory.untypedBase, bytes: memory.untyped))
            }
        }
        return homes
    }

    /// One event: microseconds, kind, priority, detail, task, thread.
    private mutating func event(
        _ ticks: UInt64, _ what: UInt64, _ thread: UInt64, _ homes: [ThreadHome]
    ) {
        terminal.out.decimal(Duration(ticks: ticks).microseconds, width: 10)
        switch what & 0xff {
        case 1: terminal.out.add(" switch     ")
        case 2: terminal.out.add(" ready      ")
        case 3: terminal.out.add(" call       ")
        case 4: terminal.out.add(" interrupt  ")
        case 5: terminal.out.add(" fault      ")
        default: terminal.out.add(" unknown    ")
        }
        terminal.out.decimal(what >> 8 & 0xff, width: 3)
        terminal.out.add("  ")
        terminal.out.hexadecimal(what >> 16, digits: 4)
        terminal.out.add("  ")
        // The kernel tells a thread by the place of its descriptor, of which the low half is the
        // physical address's.
        let place = thread & 0xffff_ffff
        var name = Text("root")
        for home in homes where (place &- home.start) & 0xffff_ffff < home.bytes {
            name.clear()
            name.add(home.name)
        }
        terminal.out.add(name.bytes)
        for _ in 0..<max(0, 10 - CharacterWidth.columns(of: name.bytes)) {
            terminal.out.add(byte: 32)
        }
        terminal.out.add("  thread ")
        terminal.out.hexadecimal(place)
        terminal.out.newLine()
    }
}
