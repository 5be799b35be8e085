public import HTTP
import PKI

/// A look at one address as the CA would take it for HTTP-01.
public struct HTTPProbe: Sendable, Equatable {
  /// One request on the way.
  public struct Hop: Sendable, Equatable {
    /// What was asked for.
    public let url: String
    /// The answer's status; nil when none came.
    public let status: Int?
    /// Why none came, or where the next request cannot go.
    public let problem: String?

    /// A hop.
    public init(url: String, status: Int?, problem: String? = nil) {
      self.url = url
      self.status = status
      self.problem = problem
    }
  }

  /// The address that the first request went to.
  public let address: String
  /// All requests in order.
  public let hops: [Hop]
  /// Whether the last answer was the one that was put up.
  public let isAnswered: Bool

  /// A probe.
  public init(address: String, hops: [Hop], isAnswered: Bool) {
    self.address = address
    self.hops = hops
    self.isAnswered = isAnswered
  }
}

/// What probes of ports mean.
public enum ReachRules {
  /// Whether content is the answer that was put up, as a CA compares: all of it, but for whitespace at its end
  /// (RFC 8555 §8.3).
  public static func isAnswer(_ body: [UInt8], to expected: String) -> Bool {
    let blank: Set<UInt8> = [0x20, 0x09, 0x0A, 0x0B, 0x0C, 0x0D]
    let end = body.lastIndex { !blank.contains($0) }.map { $0 + 1 } ?? 0
    return body[..<end].elementsEqual(expected.utf8)
  }

  /// Whether an answer is a redirect at all, followed or not.
  public static func isRedirect(_ status: Int) -> Bool { [301, 302, 303, 307, 308].contains(status) }

  /// The most redirects that a CA follows: Let's Encrypt's number.
  public static let maximumRedirects = 10

  /// Where a redirect leads, or why a CA does not follow it. Let's Encrypt follows to http and https on their own ports
  /// and to names only.
  public static func follow(
    _ url: URL, status: Int = 301, location: String?, redirects: Int, ports: Set<UInt16> = [80, 443]
  ) -> Result<URL, Refusal> {
    // CA/Browser Forum, Baseline Requirements §3.2.2.4.19.
    guard status != 303 else {
      return .failure(.init("redirects with status 303; a CA follows 301, 302, 307 and 308 only"))
    }
    guard redirects < maximumRedirects else {
      return .failure(.init("more than \(maximumRedirects) redirects"))
    }
    guard let location, let next = url.resolving(location) else {
      return .failure(.init("redirects to what is no http or https URL"))
    }
    guard ports.contains(next.port) else {
      return .failure(.init("redirects to port \(next.port); a CA follows to 80 and 443 only"))
    }
    if Identifier(next.host)?.isAddress ?? true {
      return .failure(.init("redirects to an address, \(next.host); a CA follows to names only"))
    }
    return .success(next)
  }

  /// Why something is not followed.
  public struct Refusal: Error, Sendable, Equatable {
    /// The reason.
    public let why: String
    init(_ why: String) { self.why = why }
  }

  /// What a look at port 80 of an address means. `isNeeded` is whether names are proven that way.
  public static func judge(_ probe: HTTPProbe, isNeeded: Bool) -> Finding {
    let check = "http-01 \(probe.address)"
    let bad: Finding.Severity = isNeeded ? .problem : .warning
    let way = probe.hops.count > 1 ? " after \(probe.hops.count - 1) redirects" : ""
    if probe.isAnswered { return Finding(.ok, check, "a validation would be answered\(way)") }
    guard let last = probe.hops.last else { return Finding(bad, check, "was not asked") }
    if let problem = last.problem {
      let isFirst = probe.hops.count == 1 && last.status == nil
      return Finding(
        bad, check, "\(last.url): \(problem)",
        remedy: isFirst
          ? "let port 80 of this address through to this machine (firewall, router, cloud security group), or remove "
            + "the record if it is another machine's"
          : "answer /.well-known/acme-challenge/ without that redirect")
    }
    let status = last.status.map { "status \($0)" } ?? "no status"
    return Finding(
      bad, check,
      last.status == 200
        ? "\(last.url) answers something else than what certd put up" : "\(last.url) answers \(status)",
      remedy: "another server has that address and port: let certd have them, have that server pass "
        + "/.well-known/acme-challenge/ on to certd, or remove the record")
  }

  /// What a TLS handshake showed.
  public enum Handshake: Sendable, Equatable {
    /// The certificate that is stored.
    case current
    /// Another one, for these names until then.
    case other(names: [String], notAfter: String, isExpired: Bool, coversName: Bool)
    /// None.
    case failed(String)
  }

  /// What a handshake at port 443 of an address means. `isStored` is whether there is a certificate to compare with.
  public static func judge(
    _ name: String, _ handshake: Handshake, at address: String, isStored: Bool
  ) -> Finding {
    let check = "https \(address)"
    switch handshake {
    case .current: return Finding(.ok, check, "presents the stored certificate for \(name)")
    case .failed(let why):
      return Finding(
        .warning, check, "no handshake for \(name): \(why)",
        remedy:
          "let port 443 of this address through to this machine, or remove the record if it is another machine's"
      )
    case .other(let names, let notAfter, let isExpired, let coversName):
      let shown = names.prefix(3).joined(separator: ", ") + (names.count > 3 ? ", …" : "")
      let what = "presents a certificate for \(shown.isEmpty ? "no name" : shown), valid until \(notAfter)"
      if isExpired {
        return Finding(
          .problem, check, "\(what), which has expired", remedy: "'certd renew' and 'certd status' tell why")
      }
      guard isStored else {
        return Finding(coversName ? .ok : .warning, check, what)
      }
      return Finding(
        .warning, check, "\(what), not the stored one",
        remedy: "another server has that address, or certd has not been told to reload: see 'certd status'")
    }
  }

  /// What a TLS-ALPN-01 probe showed: nil for the expected certificate, otherwise why not.
  public static func judgeValidation(_ failure: String?, at address: String, isNeeded: Bool) -> Finding {
    let check = "tls-alpn-01 \(address)"
    guard let failure else { return Finding(.ok, check, "a validation would be answered") }
    return Finding(
      isNeeded ? .problem : .warning, check, failure,
      remedy:
        "port 443 must reach certd itself: nothing before it may end TLS or refuse the protocol acme-tls/1")
  }
}
