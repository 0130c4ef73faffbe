// swift-tools-version: 6.2
// The one build description. It has two faces:
//   * without SWIFTLET_TARGET: the host's face (libraries, the `swiftlet` command, host tests);
//   * with SWIFTLET_TARGET=aarch64: the board's face (kernel and tasks, each an ELF file), built
//     with `--triple aarch64-none-none-elf --toolset platform/aarch64.json`.
// It states which target may import which; the build enforces that by
// `--explicit-target-dependency-import-check error`.
import PackageDescription

let onTarget = Context.environment["SWIFTLET_TARGET"] != nil
let root = Context.packageDirectory

/// Keeps floating-point registers out of the kernel and of tasks. A compiler copies memory through
/// them, and from then on every switch to and from the thread costs more (docs/decisions/0005).
let integersOnly: [SwiftSetting] = onTarget ? [.unsafeFlags(["-Xcc", "-mgeneral-regs-only"])] : []
let integersOnlyC: [CSetting] = onTarget ? [.unsafeFlags(["-mgeneral-regs-only"])] : []
let strict: [SwiftSetting] =
    [
        .swiftLanguageMode(.v6),
        .strictMemorySafety(),
        .enableExperimentalFeature("Lifetimes"),
        .unsafeFlags(["-warnings-as-errors"]),
    ] + integersOnly
/// For code that may run in the kernel: no allocation.
let kernelFlags: [SwiftSetting] = onTarget ? strict + [.unsafeFlags(["-no-allocations"])] : strict
let benchmarkBuild: [SwiftSetting] =
    Context.environment["SWIFTLET_BENCHMARK"] != nil ? [.define("BENCHMARK")] : []
/// The entries for one core and for several are alike. Merged, they would call one another.
let ownInstances: [SwiftSetting] =
    onTarget ? [.unsafeFlags(["-Xllvm", "-swiftmergefunc-threshold=0"])] : []
/// For tasks without a heap.
let noHeap: [SwiftSetting] = onTarget ? strict + [.unsafeFlags(["-no-allocations"])] : strict
/// Debian's libfdt: on the host from where it is installed, for the target from its arm64 package
/// under build/sysroot.
let libfdtHeaders =
    onTarget
    ? [
        "-I", "\(root)/build/sysroot/usr/include",
        "-I", "\(root)/Sources/Shared/CLibFDT/freestanding",
    ] : []
let libfdtSwift: [SwiftSetting] =
    onTarget ? [.unsafeFlags(libfdtHeaders.flatMap { ["-Xcc", $0] })] : []
let libfdtLibrary: [LinkerSetting] =
    onTarget
    ? [
        .unsafeFlags([
            "-Xlinker", "-L\(root)/build/sysroot/usr/lib/aarch64-linux-gnu", "-Xlinker", "-lfdt",
        ])
    ] : []
/// A C library in the test task: Debian's picolibc, under build/picolibc.
let picolibc = "\(root)/build/picolibc/usr/lib/picolibc/aarch64-linux-gnu"

func linked(_ script: String) -> [LinkerSetting] {
    onTarget
        ? [
            .unsafeFlags([
                "-Xlinker", "-T", "-Xlinker", "\(root)/linker/\(script)",
                "-Xlinker", "--gc-sections", "-Xlinker", "-z", "-Xlinker", "max-page-size=4096",
                "-Xlinker", "--fix-cortex-a53-843419",
            ])
        ] : []
}
func path(_ group: String, _ name: String) -> String { "Sources/\(group)/\(name)" }
func library(
    _ group: String, _ name: String, _ dependencies: [Target.Dependency] = [],
    swift: [SwiftSetting] = strict
) -> Target {
    .target(name: name, dependencies: dependencies, path: path(group, name), swiftSettings: swift)
}
/// A task's entry is a function, also where the task is a single file.
let taskFlags: [SwiftSetting] = [.unsafeFlags(["-parse-as-library"])]
/// A task: one ELF file with its own address space. On the host, a library for tests.
func task(
    _ group: String, _ name: String, _ dependencies: [Target.Dependency],
    swift: [SwiftSetting] = strict, linker: [LinkerSetting] = []
) -> Target {
    let all: [Target.Dependency] = ["UserRuntime"] + dependencies
    if !onTarget { return library(group, name, all, swift: swift) }
    return .executableTarget(
        name: name, dependencies: all, path: path(group, name), swiftSettings: swift + taskFlags,
        linkerSettings: linked("task.ld") + linker)
}

