// The shell's commands about what boards have besides: pin, edge, led.

import Interfaces
import ServiceCores

extension Shell {
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

    /// The client of the first bank of pins; says so where there is none.
    mutating func pins() -> GPIOClient? {
        do throws(SystemError) {
            return try GPIOClient(finding: Shell.slot(2), by: Shell.patience)
        } catch {
            if error == .noService { say("no pins") } else { sayPins(error) }
            return nil
        }
    }
    mutating func sayPins(_ error: SystemError) {
        say(error.of(GPIOError.self)?.text ?? error.text)
    }
    /// Does something to a pin, and says what became of it.
    mutating func perform(
        on number: UInt64, _ work: (Pin) throws(SystemError) -> Void
    ) {
        guard number < 64 else { return say(GPIOError.noSuchPin.text) }
        do throws(SystemError) {
            try work(Pin(number: UInt8(number)))
            say("done")
        } catch { sayPins(error) }
    }

    mutating func pin(_ arguments: [[UInt8]]) {
        guard let pins = pins() else { return }
        guard let pin = arguments[0].number else { return sayUsage(.pin) }
        if arguments.count == 1 {
            guard pin < 64 else { return say(GPIOError.noSuchPin.text) }
            do throws(SystemError) {
                let use = try pins.function(of: Pin(number: UInt8(pin)), by: Shell.patience)
                say(Shell.useText(use))
            } catch { sayPins(error) }
            return
        }
        var use: PinUse?
        for code in 0..<8 as Range<UInt8> {
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
        perform(on: pin) { pin throws(SystemError) in
            try pins.configure(pin, as: use, pull, by: Shell.patience)
        }
    }

    /// Waits for both edges of a pin by a notification.
    mutating func edge(_ arguments: [[UInt8]]) {
        guard let pins = pins() else { return }
        guard let pin = arguments[0].number,
            let seconds = arguments.count > 1 ? arguments[1].number : 10, seconds <= 3600
        else { return sayUsage(.edge) }
        guard pin < 64 else { return say(GPIOError.noSuchPin.text) }
        let watched = Pin(number: UInt8(pin))
        let notification = Notification(StartSlot.notification)
        let edgeBit: UInt64 = 1
        // An edge that came when nobody waited any more is none now.
        notification.pause(until: .immediately)
        let refusal: SystemError? = ScratchSlot(Shell.slot(10)).use { passing in
            try? CapabilityTable.own.copy(notification.slot, to: passing, rights: .write)
            do throws(SystemError) {
                try pins.watch(
                    watched, .both, Notification(passing), bits: edgeBit, by: Shell.patience)
                return nil
            } catch { return error }
        }
        if let refusal { return sayPins(refusal) }
        let end = Instant.after(.seconds(seconds))
        var hasCome = false
        while !hasCome && !terminal.isInterrupted && Instant.now < end {
            let bits = try? notification.wait(deadline: min(end, .after(milliseconds: 200)))
            hasCome = (bits ?? 0) & edgeBit != 0
            if !hasCome { terminal.pause(milliseconds: 1) }
        }
        do throws(SystemError) { try pins.end(watched, by: Shell.patience) } catch {
            say("the driver of the pins may still tell of edges: it does not answer")
        }
        if hasCome { return say("an edge") }
        if !terminal.isInterrupted { say("no edge came") }
    }

    // Lights

    mutating func led(_ arguments: [[UInt8]]) {
        guard let devices = deviceManager() else { return }
        if arguments.count == 1 { return sayUsage(.led) }
        var index: UInt8 = 0
        var isFound = false
        do throws(SystemError) {
            // The device manager has no more; a broken one may go on.
            while index < DevicesError.maximumLights && !terminal.isInterrupted {
                let light = try devices.light(index, by: Shell.patience)
                index += 1
                let name = Text(light.name)
                if let wanted = arguments.first, wanted != name.bytes { continue }
                isFound = true
                terminal.out.add(name.bytes)
                terminal.out.add(": pin ")
                terminal.out.decimal(UInt64(light.pin))
                terminal.out.add(" of ")
                terminal.out.add(Text(light.bank).bytes)
                if light.holder == .none {
                    say(", which has no driver here")
                } else if arguments.count < 2 {
                    showLight(light)
                } else {
                    terminal.out.newLine()
                    setLight(light, arguments[1])
                }
                // It shows the light, and looks for ^C.
                terminal.pause(milliseconds: 1)
            }
        } catch {
            if error.of(DevicesError.self) != .noSuchLight { return say(error, DevicesError.self) }
        }
        if !isFound {
            say(index == 0 ? "the device tree has no lights" : "no such light; `led` lists them")
        }
    }

    /// Asks the pin of a light for its level, or sets it: the level, or nil where its driver does
    /// not answer so. A light hangs on a bank of pins, on the firmware's, or on none with a driver.
    private func lightPin(_ light: Light, set isHigh: Bool? = nil) -> Bool? {
        if light.holder == .firmware { return firmwarePin(light, set: isHigh) }
        guard light.pin < 64 else { return nil }
        // The slot may have the bank of another light.
        if light.driver != 0 { try? CapabilityTable.own.delete(Shell.slot(9)) }
        do throws(SystemError) {
            let bank = try GPIOClient(
                finding: Shell.slot(light.driver == 0 ? 2 : 9),
                instance: UInt8(truncatingIfNeeded: light.driver), by: Shell.patience)
            guard let isHigh else {
                return try bank.state(by: Shell.patience).levels >> UInt64(light.pin) & 1 == 1
            }
            try bank.set(Pin(number: UInt8(light.pin)), high: isHigh, by: Shell.patience)
            return isHigh
        } catch { return nil }
    }
    private func firmwarePin(_ light: Light, set isHigh: Bool?) -> Bool? {
        guard let pin = UInt8(exactly: light.pin),
            let firmware = try? FirmwareClient(finding: Shell.slot(3), by: Shell.patience)
        else { return nil }
        do throws(SystemError) {
            guard let isHigh else { return try firmware.level(ofPin: pin, by: Shell.patience) }
            try firmware.set(pin: pin, high: isHigh, by: Shell.patience)
            return isHigh
        } catch { return nil }
    }

    private mutating func showLight(_ light: Light) {
        guard let level = lightPin(light) else { return say(", which does not answer") }
        say(level != light.isActiveLow ? ", on" : ", off")
    }

    private mutating func setLight(_ light: Light, _ action: [UInt8]) {
        func write(_ isOn: Bool) -> Bool { lightPin(light, set: isOn != light.isActiveLow) != nil }
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
extension Text {
    fileprivate init(_ text: FixedString<32>) {
        self.init()
        for index in 0..<text.count { add(byte: text[index]) }
    }
}
