// swift-tools-version: 6.2
import PackageDescription

// Every Swift target is held to the same rules: language mode 6, no warnings,
// explicit existentials, and no import leaking through a public interface by accident.
let rules: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .treatAllWarnings(as: .error),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  // The floors are separate modules; the hot path crosses them on every request.
  .unsafeFlags(["-cross-module-optimization"], .when(configuration: .release)),
]

// What one thread owns is not asked at run time whether it is used twice at once: in the data plane that took a seventh
// of all instructions. Debug builds ask, and so do all tests, the soak and the sanitizers.
let dataPlaneRules =
  rules + [.unsafeFlags(["-enforce-exclusivity=unchecked"], .when(configuration: .release))]

// Made fast also for debug builds: what tests move megabytes with, and nothing that is tested.
let quick = rules + [.unsafeFlags(["-O"], .when(configuration: .debug))]

// What the compiler cannot check is marked where it stands.
let strict: [SwiftSetting] = [.strictMemorySafety()]

func dataPlaneFloor(_ name: String, _ lower: Target.Dependency...) -> Target {
  .target(name: name, dependencies: lower, swiftSettings: dataPlaneRules + strict)
}

func floor(_ name: String, _ lower: Target.Dependency...) -> Target {
  .target(name: name, dependencies: lower, swiftSettings: rules + strict)
}

func tests(_ name: String, _ tested: Target.Dependency...) -> Target {
  .testTarget(name: name + "Tests", dependencies: ["TestRun"] + tested, swiftSettings: rules)
}

