// QEMU as the tool runs it: the command line, the console line by line, and a guard against a
// system that hangs.

import Foundation
import Synchronization
import ToolCore

/// A machine to emulate, and what to load.
struct Emulator {
    var machine = "virt,gic-version=2"
    var processor = "cortex-a53"
    var memory = "256M"
    /// The cores that the kernel is to run on. A board has its own number.
    var cores = 1
    var kernel: String
    /// A plain binary, without the header of an Image: taken as it is.
    var isPlain = false
    /// Loaded behind an ELF kernel, at this physical address.
    var bundle: (path: String, address: UInt64)?
    /// A bundle in place of the image's own.
    var otherBundle: String?
    /// A card in a board's slot; the file stays as it is.
    var card: String?
    var append = ""
    /// A device tree in place of QEMU's own.
    var tree: String?
    /// Further options: devices that QEMU's machine does not have by itself.
    var devices: [String] = []
    /// Instructions as the clock: the same run every time.
    var isCounted = false
    /// How several cores run on the host. By turns, a core that waits for another one takes no time
    /// of a busy machine. In parallel, each is a thread of the host, and they race.
    var coreThreads: CoreThreads?
    enum CoreThreads: String { case turns = "single", parallel = "multi" }

    /// The QEMU that runs a machine: the one that platform/fetch-qemu unpacked, where it did, for
    /// the one that it is for.
    static func program(for machine: String) -> String {
        let unpacked = "build/qemu10/qemu-system-aarch64"
        return machine == "raspi4b" && FileManager.default.isExecutableFile(atPath: unpacked)
            ? unpacked : "qemu-system-aarch64"
    }

    /// These machines have the processor and the memory of the board.
    private var isRaspberryPi: Bool { machine.hasPrefix("raspi") }
    /// The PL011, where the shell is, and the mini-UART, where the kernel is, in one stream.
    private static let bothConsoles = [
        "-chardev", "stdio,id=console,mux=on,signal=off", "-serial", "chardev:console", "-serial",
        "chardev:console", "-mon", "chardev=console,mode=readline",
    ]

    var arguments: [String] {
        var list = [
            "-machine", machine, "-display", "none", "-nodefaults", "-no-reboot", "-kernel", kernel,
        ]
        list +=
            isRaspberryPi
            ? Emulator.bothConsoles
            : ["-cpu", processor, "-smp", "\(cores)", "-m", memory, "-serial", "mon:stdio"]
        if let bundle {
            let address = "0x" + String(bundle.address, radix: 16)
            list += ["-device", "loader,file=\(bundle.path),addr=\(address),force-raw=on"]
        }
        if let otherBundle { list += ["-initrd", otherBundle] }
        if let card { list += ["-drive", "file=\(card),if=sd,format=raw,snapshot=on"] }
        if let tree { list += ["-dtb", tree] }
        let words = ([append] + (cores > 1 ? ["cores=\(cores)"] : [])).filter { !$0.isEmpty }
        if !words.isEmpty { list += ["-append", words.joined(separator: " ")] }
        list += devices
        if let coreThreads { list += ["-accel", "tcg,thread=\(coreThreads.rawValue)"] }
        if isCounted {
            list += ["-icount", "shift=0,sleep=off"]
            if isRaspberryPi && cores == 1 { list += Board.parkedCores }
        }
        return list
    }

    /// QEMU takes any file for a kernel, and runs whatever its bytes are.
    private func checkKernel() throws {
        guard let file = FileHandle(forReadingAtPath: kernel) else {
            throw ToolError("\(kernel): not there; run `make build`")
        }
        let head = [UInt8]((try? file.read(upToCount: 64)) ?? Data())
        if head.number(56, 4) != arm64ImageMagic && !head.starts(with: [0x7f, 0x45, 0x4c, 0x46]) {
            throw ToolError("\(kernel): neither an arm64 Image nor an ELF file")
        }
    }

