// The shell's commands about what boards have besides: pin, edge, led.

import Interfaces
import KernelABI
import Protocols
import ServiceCores
import UserRuntime

extension Shell {
    /// A service that this board may not have: asked for once.
    func opened(_ name: Name, _ index: UInt32) -> Endpoint? {
        let slot = Shell.slot(index)
        if let there = try? CapabilityTable.own.describe(slot), there.kind == .endpoint {
            return Endpoint(slot)
        }
        let words: InlineArray<4, UInt64> = [name.word0, name.word1, name.word2, name.word3]
        return openService(words, to: slot, deadline: Shell.patience) ? Endpoint(slot) : nil
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

    mutating func pin(_ arguments: [[UInt8]]) {
        guard let pins = opened(Name("gpio"), 2) else { return say("no pins") }
        guard let pin = arguments[0].number else { return sayUsage(.pin) }
        if arguments.count == 1 {
            let reply = ask(pins, RegisterMessage(GPIORequest.function, pin))
            guard let reply, reply[0] == 0, let use = PinUse(rawValue: reply[1]) else {
                return say(Shell.refusal(reply))
            }
            return say(Shell.useText(use))
        }
        var use: PinUse?
        for code in 0..<8 as Range<UInt64> {
            if let known = PinUse(rawValue: code), arguments[1].matches(Shell.useText(known)) {
                use = known
            }
        }
        var pull: PinResistor? = arguments.count == 2 ? .unchanged : nil
        if arguments.count == 3 {
            if arguments[2].matches("none") { pull = PinResistor.none }
            if arguments[2].matches("up") { pull = .up }
            if arguments[2].matches("down") { pull = .down }
        }
        guard let use, let pull else {
            return say("USE: input, output, alt0 to alt5; PULL: none, up, down")
        }
        let request = RegisterMessage(GPIORequest.configure, pin, use.rawValue, pull.rawValue)
        let reply = ask(pins, request)
        say(reply?[0] == 0 ? "done" : Shell.refusal(reply))
    }

    /// Why the pins' driver did not do it; nil: it did not answer.
    static func refusal(_ reply: Received?) -> StaticString {
        guard let reply else { return "the pins' driver does not answer" }
        return GPIOError(rawValue: reply[0])?.text ?? "refused"
    }

    /// Waits for both edges of a pin by a notification.
    mutating func edge(_ arguments: [[UInt8]]) {
        guard let pins = opened(Name("gpio"), 2) else { return say("no pins") }
        guard let pin = arguments[0].number,
            let seconds = arguments.count > 1 ? arguments[1].number : 10, seconds <= 3600
        else { return sayUsage(.edge) }
        let notification = Notification(StartSlot.notification)
        let edgeBit: UInt64 = 1
        let request = RegisterMessage(GPIORequest.notify, pin, 3, edgeBit)
        // An edge that came when nobody waited any more is none now.
        notification.pause(until: .immediately)
        let reply = ScratchSlot(Shell.slot(10)).use { passing in
            try? CapabilityTable.own.copy(notification.slot, to: passing, rights: .write)
            return try? pins.call(request, Attachment(passing), deadline: Shell.patience)
        }
        guard reply?[0] == 0 else { return say(Shell.refusal(reply)) }
        let end = Instant.after(.seconds(seconds))
        var hasCome = false
        while !hasCome && !terminal.isInterrupted && Instant.now < end {
            let bits = try? notification.wait(deadline: min(end, .after(milliseconds: 200)))
            hasCome = (bits ?? 0) & edgeBit != 0
            if !hasCome { terminal.pause(milliseconds: 1) }
        }
        let answer = ask(pins, RegisterMessage(GPIORequest.notify, pin, 0, 0))
        if answer?[0] != 0 {
            say("the driver of the pins may still tell of edges: it does not answer")
        }
        if hasCome { return say("an edge") }
        if !terminal.isInterrupted { say("no edge came") }
    }

    // Lights

    mutating func led(_ arguments: [[UInt8]]) {
        guard let devices = service(Name("devices"), Shell.slot(0)) else {
            return say("no device manager")
        }
        if arguments.count == 1 { return sayUsage(.led) }
        var index: UInt64 = 0
        var isFound = false
        // The device manager has no more; a broken one may go on.
        while index < DevicesRequest.maximumLights {
            var reply = LongMessage(RegisterMessage(DevicesRequest.led, index))
            guard let light = ask(devices, &reply), light[0] == 0 else { break }
            index += 1
            let name = Name(reply[4], reply[5], reply[6], reply[7])
            let bank = Name(reply[8], reply[9], reply[10], reply[11])
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
                setLight(light, arguments[1])
            }
        }
        if !isFound {
            say(index == 0 ? "the device tree has no lights" : "no such light; `led` lists them")
        }
    }

    /// Asks the pin of a light for its level, or sets it: the level, or nil where its driver does
    /// not answer so. All lights of one board hang on the same bank of pins, or on the firmware's,
    /// or on none with a driver.
    private func lightPin(_ light: Received, set level: UInt64? = nil) -> UInt64? {
        let isFirmwares = light[1] == DevicesRequest.firmware
        let plain = Name("gpio")
        let bank =
            isFirmwares
            ? opened(Name("firmware"), 3)
            : light[1] == 0
                ? opened(plain, 2)
                : opened(plain.numbered(Int(truncatingIfNeeded: light[1])), 9)
        let request: RegisterMessage
        if let level {
            let set = isFirmwares ? FirmwareRequest.setPin : GPIORequest.write
            request = RegisterMessage(set, light[2], level)
        } else {
            request = RegisterMessage(
                isFirmwares ? FirmwareRequest.pin : GPIORequest.read, light[2])
        }
        guard let bank, let reply = ask(bank, request), reply[0] == 0 else { return nil }
        if let level { return level }
        return isFirmwares ? reply[1] : reply[1] >> light[2] & 1
    }

    private mutating func showLight(_ light: Received) {
        guard let level = lightPin(light) else { return say(", which does not answer") }
        say((level == 1) == (light[3] == 0) ? ", on" : ", off")
    }

    private mutating func setLight(_ light: Received, _ action: [UInt8]) {
        func write(_ isOn: Bool) -> Bool {
            lightPin(light, set: isOn == (light[3] == 0) ? 1 : 0) != nil
        }
        var isDone = false
        if action.matches("on") {
            isDone = write(true)
        } else if action.matches("off") {
            isDone = write(false)
        } else if action.matches("blink") {
            for _ in 0..<5 where !terminal.isInterrupted {
                isDone = write(true)
                terminal.pause(milliseconds: 250)
                isDone = write(false) && isDone
                terminal.pause(milliseconds: 250)
            }
        } else {
            return sayUsage(.led)
        }
        say(isDone ? "done" : "the pin is not to be had")
    }
}
