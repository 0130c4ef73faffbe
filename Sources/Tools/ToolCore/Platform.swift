// The folder `platform`: system.toml holds the tasks of every board, and */system.toml those of one
// board or of boards that are alike. Together they make a manifest for each board;
// ManifestFile+Words.swift says in words what a manifest refuses.

import Foundation
import Protocols
import ServiceCores

/// The system.toml files of all boards.
public struct Platform {
    /// A board's own file.
    public struct Board {
        /// Its folder's name.
        public var name: String
        var file: SystemFile

        public init(name: String, file: SystemFile) throws {
            if file.boards == nil {
                throw file.error("[board] is missing, which says what boards this file is for")
            }
            self.name = name
            self.file = file
        }
    }

    /// Tasks of every board.
    let common: [ListedTask]
    /// What tasks of every board share.
    let commonShares: [ListedSharing]
    let boards: [Board]

    public init(common: [SystemFile], boards: [Board]) throws {
        try common.forEach(Platform.checkCommon)
        self.common = common.flatMap(\.tasks)
        commonShares = common.flatMap(\.shares)
        self.boards = boards
    }

    /// Reads a folder.
    ///
    /// - Parameter more: further files with tasks for every board.
    public init(folder: String, more: [String] = []) throws {
        let common = try (["\(folder)/system.toml"] + more).map {
            try SystemFile(toml: try text(of: $0), path: $0)
        }
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder))?.sorted() ?? []
        let boards = try names.compactMap { name -> Board? in
            let path = "\(folder)/\(name)/system.toml"
            if !FileManager.default.fileExists(atPath: path) { return nil }
            return try Board(name: name, file: try SystemFile(toml: try text(of: path), path: path))
        }
        if boards.isEmpty {
            throw ToolError("\(folder): no board: there is no \(folder)/*/system.toml")
        }
        try self.init(common: common, boards: boards)
    }

    private static func checkCommon(_ file: SystemFile) throws {
        if file.boards != nil || !file.additions.isEmpty {
            throw file.error(
                "[board] and [[addition]] are for a file of one board: platform/BOARD/system.toml")
        }
    }

    /// A board's tasks: those of every board, with what it adds to them, and its own.
    ///
    /// - Parameter methods: nil leaves out what they open.
    func tasks(of board: Board, _ methods: MethodList? = nil) throws -> [ListedTask] {
        var tasks = common + board.file.tasks
        var methods = methods
        for task in tasks {
            guard let interface = task.interface else { continue }
            do throws(OpensError) {
                try methods?.add(task.description.provides, interface: interface)
            } catch { throw task.error(.interface, "interface: \(error.text)") }
        }
        if let methods { for index in tasks.indices { try tasks[index].open(methods) } }
        for addition in board.file.additions {
            guard let index = common.firstIndex(where: { $0.description.name == addition.task })
            else { throw addition.error(.task, "no task of every board is called so") }
            if let methods { try addition.open(methods, for: &tasks[index].description) }
            let privileges = tasks[index].description.privileges
            tasks[index].description.privileges = privileges | addition.privileges
        }
        for task in tasks {
            do throws(OpensError) { try methods?.checkLines(task.description.opens) } catch {
                throw task.error(.opens, "opens: \(error.text)")
            }
        }
        return tasks
    }

    /// What a board's tasks share.
    func shares(of board: Board) -> [ListedSharing] { commonShares + board.file.shares }

    private func manifest(_ board: Board, _ tasks: [ListedTask]) -> Manifest {
        Manifest(
            boards: board.file.boards ?? Boards(), tasks: tasks.map(\.description),
            shares: shares(of: board).map(\.description))
    }

    /// The encoded manifest of each board, by the board's name.
    ///
    /// - Parameters:
    ///   - binaries: names of the ELF files that come with them; each task's must be among them.
    ///   - methods: of the services that tasks open.
    public func manifests(
        binaries: [String], methods: MethodList
    ) throws -> [(name: String, bytes: [UInt8])] {
        try checkBoards()
        return try boards.map { ($0.name, try encode($0, binaries, methods)) }
    }

    /// No board may be named twice, and one file at most can be the one for boards that none names.
    private func checkBoards() throws {
        var names: [String: String] = [:]
        for board in boards {
            for value in board.file.boards?.compatible ?? [] {
                let name = String(decoding: value.bytes, as: UTF8.self)
                if let other = names.updateValue(board.file.path, forKey: name) {
                    throw board.file.boardError(.compatible, "\"\(name)\" is named by \(other) too")
                }
            }
        }
        let fallbacks = boards.filter { $0.file.boards?.isFallback == true }
        if fallbacks.count > 1 {
            throw fallbacks[1].file.boardError(
                .fallback, "\(fallbacks[0].file.path) is the fallback already")
        }
    }

    private func encode(
        _ board: Board, _ binaries: [String], _ methods: MethodList
    ) throws -> [UInt8] {
        let tasks = try tasks(of: board, methods)
        let manifest = manifest(board, tasks)
        let bytes: [UInt8]
        do throws(ManifestError) { bytes = try manifest.encode() } catch {
            throw error.inWords(tasks, shares(of: board))
        }
        for task in tasks {
            let binary = task.description.binary.text
            if !binaries.contains(binary) {
                throw task.error(.binary, "no entry of the bundle is called \(binary), its binary")
            }
            for access in task.description.opens where !manifest.provides(access.service) {
                let text =
                    "opens \"\(access.service.text)\", which no task provides on the board "
                    + board.name
                let addition = board.file.additions.first {
                    $0.task == task.description.name
                        && $0.opens.contains { $0.service == access.service }
                }
                throw addition?.error(.opens, text) ?? task.error(.opens, text)
            }
        }
        return bytes
    }

    /// What the system files may say, but should not: a task that is as urgent as the shell or
    /// more, and has no heartbeat, may silence the board, and is not ended.
    public var warnings: [String] {
        let all = common + boards.flatMap(\.file.tasks)
        guard let shell = common.map(\.description).first(where: { $0.name == Name("shell") })
        else { return [] }
        return all.compactMap { listed in
            let task = listed.description
            if task.start == .demand || task.priority < shell.priority || task.heartbeat > 0 {
                return nil
            }
            if task.name == shell.name || task.provides == Name("supervisor") { return nil }
            let text =
                "heartbeat_ms is missing; its priority is \(task.priority), the shell's "
                + "\(shell.priority): if it hangs, nobody can type, and nothing ends it"
            return listed.error(.priority, text).description
        }
    }

    /// Which binary each task of any board is.
    public var taskBinaries: [String: String] {
        let tasks = (common + boards.flatMap(\.file.tasks)).map(\.description)
        return Dictionary(
            tasks.map { ($0.name.text, $0.binary.text) }, uniquingKeysWith: { first, _ in first })
    }

    /// The manifest that the root task takes: the board's name, and its drivers in the manifest's
    /// order; nil where none fits and none is the fallback.
    ///
    /// - Parameter compatible: of the device tree's root.
    public func choice(
        for compatible: [String]
    ) throws -> (board: String, isFallback: Bool, drivers: [TaskDescription])? {
        let root: [UInt8] = compatible.flatMap { Array($0.utf8) + [0] }
        func rank(_ board: Board) -> Int? { board.file.boards?.rank(for: root.span) }
        let fitting = boards.filter { rank($0) != nil }.min { rank($0) ?? 0 < rank($1) ?? 0 }
        guard let board = fitting ?? boards.first(where: { $0.file.boards?.isFallback == true })
        else { return nil }
        return (
            board.name, fitting == nil,
            try tasks(of: board).map(\.description).filter { !$0.compatible.isEmpty }
        )
    }
}