/// What generates clients and servers from the protocols of services; `make` builds it.
let interfaceMacros: [SwiftSetting] = [
    .unsafeFlags(["-load-plugin-library", "\(root)/build/macros/libInterfaceMacros.so"])
]
/// Memory and text of C; on the host they are the C library's.
let memoryOfC: [Target.Dependency] = onTarget ? ["CMemory"] : []

var targets: [Target] = [
    library("Shared", "KernelABI", swift: kernelFlags),
    library("Shared", "MMIO", swift: kernelFlags),
    .target(
        name: "CLibFDT", path: path("Shared", "CLibFDT"), exclude: ["freestanding"],
        cSettings: onTarget ? integersOnlyC + [.unsafeFlags(libfdtHeaders)] : []),
    library("Shared", "DeviceTree", ["CLibFDT"], swift: kernelFlags + libfdtSwift),

    // On the host, a model of the processor in place of the processor.
    .target(
        name: "CAArch64", dependencies: memoryOfC, path: path("Kernel", "CAArch64"),
        exclude: ["Lock.inc", "VectorTable.inc"]
            + (onTarget
                ? ["Model.c"] : ["Boot.S", "Memory.S", "StackGuard.c", "State.c", "Vectors.S"]),
        cSettings: integersOnlyC),
    library("Kernel", "HardwareInterface", ["KernelABI"], swift: kernelFlags),
    library("Kernel", "KernelLock", ["KernelABI", "CAArch64"], swift: kernelFlags),
    library(
        "Kernel", "AArch64", ["KernelABI", "HardwareInterface", "CAArch64"], swift: kernelFlags),
    library(
        "Kernel", "KernelCore", ["KernelABI", "HardwareInterface"],
        swift: kernelFlags + benchmarkBuild),
    library(
        "Kernel", "PlatformDrivers",
        ["KernelABI", "HardwareInterface", "MMIO", "DeviceTree", "CAArch64"],
        swift: kernelFlags + libfdtSwift),

    // On the host, a model of the kernel in place of the kernel.
    .target(
        name: "CUserEntry", dependencies: memoryOfC, path: path("User", "CUserEntry"),
        exclude: onTarget
            ? ["Model.c"] : ["Heap.c", "Locks.c", "StackGuard.c", "Start.S", "ThreadLocals.c"],
        cSettings: onTarget ? integersOnlyC + [.unsafeFlags(["-fno-builtin"])] : []),
    library("User", "UserRuntime", ["KernelABI", "CUserEntry", "Protocols"]),
    library("User", "Protocols", ["KernelABI"]),
    library(
        "User", "Interfaces", ["KernelABI", "Protocols", "UserRuntime"],
        swift: noHeap + interfaceMacros),
    library("Drivers", "DriverCores", ["MMIO"], swift: noHeap),
    library(
        "Drivers", "PinService", ["Interfaces", "DriverCores"],
        swift: noHeap),
    library(
        "Drivers", "BlockService", ["Interfaces", "DriverCores"], swift: noHeap),
    library(
        "Drivers", "SerialService", ["Interfaces", "DriverCores"], swift: noHeap),
    library("Services", "ServiceCores", ["KernelABI", "Protocols"]),
    library("Benchmarks", "BenchmarkStatistics", swift: kernelFlags),
    library("Benchmarks", "LoadGenerator", ["KernelABI"], swift: kernelFlags),

    task(
        "Services", "RootTask",
        ["KernelABI", "Interfaces", "Protocols", "ServiceCores", "DeviceTree"],
        swift: strict + libfdtSwift, linker: libfdtLibrary),
]

