// The boards that an emulator may have, and the trees to boot them with.

import ArgumentParser
import Foundation
import ToolCore

struct Board {
    /// The project's name of it.
    var name: String
    /// QEMU's name of it.
    var machine: String
    /// The project's tree, and the one of Linux, without folder and ending.
    var tree: String
    var linuxTree: String
    /// What the kernel says that it found.
    var finds: String

    static let all = [
        Board(
            name: "rpi3", machine: "raspi3b", tree: "raspberry-pi-3", linuxTree: "bcm2837-rpi-3-b",
            finds: "Raspberry Pi 3 Model B, 960 MiB, entered at EL2, BCM2836"),
        Board(
            name: "rpi4", machine: "raspi4b", tree: "raspberry-pi-4", linuxTree: "bcm2711-rpi-4-b",
            finds: "Raspberry Pi 4 Model B, 960 MiB, entered at EL2, GICv2"),
    ]

    /// Options that let the cores which the kernel leaves alone sleep in page 0. In the emulator's
    /// spin loop they would take turns with the first core: the clock would count their
    /// instructions too, and a run would take three times as long.
    static let parkedCores: [String] = {
        let (place, wait, branchBack) = ("addr=0x800", "d503207f", "17ffffff")
        let sleep = ["-device", "loader,\(place),data=0x\(branchBack)\(wait),data-len=8"]
        return sleep + (1...3).flatMap { ["-device", "loader,\(place),cpu-num=\($0)"] }
    }()

    /// Whose tree it is booted with.
    enum TreeOwner: String, CaseIterable, ExpressibleByArgument {
        case project, linux
        var text: String { self == .project ? "the project's tree" : "the tree of Linux" }
    }
    /// The compiled tree.
    func path(of owner: TreeOwner) throws -> String {
        switch owner {
        case .project: try compileTree("dts/\(tree).dts")
        case .linux: "build/linux-trees/broadcom/\(linuxTree).dtb"
        }
    }
    /// Why this board cannot be booted here with this tree; nil where it can.
    func obstacle(_ owner: TreeOwner) throws -> String? {
        let known = try output(of: Emulator.program(for: machine), ["-machine", "help"]).text
        if !known.contains(machine) {
            return "this QEMU has no such machine; QEMU 10 has it"
        }
        let path = try path(of: owner)
        return FileManager.default.fileExists(atPath: path)
            ? nil : "\(path) is not there; `make test-boards` fetches it"
    }
}

extension Emulator {
    /// Becomes the board of the project's name, with the project's tree.
    mutating func become(_ name: String) throws {
        guard let board = Board.all.first(where: { $0.name == name }) else {
            throw ToolError(
                "no board \(name): there are virt, \(Board.all.map(\.name).joined(separator: ", "))"
            )
        }
        if let obstacle = try board.obstacle(.project) { throw ToolError("\(name): \(obstacle)") }
        machine = board.machine
        tree = try board.path(of: .project)
    }
}