extension Manifest {
    /// Drivers of several devices of a kind provide a numbered service each.
    fileprivate func provides(_ service: Name) -> Bool {
        if RootService(named: service) != nil { return true }
        let parts = service.text.split(separator: ".", omittingEmptySubsequences: false)
        let isNumbered = parts.count > 1 && Int(parts[parts.count - 1]) != nil
        let kind = isNumbered ? parts.dropLast().joined(separator: ".") : nil
        return tasks.contains {
            $0.provides == service || $0.start == .device && $0.provides.text == kind
        }
    }
}

extension ListedTask {
    /// Adds what the task opens, and what its own clients may call.
    fileprivate mutating func open(_ methods: MethodList) throws {
        description.openMethods = methods.openMethods(of: description.provides)
        for entry in opens {
            do throws(OpensError) { try description.opens.add(entry, methods) } catch {
                throw self.error(.opens, entry.refusal(error))
            }
        }
    }
}
extension Addition {
    fileprivate func open(_ methods: MethodList, for task: inout TaskDescription) throws {
        for entry in opens {
            do throws(OpensError) { try task.opens.add(entry, methods) } catch {
                throw self.error(.opens, entry.refusal(error))
            }
        }
    }
}

func text(of path: String) throws -> String {
    guard let data = FileManager.default.contents(atPath: path) else {
        throw ToolError("\(path): cannot be read")
    }
    return String(decoding: data, as: UTF8.self)
}

/// Says of which file an error is.
public func within<Result>(_ path: String, _ work: () throws -> Result) throws -> Result {
    do { return try work() } catch let error as ToolError { throw ToolError("\(path): \(error)") }
}