    /// Run until QEMU ends, handing over each line of the console.
    ///
    /// - Parameters:
    ///   - interactive: leave standard input to QEMU, and echo bytes as they come.
    ///   - timeout: seconds after which a run without end is stopped.
    ///   - onLine: returns false to stop the machine.
    /// - Returns: false where the guard stopped it.
    func run(interactive: Bool, timeout: Int?, onLine: @escaping (String) -> Bool) throws -> Bool {
        if !isPlain { try checkKernel() }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [Emulator.program(for: machine)] + arguments
        let out = Pipe()
        process.standardOutput = out
        // QEMU's own words matter when it fails, not when the guard stops it.
        let words = Pipe()
        process.standardError = words
        if !interactive { process.standardInput = FileHandle.nullDevice }
        try start(process)
        let isTerminal = interactive && handTerminal(from: getpgrp(), to: process.processIdentifier)
        let guardHasStopped = Flag()
        let guardian = DispatchWorkItem {
            guardHasStopped.isSet.store(true, ordering: .sequentiallyConsistent)
            if process.isRunning { process.terminate() }
        }
        if let timeout {
            DispatchQueue.global().asyncAfter(
                deadline: .now() + .seconds(timeout), execute: guardian)
        }
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
        if isTerminal { _ = handTerminal(from: process.processIdentifier, to: getpgrp()) }
        guardian.cancel()
        runningEmulator = 0
        // QEMU ends in order, with status 0, when it is told to.
        let timedOut = !isStopped && guardHasStopped.isSet.load(ordering: .sequentiallyConsistent)
        if process.terminationReason == .exit && process.terminationStatus != 0 {
            let said = String(decoding: words.fileHandleForReading.availableData, as: UTF8.self)
            throw ToolError(
                "qemu-system-aarch64 ended with status \(process.terminationStatus)\n\(said)")
        }
        return !timedOut
    }
}

/// What another thread may set.
private final class Flag: Sendable { let isSet = Atomic(false) }

/// The emulator that a signal's handler ends; 0: none.
nonisolated(unsafe) var runningEmulator: pid_t = 0
/// An emulator is being started, whose number is not known yet.
nonisolated(unsafe) private var isStarting = false
/// A signal that came meanwhile; 0: none.
nonisolated(unsafe) private var pendingSignal: Int32 = 0

/// Puts a process group in front of the terminal, where there is one that belongs to the other.
///
/// Foundation starts a process in a group of its own. Job control stops that when it reads the
/// terminal or sets it up, as QEMU does, and it may have done so already.
private func handTerminal(from group: pid_t, to other: pid_t) -> Bool {
    if isatty(STDIN_FILENO) == 0 || tcgetpgrp(STDIN_FILENO) != group { return false }
    let former = signal(SIGTTOU, SIG_IGN)
    defer { signal(SIGTTOU, former) }
    if tcsetpgrp(STDIN_FILENO, other) != 0 { return false }
    kill(other, SIGCONT)
    return true
}

/// Starts an emulator that ends when this program is told to end.
func start(_ emulator: Process) throws {
    // Before the start: a signal that comes in its midst would leave the emulator behind.
    isStarting = true
    for number in [SIGINT, SIGTERM, SIGHUP, SIGPIPE] {
        signal(number) { number in
            if isStarting { pendingSignal = number } else { end(by: number) }
        }
    }
    defer {
        isStarting = false
        if pendingSignal != 0 { end(by: pendingSignal) }
    }
    do {
        try emulator.run()
        runningEmulator = emulator.processIdentifier
    } catch {
        throw ToolError(
            "qemu-system-aarch64 cannot be started: \(error.localizedDescription); run `make deps`")
    }
}

/// Ends the emulator and this program. Only what a signal's handler may call (signal-safety(7)).
private func end(by number: Int32) {
    if runningEmulator > 0 { kill(runningEmulator, SIGTERM) }
    _exit(128 + number)
}