if onTarget {
    targets += [
        .target(
            name: "CMemory", path: path("Shared", "CMemory"),
            cSettings: integersOnlyC + [.unsafeFlags(["-fno-builtin"])]),
        .executableTarget(
            name: "KernelImage",
            dependencies: [
                "KernelABI", "MMIO", "DeviceTree", "HardwareInterface", "KernelCore", "CAArch64",
                "AArch64", "PlatformDrivers", "KernelLock",
            ],
            path: path("Kernel", "KernelImage"),
            swiftSettings: kernelFlags + benchmarkBuild + libfdtSwift + ownInstances,
            linkerSettings: linked("kernel.ld") + libfdtLibrary),

        task(
            "Drivers", "SerialDriver", ["SerialService", "Interfaces", "DriverCores", "MMIO"],
            swift: noHeap),
        task("Drivers", "BCM2835GPIODriver", ["PinService", "DriverCores", "MMIO"], swift: noHeap),
        task(
            "Drivers", "BCM2835TimerDriver", ["Interfaces", "DriverCores", "MMIO"], swift: noHeap),
        task(
            "Drivers", "BCM2835RandomDriver", ["Interfaces", "DriverCores", "MMIO"],
            swift: noHeap),
        task(
            "Drivers", "BCM2835MailboxDriver", ["Interfaces", "DriverCores", "MMIO"],
            swift: noHeap),
        task(
            "Drivers", "BCM2835PowerDriver", ["Interfaces", "DriverCores", "MMIO"], swift: noHeap),
        task("Drivers", "PL031Driver", ["Interfaces", "DriverCores", "MMIO"], swift: noHeap),
        task("Drivers", "PL061Driver", ["PinService", "DriverCores", "MMIO"], swift: noHeap),

        task(
            "Drivers", "SDHostDriver", ["BlockService", "Interfaces", "DriverCores", "MMIO"],
            swift: noHeap),
        task(
            "Drivers", "SDHCIDriver", ["BlockService", "Interfaces", "DriverCores", "MMIO"],
            swift: noHeap),

        task("Services", "Supervisor", ["Interfaces", "Protocols", "ServiceCores"]),
        task(
            "Services", "DeviceManager", ["Interfaces", "Protocols", "ServiceCores", "DeviceTree"],
            swift: strict + libfdtSwift, linker: libfdtLibrary),
        task("Services", "NameService", ["Interfaces", "Protocols", "ServiceCores"]),
        task("Services", "Log", ["Interfaces", "Protocols", "ServiceCores"]),
        task("Services", "TimeService", ["Interfaces", "Protocols", "ServiceCores"]),
        task("Services", "Shell", ["Interfaces", "Protocols", "ServiceCores"]),

        .target(name: "CBenchmark", path: path("Benchmarks", "CBenchmark")),
        task(
            "Benchmarks", "LatencyBenchmark",
            [
                "KernelABI", "Interfaces", "CBenchmark", "BenchmarkStatistics", "LoadGenerator",
                "DeviceTree",
            ],
            swift: kernelFlags + interfaceMacros + libfdtSwift, linker: libfdtLibrary),

        .executableTarget(
            name: "Intruder",
            dependencies: ["KernelABI", "UserRuntime", "Interfaces", "Protocols"],
            path: "Tests/OnTarget/Intruder",
            exclude: ["system.toml", "intruder.dts"], swiftSettings: noHeap + taskFlags,
            linkerSettings: linked("task.ld")),
        .executableTarget(
            name: "Culprit",
            dependencies: [
                "KernelABI", "CUserEntry", "UserRuntime", "Interfaces", "Protocols", "ServiceCores",
            ],
            path: "Tests/OnTarget/Culprit", exclude: ["system.toml"],
            swiftSettings: strict + taskFlags, linkerSettings: linked("task.ld")),
        .executableTarget(
            name: "Nuisance",
            dependencies: [
                "KernelABI", "UserRuntime", "Interfaces", "Protocols", "ServiceCores",
            ],
            path: "Tests/OnTarget/Nuisance",
            exclude: [
                "broken", "broken-endless", "broken-mute", "broken-names", "broken-serial", "card",
                "console",
                "flood",
                "messages", "options", "power",
            ],
            swiftSettings: strict + taskFlags,
            linkerSettings: linked("task.ld")),
        .executableTarget(
            name: "Hog",
            dependencies: ["KernelABI", "UserRuntime", "Interfaces", "Protocols", "ServiceCores"],
            path: "Tests/OnTarget/Hog", exclude: ["system.toml"], swiftSettings: strict + taskFlags,
            linkerSettings: linked("task.ld")),
        task("Examples", "EarliestDeadline", ["Protocols"]),
        .executableTarget(
            name: "Exchange",
            dependencies: ["KernelABI", "UserRuntime", "Interfaces", "Protocols", "ServiceCores"],
            path: "Tests/OnTarget/Exchange", exclude: ["system.toml"],
            swiftSettings: strict + interfaceMacros + taskFlags, linkerSettings: linked("task.ld")),
        .target(
            name: "CTargetTests", dependencies: memoryOfC, path: "Tests/OnTarget/CTargetTests",
            cSettings: integersOnlyC
                + [.unsafeFlags(["-fno-builtin", "-isystem", "\(picolibc)/include"])]),
        .executableTarget(
            name: "TargetTests",
            dependencies: [
                "KernelABI", "MMIO", "CUserEntry", "UserRuntime", "CTargetTests", "DeviceTree",
            ],
            path: "Tests/OnTarget/TargetTests",
            swiftSettings: strict + taskFlags + libfdtSwift,
            linkerSettings: linked("task.ld") + libfdtLibrary
                + [.unsafeFlags(["-Xlinker", "-L\(picolibc)/lib", "-Xlinker", "-lc"])]),
    ]
} else {
    targets += [
        library("Tools", "TreeReport", ["DeviceTree"]),
        // Debian's disassembler, for `swiftlet wcet`.
        .systemLibrary(
            name: "CCapstone", path: path("Tools", "CCapstone"),
            providers: [.apt(["libcapstone-dev"])]),
        .target(
            name: "ToolCore",
            dependencies: [
                "KernelABI", "Protocols", "ServiceCores", "CCapstone",
                .product(name: "TOMLKit", package: "TOMLKit"),
            ],
            path: "Sources/Tools/ToolCore", swiftSettings: [.swiftLanguageMode(.v6)]),
        .executableTarget(
            name: "swiftlet",
            dependencies: [
                "ToolCore", "TreeReport",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            path: "Sources/Tools/swiftlet", swiftSettings: [.swiftLanguageMode(.v5)]),
        .testTarget(
            name: "ToolCoreTests", dependencies: ["ToolCore", "KernelABI", "ServiceCores"],
            swiftSettings: [.swiftLanguageMode(.v6)]),
        // The trap glue of a model machine, for the kernel core's tests and the explorer.
        .target(
            name: "TestSupport", dependencies: ["KernelCore", "KernelABI", "HardwareInterface"],
            path: "Tests/TestSupport", swiftSettings: [.swiftLanguageMode(.v6)]),
        .testTarget(
            name: "KernelCoreTests",
            dependencies: [
                "KernelCore", "KernelABI", "HardwareInterface", "TestSupport", "RootTask",
                "UserRuntime", "CUserEntry", "ServiceCores", "Protocols", "Interfaces",
            ],
            swiftSettings: [.swiftLanguageMode(.v6)]),
        .testTarget(
            name: "DeviceTreeTests", dependencies: ["DeviceTree", "TreeReport"],
            swiftSettings: [.swiftLanguageMode(.v6)]),
        .testTarget(
            name: "PlatformDriversTests",
            dependencies: [
                "PlatformDrivers", "HardwareInterface", "KernelABI", "MMIO", "DeviceTree",
                "CAArch64",
            ],
            swiftSettings: [.swiftLanguageMode(.v6)]),
        .testTarget(
            name: "AArch64Tests",
            dependencies: ["AArch64", "CAArch64", "HardwareInterface", "KernelABI"],
            swiftSettings: [.swiftLanguageMode(.v6)]),
        .testTarget(
            name: "KernelLockTests", dependencies: ["KernelLock", "CAArch64", "KernelABI"],
            swiftSettings: [.swiftLanguageMode(.v6)]),
        .testTarget(
            name: "DriverCoresTests",
            dependencies: [
                "DriverCores", "MMIO", "PinService", "BlockService", "SerialService", "Interfaces",
                "Protocols", "UserRuntime", "CUserEntry", "KernelABI",
            ],
            swiftSettings: [.swiftLanguageMode(.v6)]),
        .testTarget(
            name: "UserRuntimeTests",
            dependencies: ["UserRuntime", "CUserEntry", "KernelABI", "Protocols"],
            swiftSettings: [.swiftLanguageMode(.v6)]),
        .testTarget(
            name: "InterfaceTests",
            dependencies: [
                "Interfaces", "UserRuntime", "CUserEntry", "KernelABI", "SerialService",
                "DriverCores",
            ],
            swiftSettings: [.swiftLanguageMode(.v6)] + interfaceMacros),
        .testTarget(
            name: "ServiceCoresTests", dependencies: ["ServiceCores", "Protocols"],
            swiftSettings: [.swiftLanguageMode(.v6)]),
        .testTarget(
            name: "BenchmarkStatisticsTests",
            dependencies: ["BenchmarkStatistics", "LoadGenerator"],
            swiftSettings: [.swiftLanguageMode(.v6)]),
    ]
}

// The explorer is built by itself, optimised (`make explorer`).
if Context.environment["SWIFTLET_EXPLORER"] != nil {
    targets.append(
        .executableTarget(
            name: "Explorer",
            dependencies: ["KernelCore", "KernelABI", "HardwareInterface", "TestSupport"],
            path: "Tests/Explorer", swiftSettings: [.swiftLanguageMode(.v6)]))
}

let package = Package(
    name: "Swiftlet",
    dependencies: onTarget
        ? []
        : [
            .package(url: "https://github.com/apple/swift-argument-parser", from: "1.5.0"),
            .package(url: "https://github.com/LebJe/TOMLKit", from: "0.6.0"),
        ],
    targets: targets
)
