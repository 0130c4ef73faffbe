// QEMU as the tool runs it: the command line, the console line by line, and a guard against a system that hangs.

import Foundation
import Synchronization
import ToolCore

/// A machine to emulate, and what to load.
struct Emulator {
    var machine = "virt,gic-version=2"
    var processor = "cortex-a53"
    var memory = "256M"
    var kernel: String
    /// Loaded behind an ELF kernel, at this physical address.
    var bundle: (path: String, address: UInt64)?
    var append = ""
    /// A device tree in place of QEMU's own.
    var tree: String?
    /// Instructions as the clock: the same run every time.
    var isCounted = false

    var arguments: [String] {
        var list = [
            "-machine", machine, "-cpu", processor, "-smp", "1", "-m", memory, "-nographic", "-nodefaults",
            "-no-reboot",
            "-serial", "mon:stdio", "-kernel", kernel,
        ]
        if let bundle {
            list += ["-device", "loader,file=\(bundle.path),addr=0x\(String(bundle.address, radix: 16)),force-raw=on"]
        }
        if let tree { list += ["-dtb", tree] }
        if !append.isEmpty { list += ["-append", append] }
        if isCounted { list += ["-icount", "shift=0,sleep=off"] }
        return list
    }

    /// Run until QEMU ends, handing over each line of the console.
    ///
    /// - Parameters:
    ///   - interactive: leave standard input to QEMU, and echo bytes as they come.
    ///   - timeout: seconds after which a run without end is stopped.
    ///   - onLine: returns false to stop the machine.
    /// - Returns: false where the guard stopped it.
    func run(interactive: Bool, timeout: Int?, onLine: @escaping (String) -> Bool) throws -> Bool {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["qemu-system-aarch64"] + arguments
        let out = Pipe()
        process.standardOutput = out
        // QEMU's own words matter when it fails, not when the guard stops it.
        let words = Pipe()
        process.standardError = words
        if !interactive { process.standardInput = FileHandle.nullDevice }
        try start(process)
        let hasTerminal = interactive && isatty(STDIN_FILENO) == 1
        if hasTerminal { giveTerminal(to: process.processIdentifier) }
        defer { if hasTerminal { giveTerminal(to: getpgrp()) } }
        let guardHasStopped = Flag()
        let guardian = DispatchWorkItem {
            guardHasStopped.isSet.store(true, ordering: .sequentiallyConsistent)
            if process.isRunning { process.terminate() }
        }
        if let timeout { DispatchQueue.global().asyncAfter(deadline: .now() + .seconds(timeout), execute: guardian) }
        var line: [UInt8] = []
        var isStopped = false
        while true {
            let data = out.fileHandleForReading.availableData
            if data.isEmpty { break }
            if interactive { try? FileHandle.standardOutput.write(contentsOf: data) }
            for byte in data {
                if byte != 10 {
                    line.append(byte)
                    continue
                }
                if !onLine(String(decoding: line, as: UTF8.self)) && !isStopped {
                    isStopped = true
                    process.terminate()
                }
                line = []
            }
        }
        process.waitUntilExit()
        guardian.cancel()
        runningEmulator = 0
        // QEMU ends in order, with status 0, when it is told to.
        let timedOut = !isStopped && guardHasStopped.isSet.load(ordering: .sequentiallyConsistent)
        if process.terminationReason == .exit && process.terminationStatus != 0 {
            let said = String(decoding: words.fileHandleForReading.availableData, as: UTF8.self)
            throw ToolError("qemu-system-aarch64 ended with status \(process.terminationStatus)\n\(said)")
        }
        return !timedOut
    }
}

/// What another thread may set.
private final class Flag: Sendable { let isSet = Atomic(false) }

/// Makes a process group the terminal's foreground. `Process` starts its child in a group of its own: in the background, where
/// it may neither read the terminal nor change its mode, and is stopped (SIGTTIN, SIGTTOU) when it tries.
private func giveTerminal(to group: pid_t) {
    signal(SIGTTOU, SIG_IGN)
    tcsetpgrp(STDIN_FILENO, group)
    signal(SIGTTOU, SIG_DFL)
    // It may have tried already.
    kill(-group, SIGCONT)
}

/// The emulator that a signal's handler ends; 0: none.
nonisolated(unsafe) var runningEmulator: pid_t = 0

/// Starts an emulator that ends when this program is told to end.
func start(_ emulator: Process) throws {
    do { try emulator.run() } catch {
        throw ToolError("qemu-system-aarch64 cannot be started: \(error.localizedDescription); run `make deps`")
    }
    runningEmulator = emulator.processIdentifier
    for number in [SIGINT, SIGTERM, SIGHUP, SIGPIPE] {
        signal(number) { number in
            // Only what a handler may call (signal-safety(7)).
            if runningEmulator > 0 { kill(runningEmulator, SIGTERM) }
            _exit(128 + number)
        }
    }
}
