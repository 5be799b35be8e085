import Bytes
import OS

/// A real name server: Debian's BIND with one or more zones, which takes signed updates.
public final class Bind: Sendable {
  /// Where it is asked.
  public let port: UInt16
  /// The key that may change its zones.
  public let key: Key
  private let place: Place
  private let child: Child

  /// A key as `tsig-keygen` makes it.
  public struct Key: Sendable {
    /// Its name.
    public let name: String
    /// How it signs.
    public let algorithm: String
    /// Its secret in base64.
    public let secret: String
    /// Path of a file with all of it, as BIND reads it.
    public let path: String
  }

  /// A zone that it serves, as primary unless told otherwise.
  public struct Zone: Sendable {
    let name: String
    let records: [String]
    let primaryPort: UInt16?

    /// A zone with more records, in a master file's form. With `primaryPort`, a secondary's.
    public init(_ name: String, _ records: [String] = [], primaryPort: UInt16? = nil) {
      self.name = name
      self.records = records
      self.primaryPort = primaryPort
    }
  }

  /// Starts it on a loopback address and waits until it answers. `servers` are the NS names of its zones with their
  /// addresses.
  public init(
    _ place: Place, _ zones: [Zone], address: String = "127.0.0.1", port: UInt16? = nil,
    servers: [(name: String, address: String)] = [("ns1", "127.0.0.1")], key: Key? = nil,
    algorithm: String = "hmac-sha256"
  ) async throws {
    self.place = place
    let port = try port ?? FreePort.take()
    self.port = port
    let made = try key ?? Self.makeKey(place, algorithm)
    self.key = made
    let directory = place("named-\(address)-\(port)")
    try FileSystem().makeDirectory(directory, mode: 0o777)
    var text = """
      options {
        directory "\(directory)"; pid-file none; session-keyfile "\(directory)/session";
        \(Self.listening(address, port))
        recursion yes; allow-recursion { any; }; dnssec-validation no; notify explicit; empty-zones-enable no;
        querylog yes;
      };
      controls { };
      include "\(made.path)";
      zone "." { type primary; file "root"; };

      """
    try FileSystem().publish(
      directory + "/root",
      Array(
        Self.master(
          ".", ["local. IN NS ns1.local.", Self.record("ns1.local.", address)], [("ns1.local.", address)]
        ).utf8),
      mode: 0o644)
    for zone in zones {
      if let primary = zone.primaryPort {
        text += """
          zone "\(zone.name)" { type secondary; primaries port \(primary) { 127.0.0.1 key "\(made.name)"; };
            masterfile-format text; file "\(zone.name)"; };

          """
        continue
      }
      text += """
        zone "\(zone.name)" { type primary; file "\(zone.name)";
          allow-update { key "\(made.name)"; }; allow-transfer { key "\(made.name)"; }; };

        """
      let file = Self.master(zone.name + ".", zone.records, servers)
      try FileSystem().publish("\(directory)/\(zone.name)", Array(file.utf8), mode: 0o644)
    }
    let configuration = try place.write("named-\(address)-\(port).conf", text)
    let server = try await place.start(["named", "-g", "-c", configuration], called: "named")
    child = server
    try await eventually("named: \(server.errors)") {
      if server.ending != nil { throw NeverHappened(what: "named: \(server.errors)") }
      return server.errors.contains("all zones loaded")
    }
  }

  /// BIND takes only addresses that an interface has: of IPv4's loopback net that is one, so a second server is at ::1.
  private static func listening(_ address: String, _ port: UInt16) -> String {
    address.contains(":")
      ? "listen-on { none; }; listen-on-v6 port \(port) { \(address); };"
      : "listen-on port \(port) { \(address); }; listen-on-v6 { none; };"
  }

  /// The record of an address.
  private static func record(_ name: String, _ address: String) -> String {
    "\(name) IN \(address.contains(":") ? "AAAA" : "A") \(address)"
  }

  private static func makeKey(_ place: Place, _ algorithm: String) throws -> Key {
    let bytes = (0..<32).map { _ in UInt8.random(in: 0...255) }
    let secret = Base64.encode(bytes)
    let text = "key \"certd\" {\n\talgorithm \(algorithm);\n\tsecret \"\(secret)\";\n};\n"
    return Key(
      name: "certd", algorithm: algorithm, secret: secret,
      path: try place.write("tsig-\(algorithm).key", text))
  }

  private static func master(
    _ apex: String, _ records: [String], _ servers: [(name: String, address: String)]
  ) -> String {
    let names = servers.map { server in
      let name = server.name.hasSuffix(".") ? server.name : "\(server.name).\(apex)"
      return "@ IN NS \(name)\n" + (server.name.hasSuffix(".") ? "" : record(name, server.address) + "\n")
    }
    return """
      $TTL 1
      $ORIGIN \(apex)
      @ IN SOA ns1.\(apex == "." ? "local." : apex) admin.invalid. 1 2 1 3600 1
      \(names.joined())
      \(records.joined(separator: "\n"))

      """
  }

  /// What it has logged so far.
  public var log: String { child.errors }

  /// Ends it at once.
  public func stop() async throws {
    child.signal(9)
    _ = try await child.end()
  }
}
