// The shell's commands about what boards have besides: pin, edge, led, board, timer, random, watchdog.

import KernelABI
import Protocols
import ServiceCores
import UserRuntime

extension Shell {
    /// Performs a command of this file; false when it is none.
    mutating func performOnBoard(_ command: [UInt8], _ arguments: [[UInt8]]) -> Bool {
        if command.matches("pin") {
            pin(arguments)
        } else if command.matches("edge") {
            edge(arguments)
        } else if command.matches("led") {
            led(arguments)
        } else if command.matches("board") {
            board()
        } else if command.matches("timer") {
            timer(arguments)
        } else if command.matches("random") {
            random(arguments)
        } else if command.matches("watchdog") {
            watchdog(arguments)
        } else {
            return false
        }
        return true
    }

    mutating func helpOnBoard() {
        say("pin PIN [USE PULL] input, output, alt0 to alt5; none, up, down: what a pin is, or make it so")
        say("edge PIN [SECONDS] wait for an input's next edge")
        say("led [NAME on|off|blink]   the board's lights")
        say("board              what the board's firmware knows: revision, serial number, temperature, clocks, memory")
        say("timer [US]         the board's own timer: its counter, or an alarm in so many microseconds")
        say("random [COUNT]     random numbers from the board's source")
        say("watchdog [SECONDS] the board's watchdog, fed by the supervisor: its time, or set it; 0 switches it off")
    }

    /// A service that this board may not have: asked for once.
    func opened(_ name: Name, _ index: UInt32) -> Endpoint? {
        let slot = Shell.slot(index)
        if let there = try? CapabilityTable.own.describe(slot), there.kind == .endpoint { return Endpoint(slot) }
        return openService([name.word0, name.word1, name.word2, name.word3], to: slot) ? Endpoint(slot) : nil
    }

    // Pins

    private static func useText(_ use: PinUse) -> StaticString {
        switch use {
        case .input: "input"
        case .output: "output"
        case .alternative0: "alt0"
        case .alternative1: "alt1"
        case .alternative2: "alt2"
        case .alternative3: "alt3"
        case .alternative4: "alt4"
        case .alternative5: "alt5"
        }
    }

    private mutating func pin(_ arguments: [[UInt8]]) {
        guard let pins = opened(Name("gpio"), 2) else { return say("no pins") }
        guard let pin = arguments.first?.number, arguments.count <= 3 else { return say("pin PIN [USE [PULL]]") }
        if arguments.count == 1 {
            guard let reply = try? pins.call(RegisterMessage(GPIORequest.function, pin)), reply[0] == 0,
                let use = PinUse(rawValue: reply[1])
            else { return say("no such pin, or a bank that cannot tell") }
            return say(Shell.useText(use))
        }
        var use: PinUse?
        for code in 0..<8 as Range<UInt64> {
            if let known = PinUse(rawValue: code), arguments[1].matches(Shell.useText(known)) { use = known }
        }
        var pull: PinResistor? = arguments.count == 2 ? .unchanged : nil
        if arguments.count == 3 {
            if arguments[2].matches("none") { pull = PinResistor.none }
            if arguments[2].matches("up") { pull = .up }
            if arguments[2].matches("down") { pull = .down }
        }
        guard let use, let pull else { return say("USE: input, output, alt0 to alt5; PULL: none, up, down") }
        let reply = try? pins.call(RegisterMessage(GPIORequest.configure, pin, use.rawValue, pull.rawValue))
        say(reply?[0] == 0 ? "done" : "no such pin, a key's, or a bank that cannot do it")
    }

    /// Waits for both edges of a pin by a notification.
    private mutating func edge(_ arguments: [[UInt8]]) {
        guard let pins = opened(Name("gpio"), 2) else { return say("no pins") }
        guard let pin = arguments.first?.number else { return say("edge PIN [SECONDS]") }
        let notification = Notification(StartSlot.notification)
        let passing = Shell.slot(10)
        try? CapabilityTable.own.copy(notification.slot, to: passing, rights: .write)
        let request = RegisterMessage(GPIORequest.notify, pin, 3, 1)
        let reply = try? pins.call(request, Attachment(passing))
        try? CapabilityTable.own.delete(passing)
        guard reply?[0] == 0 else { return say("no such pin, a key's, or a bank that cannot do it") }
        let seconds = arguments.count > 1 ? min(arguments[1].number ?? 0, 3600) : 10
        let bits = try? notification.wait(deadline: .after(.seconds(seconds)))
        _ = try? pins.call(RegisterMessage(GPIORequest.notify, pin, 0, 0))
        say(bits == nil ? "no edge came" : "an edge")
    }

    // Lights

