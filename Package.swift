// swift-tools-version: 6.2

import PackageDescription

let strict: [SwiftSetting] = [.strictMemorySafety(), .treatAllWarnings(as: .error)]

let package = Package(
    name: "drain",
    products: [
        .library(name: "Drain", targets: ["Drain"]),
        .executable(name: "drain-run", targets: ["drain-run"]),
    ],
    targets: [
        .target(
            name: "CDrain",
            cSettings: [
                .define("_GNU_SOURCE"),
                .enableWarning("all"),
                .enableWarning("extra"),
                .enableWarning("shadow"),
                .enableWarning("strict-prototypes"),
                .enableWarning("missing-prototypes"),
                .treatAllWarnings(as: .error),
            ]
        ),
        .target(name: "Drain", dependencies: ["CDrain"], swiftSettings: strict),
        // getopt_long(3) is not in the Swift module of the C library.
        .systemLibrary(name: "CGetopt"),
        .executableTarget(
            name: "drain-run", dependencies: ["Drain", "CGetopt"], swiftSettings: strict),
        // One program that misbehaves as it is told to, for the tests and the benchmarks.
        .executableTarget(
            name: "misbehave",
            path: "Tests/Misbehave",
            cSettings: [
                .define("_GNU_SOURCE"),
                .enableWarning("all"),
                .enableWarning("extra"),
                .treatAllWarnings(as: .error),
            ]
        ),
        // A program that uses the library, for the tests that end it.
        .executableTarget(
            name: "drain-host", dependencies: ["Drain"], path: "Tests/Host",
            swiftSettings: [.treatAllWarnings(as: .error)]),
        // What plain C does for the same work.
        .target(
            name: "Floors", path: "bench/Floors",
            cSettings: [
                .define("_GNU_SOURCE"), .enableWarning("all"), .enableWarning("extra"),
                .treatAllWarnings(as: .error),
            ]),
        .executableTarget(
            name: "bench", dependencies: ["Drain", "Floors", "drain-run", "misbehave"], path: "bench",
            exclude: ["Floors"],
            swiftSettings: [.treatAllWarnings(as: .error)]),
        // Many runs in one process, and what they leave in it.
        .executableTarget(
            name: "soak", dependencies: ["Drain"], path: "Tests/Soak",
            swiftSettings: [.treatAllWarnings(as: .error)]),
        .testTarget(name: "DrainTests", dependencies: ["Drain", "CDrain", "misbehave"]),
        .testTarget(
            name: "CommandTests", dependencies: ["drain-run", "drain-host", "Drain", "misbehave"]),
    ],
    swiftLanguageModes: [.v6],
    cLanguageStandard: .gnu11
)
