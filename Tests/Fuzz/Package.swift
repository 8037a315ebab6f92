// swift-tools-version: 6.2

import PackageDescription

// Built by .ci/fuzz only: libFuzzer brings its own main. The sources of the package are here by links,
// so that they are built with the fuzzer's eyes in them, and the command without its main.
let package = Package(
    name: "fuzz",
    targets: [
        .target(name: "CDrain", cSettings: [.define("_GNU_SOURCE")]),
        .target(name: "Drain", dependencies: ["CDrain"]),
        .systemLibrary(name: "CGetopt"),
        .target(name: "drain-run", dependencies: ["Drain", "CGetopt"], exclude: ["main.swift"]),
        .executableTarget(
            name: "fuzz", dependencies: ["CDrain", "Drain", "drain-run"], path: "Sources/Fuzz"),
    ],
    swiftLanguageModes: [.v6],
    cLanguageStandard: .gnu11
)