    private mutating func led(_ arguments: [[UInt8]]) {
        guard let devices = service(Name("devices"), Shell.slot(0)) else { return say("no device manager") }
        var index: UInt64 = 0
        var isFound = false
        while let light = try? devices.call(RegisterMessage(DevicesRequest.led, index)), light[0] == 0 {
            index += 1
            let name = Name(light.word(4), light.word(5), light.word(6), light.word(7))
            let bank = Name(light.word(8), light.word(9), light.word(10), light.word(11))
            if let wanted = arguments.first, wanted != name.bytes { continue }
            isFound = true
            terminal.out.add(name)
            terminal.out.add(": pin ")
            terminal.out.decimal(light[2])
            terminal.out.add(" of ")
            terminal.out.add(bank)
            if light[1] == DevicesRequest.noDriver {
                say(", which has no driver here")
            } else if arguments.count < 2 {
                showLight(light)
            } else {
                terminal.out.newLine()
                setLight(light, arguments[1], arguments.count > 2 ? arguments[2].number ?? 5 : 5)
            }
        }
        if !isFound { say(index == 0 ? "the device tree has no lights" : "no such light; `led` lists them") }
    }

    /// The bank that a light hangs on. All lights of one board hang on the same, or on none with a driver.
    private func bank(_ light: Received) -> Endpoint? {
        let plain = Name("gpio")
        return opened(light[1] == 0 ? plain : plain.numbered(Int(light[1])), light[1] == 0 ? 2 : 9)
    }

    private mutating func showLight(_ light: Received) {
        guard let pins = bank(light), let reply = try? pins.call(RegisterMessage(GPIORequest.read)) else {
            return say(", which does not answer")
        }
        let isHigh = reply[1] >> light[2] & 1 == 1
        say(isHigh == (light[3] == 0) ? ", on" : ", off")
    }

    private mutating func setLight(_ light: Received, _ action: [UInt8], _ count: UInt64) {
        guard let pins = bank(light) else { return say("its driver does not answer") }
        func write(_ isOn: Bool) -> Bool {
            let level: UInt64 = isOn == (light[3] == 0) ? 1 : 0
            return (try? pins.call(RegisterMessage(GPIORequest.write, light[2], level)))?[0] == 0
        }
        var isDone = false
        if action.matches("on") {
            isDone = write(true)
        } else if action.matches("off") {
            isDone = write(false)
        } else if action.matches("blink") {
            for _ in 0..<min(count, 100) {
                isDone = write(true)
                sleep(milliseconds: 250)
                isDone = write(false) && isDone
                sleep(milliseconds: 250)
            }
        } else {
            return say("led NAME on|off|blink [COUNT]")
        }
        say(isDone ? "done" : "the pin is not to be had")
    }

    // Timer, random numbers, watchdog

    private mutating func timer(_ arguments: [[UInt8]]) {
        guard let timer = opened(Name("timer"), 4) else { return say("no timer of the board's own") }
        var request = RegisterMessage(SystemTimerRequest.read)
        var deadline = Instant.never
        if let first = arguments.first {
            guard let delay = first.number else { return say("timer [MICROSECONDS]") }
            request = RegisterMessage(SystemTimerRequest.alarm, delay)
            // The driver itself refuses what is longer.
            deadline = .after(.microseconds(min(delay, SystemTimerRequest.maximumDelay) + 1_000_000))
        }
        guard let reply = try? timer.call(request, deadline: deadline) else { return say("the timer does not ring") }
        if reply[0] != 0 { return say(reply[0] == 2 ? "two others wait already" : "too long: 2147483648 at most") }
        terminal.out.decimal(reply[1])
        say(" us")
    }

    private mutating func random(_ arguments: [[UInt8]]) {
        guard let source = opened(Name("random"), 5) else { return say("no source of random numbers") }
        var left = min(arguments.first?.number ?? 1, 1000)
        var attempts = 0
        while left > 0 && attempts < 100 {
            guard let reply = try? source.call(RegisterMessage(RandomRequest.read)), reply[0] == 0 else {
                return say("the driver died")
            }
            attempts = reply[1] == 0 ? attempts + 1 : 0
            if reply[1] == 0 { sleep(milliseconds: 10) }
            for index in 0..<min(reply[1], left, UInt64(RandomRequest.maximumWords)) {
                terminal.out.hexadecimal(reply[2 + Int(index)], digits: 16)
                terminal.out.newLine()
                left -= 1
            }
            terminal.flush()
        }
        if left > 0 { say("the source gives nothing") }
    }

    private mutating func watchdog(_ arguments: [[UInt8]]) {
        guard let power = opened(Name("power"), 6) else { return say("no watchdog of the board's own") }
        if let first = arguments.first {
            guard let seconds = first.number,
                let reply = try? power.call(RegisterMessage(PowerRequest.watchdog, seconds)), reply[0] == 0
            else { return say("watchdog SECONDS: 1 to 15, or 0") }
        }
        guard let reply = try? power.call(RegisterMessage(PowerRequest.state)) else { return say("the driver died") }
        if reply[1] == 0 {
            terminal.out.add("off")
        } else {
            terminal.out.decimal(reply[1])
            terminal.out.add(" s without a sign of life of the supervisor reset the board")
        }
        terminal.out.add("; signs so far: ")
        terminal.out.decimal(reply[2])
        terminal.out.newLine()
    }
}
