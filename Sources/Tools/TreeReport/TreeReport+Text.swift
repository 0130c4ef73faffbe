// The report in words, for a terminal.

import DeviceTree

extension TreeReport {
    /// Lines of text.
    public var text: String {
        var lines = [model.isEmpty ? "no model" : model, "  compatible   \(list(compatible))"]
        lines.append("  \(verdict)")
        if let refusal { lines.append("  remedy       \(refusal.cause.remedy)") }
        let manifest = board.map {
            "\($0.name)\($0.isFallback ? ", for want of one for this board" : "")"
        }
        lines.append("  manifest     \(manifest ?? "none")")
        lines += machineLines + memoryLines
        lines += sharedPhandles.map { "  one phandle  \(list($0)): the first is taken" }
        for device in devices {
            let places = device.registers.map { hexadecimal($0.base) }.joined(separator: " ")
            lines.append(
                "  device       \(device.path)  \(places.isEmpty ? "-" : places)"
                    + "  irq \(interrupts(of: device))"
                    + "\(memoryWindow(of: device))  \(list(device.compatible))  \(state(device))")
        }
        return lines.joined(separator: "\n") + "\n"
    }

    /// All lines of the device, and how many interrupts lead elsewhere.
    private func interrupts(of device: Device) -> String {
        var words = device.lines.map(String.init)
        if device.foreignInterrupts > 0 { words.append("(\(device.foreignInterrupts) elsewhere)") }
        return words.isEmpty ? "-" : words.joined(separator: " ")
    }

    /// The device's own address for memory, the processor's, and how many bytes.
    private func memoryWindow(of device: Device) -> String {
        guard let window = device.memoryWindow else { return "" }
        if window.bytes == 0 { return "  dma none" }
        return
            "  dma \(hexadecimal(window.bus)) to \(hexadecimal(window.physical)) "
            + "\(size(window.bytes))"
    }

    /// What becomes of a device.
    private func state(_ device: Device) -> String {
        let reason = device.refusal?.rawValue ?? device.problem.map { text($0) }
        guard let driver = device.driver else {
            return reason.map { "damaged: \($0)" } ?? "(no driver)"
        }
        return reason.map { "\(driver) does not start: \($0)" } ?? driver
    }

    /// One line: boots, or why not.
    public var verdict: String {
        refusal.map { "refused: \(text($0))" } ?? "boots"
    }

    /// What is wrong, where, and in which property.
    private func text(_ problem: Problem) -> String {
        var text = "\(problem.cause.message)"
        if !problem.path.isEmpty { text += ", at \(problem.path)" }
        if problem.property != .none { text += ", property \(problem.property.name)" }
        return text
    }

    private var machineLines: [String] {
        var lines: [String] = []
        if controller == .none {
            lines.append("  controller   none that the kernel knows")
        } else {
            lines.append(
                "  controller   \(controller.name), \(range(distributor)), \(range(interface))")
        }
        lines.append("  timer        \(timerLine == 0 ? "none" : "line \(timerLine)")")
        switch console {
        case .none:
            let reason = consoleProblem.map { ": \(text($0))" } ?? " that the kernel can write to"
            lines.append("  console      none\(reason)")
        case .pl011: lines.append("  console      PL011, \(range(consoleRegisters))")
        case .miniUART: lines.append("  console      mini-UART, \(range(consoleRegisters))")
        }
        switch power {
        case .none: lines.append("  power        cannot be switched")
        case .hvc: lines.append("  power        PSCI by hvc")
        case .smc: lines.append("  power        PSCI by smc")
        }
        return lines + coreLines
    }

    private var coreLines: [String] {
        var lines = cores.map { core in
            let affinity = core.affinity.map(hexadecimal) ?? "-"
            let state = core.start ?? "left out: \(core.problem.map(text) ?? "")"
            return "  core         \(affinity)  \(core.path)  \(state)"
        }
        let others = coreCount - cores.count
        if others > 0 {
            lines.append("  more cores   \(others): the kernel runs on \(cores.count) at most")
        }
        return lines
    }

    private var memoryLines: [String] {
        var lines = memory.map { "  memory       \(range($0))" }
        lines += reserved.map { "  reserved     \(range($0))" }
        lines += usable.map { "  usable       \(range($0))" }
        if unreachable > 0 { lines.append("  out of reach \(size(unreachable))") }
        return lines
    }

    private func list(_ names: [String]) -> String { names.joined(separator: ", ") }
    private func range(_ range: RegisterRange) -> String {
        "\(hexadecimal(range.base)) \(size(range.size))"
    }
    private func hexadecimal(_ value: UInt64) -> String { "0x" + String(value, radix: 16) }
    private func size(_ bytes: UInt64) -> String {
        if bytes >= 1 << 20 && bytes % (1 << 20) == 0 { return "\(bytes >> 20) MiB" }
        if bytes >= 1 << 10 && bytes % (1 << 10) == 0 { return "\(bytes >> 10) KiB" }
        return "\(bytes) B"
    }
}