let package = Package(
  name: "certd",
  products: [.executable(name: "certd", targets: ["certd"])],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0")
  ],
  targets: [
    // Floor 0: system libraries, and one small C shim each for macros and variadics.
    .systemLibrary(
      name: "COpenSSL", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),
    .systemLibrary(name: "CYAML", pkgConfig: "yaml-0.1", providers: [.apt(["libyaml-dev"])]),
    .systemLibrary(
      name: "CNGHTTP2", pkgConfig: "libnghttp2", providers: [.apt(["libnghttp2-dev"])]),
    .systemLibrary(name: "CSQLite", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"])]),
    .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
    .target(name: "CLinux", cSettings: [.define("_GNU_SOURCE")]),

    // Floor 1
    dataPlaneFloor("OS", "CLinux"),
    dataPlaneFloor("Bytes"),
    dataPlaneFloor("JSON"),
    floor("SQLite", "CSQLite"),

    // Floor 2
    dataPlaneFloor("HTTP", "Bytes"),
    dataPlaneFloor("HTTP2", "HTTP", "CNGHTTP2"),
    floor("PKI", "Bytes", "COpenSSL"),
    dataPlaneFloor("TLS", "COpenSSL"),
    dataPlaneFloor("EventLoop", "OS"),
    dataPlaneFloor("Telemetry", "JSON", "Bytes", "OS"),
    dataPlaneFloor("ModelAPI", "JSON"),
    floor("ZeroMQ"),

    // Floor 3
    floor("HTTPClient", "TLS", "HTTP", "HTTP2", "EventLoop", "OS", "Bytes", "PKI"),
    floor("ACME", "PKI", "HTTP", "JSON", "Bytes"),
    floor("CertStore", "OS", "PKI", "Bytes"),
    dataPlaneFloor("Upstream", "HTTP"),
    dataPlaneFloor("APIKeys", "OS", "PKI", "JSON", "Bytes"),
    dataPlaneFloor("Exchange", "HTTP", "JSON", "ModelAPI"),
    floor("DNS", "OS", "PKI", "Bytes"),
    floor("GCP", "HTTPClient", "PKI", "HTTP", "JSON", "Bytes"),
    floor("Etcd", "HTTPClient", "TLS", "HTTP", "JSON", "Bytes"),

    // Floor 4
    floor("Destinations", "CertStore", "HTTPClient", "TLS", "PKI", "HTTP", "JSON", "Bytes"),
    floor("Renewal", "ACME", "CertStore", "DNS", "PKI", "Bytes", "HTTP", "OS"),
    floor("Fleet", "Renewal", "ACME", "Etcd", "CertStore", "PKI", "JSON", "Bytes", "OS"),
    dataPlaneFloor(
      "Proxy", "CZlib", "TLS", "HTTP", "HTTP2", "JSON", "ModelAPI", "PKI", "EventLoop", "Upstream",
      "Exchange", "APIKeys",
      "Telemetry", "OS",
      "Bytes"),

    // Floor 5
    floor(
      "Configuration", "JSON", "Bytes", "CYAML", "ModelAPI", "PKI", "Telemetry", "ACME", "CertStore", "DNS",
      "GCP",
      "HTTP",
      "Upstream", "Exchange", "APIKeys", "Proxy"),

    // Floor 6
    .executableTarget(
      name: "certd",
      dependencies: [
        "Bytes", "OS", "JSON", "HTTP", "PKI", "TLS", "EventLoop", "Telemetry", "HTTPClient", "ACME",
        "CertStore", "Upstream", "Exchange", "APIKeys", "SQLite", "ModelAPI", "Configuration", "Renewal",
        "Proxy", "GCP", "Etcd", "Fleet",
        "DNS", "ZeroMQ", "Destinations",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      swiftSettings: rules + strict),

    // How tests are run: on which threads, and how long each takes.
    .target(
      name: "TestRun", dependencies: ["OS", "CLinux"], path: "Tests/Support/TestRun", swiftSettings: rules),
    // Certificates, seeded randomness and guarded memory that several test targets need.
    .target(
      name: "TestSupport", dependencies: ["OS", "Bytes", "PKI", "TLS", "COpenSSL"],
      path: "Tests/Support/TestSupport", swiftSettings: quick),
    // Clients and servers of TLS, HTTP/1.1 and HTTP/2 that do what they are told, right or wrong.
    .target(
      name: "TestPeers", dependencies: ["TestSupport", "OS", "TLS", "CLinux", "COpenSSL", "CNGHTTP2"],
      path: "Tests/Support/TestPeers", swiftSettings: quick),
    .target(
      name: "Scratch", dependencies: ["OS", "CLinux"], path: "Tests/Support/Scratch", swiftSettings: rules),
    .target(
      name: "FakeGoogle",
      dependencies: [
        "TestPeers", "TestSupport", "EndToEnd", "OS", "Bytes", "HTTP", "HTTPClient", "PKI", "COpenSSL",
      ],
      path: "Tests/Support/FakeGoogle", swiftSettings: quick),
    .target(
      name: "StoreFixtures", dependencies: ["CertStore", "PKI", "Bytes"], path: "Tests/Support/StoreFixtures",
      swiftSettings: rules),
    .executableTarget(
      name: "CrashProbe", dependencies: ["Renewal", "CertStore", "OS", "PKI", "Bytes", "CLinux"],
      path: "Tests/Support/CrashProbe", swiftSettings: rules),

    .target(
      name: "EndToEnd",
      dependencies: ["Bytes", "OS", "CLinux", "HTTP", "PKI", "TLS", "HTTPClient", "Scratch"],
      path: "Tests/Support/EndToEnd", exclude: ["fault_proxy.py", "gated_model_server.py", "clients"],
      swiftSettings: rules),

    // Every parser under arbitrary bytes: for libFuzzer, and for the tests that replay what is kept.
    .target(
      name: "FuzzTargets",
      dependencies: [
        "HTTP", "HTTP2", "Proxy", "Configuration", "DNS", "GCP", "PKI", "ACME", "CertStore", "JSON", "OS",
        "ModelAPI", "ZeroMQ", "TestSupport",
      ],
      path: "Tests/Fuzz/Targets", swiftSettings: rules),

    tests("Fuzz", "FuzzTargets", "TestSupport", "OS"),
    tests("OS", "OS", "CLinux", "Scratch"),
    tests("Bytes", "Bytes", "TestSupport"),
    tests("SQLite", "SQLite", "OS", "Scratch"),
    tests("JSON", "JSON", "Bytes", "Scratch", "TestSupport"),
    tests("HTTP", "HTTP", "Bytes", "TestSupport"),
    tests("HTTP2", "HTTP2", "HTTP", "CNGHTTP2", "TestSupport"),
    tests("PKI", "PKI", "Bytes", "COpenSSL"),
    tests("TLS", "TLS", "PKI", "Bytes", "COpenSSL", "TestPeers", "TestSupport"),
    tests("EventLoop", "EventLoop", "OS", "TestSupport"),
    tests("ModelAPI", "ModelAPI", "JSON", "TestSupport"),
    tests("ZeroMQ", "ZeroMQ", "TestSupport"),
    tests("Telemetry", "Telemetry", "JSON", "Bytes", "OS", "TestSupport"),
    tests("HTTPClient", "HTTPClient", "HTTP", "TLS", "PKI", "Bytes", "OS", "TestPeers", "TestSupport"),
    tests("Etcd", "Etcd", "HTTPClient", "HTTP", "OS", "Bytes", "TestSupport", "EndToEnd"),
    tests(
      "Fleet", "Fleet", "Etcd", "Renewal", "CertStore", "HTTPClient", "HTTP", "PKI", "OS", "Bytes", "Scratch",
      "StoreFixtures", "TestSupport", "EndToEnd"),
    tests("ACME", "ACME", "PKI", "HTTP", "JSON", "Bytes", "COpenSSL"),
    tests(
      "CertStore", "CertStore", "OS", "PKI", "Bytes", "CLinux", "Scratch", "StoreFixtures", "CrashProbe"),
    tests(
      "Destinations", "Destinations", "CertStore", "HTTPClient", "HTTP", "TLS", "PKI", "JSON", "Bytes", "OS",
      "Configuration", "EndToEnd", "Scratch", "StoreFixtures", "TestPeers", "TestSupport"),
    tests("DNS", "DNS", "OS", "Bytes", "PKI", "EndToEnd"),
    tests("Upstream", "Upstream", "HTTP", "TestSupport"),
    tests("Exchange", "Exchange", "HTTP", "TestSupport"),
    tests("APIKeys", "APIKeys", "JSON", "PKI", "Bytes", "TestSupport"),
    tests(
      "Configuration", "Configuration", "Bytes", "PKI", "Telemetry", "ACME", "CertStore", "DNS", "GCP",
      "HTTP",
      "Upstream", "Exchange", "Proxy"),
    tests(
      "Renewal", "Renewal", "ACME", "CertStore", "DNS", "OS", "PKI", "HTTP", "Bytes", "Scratch",
      "StoreFixtures",
      "CrashProbe"),
    tests(
      "Proxy", "Proxy", "TLS", "HTTP", "Upstream", "Exchange", "APIKeys", "PKI", "OS", "Bytes", "Telemetry",
      "CLinux",
      "CZlib", "Scratch", "TestSupport", "TestPeers"),
    tests(
      "EndToEnd", "EndToEnd", "FakeGoogle", "TestPeers", "certd", "Scratch", "TestSupport", "Bytes", "OS",
      "HTTP", "JSON", "PKI",
      "TLS", "HTTPClient", "ACME", "APIKeys", "CertStore", "Renewal"),
    tests(
      "GCP", "GCP", "FakeGoogle", "TestSupport", "EndToEnd", "HTTPClient", "PKI", "HTTP", "JSON", "Bytes",
      "OS"),
    tests("FakeGoogle", "FakeGoogle", "TestSupport", "HTTPClient", "HTTP", "PKI", "Bytes", "OS"),
    tests("Style"),
    tests("Docs", "OS", "FakeGoogle", "certd"),
  ]
)

// libFuzzer calls a C function and brings its own main: only `make fuzz` builds that.
if Context.environment["CERTD_FUZZ"] != nil {
  package.products.append(.library(name: "FuzzEntry", type: .static, targets: ["FuzzEntry"]))
  package.targets.append(
    .target(
      name: "FuzzEntry", dependencies: ["FuzzTargets"], path: "Tests/Fuzz/Entry", swiftSettings: rules))
}
