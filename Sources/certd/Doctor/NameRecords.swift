import ACME
import Configuration
import DNS
import OS
import PKI
import Renewal

/// What DNS tells of a name.
struct NameRecords {
  let identifier: Identifier
  let resolver: RecursiveResolver

  /// The name that is looked up: without the wildcard's label.
  private var base: String {
    let text = identifier.description
    return identifier.isWildcard ? String(text.dropFirst(2)) : text
  }

  /// Each address, and what they mean.
  func addresses(isPublicCA: Bool, isProvenByDNS: Bool) async -> (found: [[UInt8]], findings: [Finding]) {
    if case .ip(let bytes) = identifier {
      let lookup = AddressLookup.found([bytes], canonical: base)
      let nothing = AddressLookup.none(exists: true)
      return (
        [bytes],
        AddressRules.judge(
          base, v4: bytes.count == 4 ? lookup : nothing, v6: bytes.count == 4 ? nothing : lookup,
          isPublicCA: isPublicCA, isProvenByDNS: false
        ).filter { !$0.what.contains("has no") }
      )
    }
    guard !identifier.isWildcard else {
      return (
        [], [Finding(.ok, "addresses", "a wildcard is proven by dns-01: its addresses do not matter to a CA")]
      )
    }
    let (v4, v6) = (await look(.a), await look(.aaaa))
    var found: [[UInt8]] = []
    for case .found(let addresses, _) in [v4, v6] { found += addresses }
    return (
      found, AddressRules.judge(base, v4: v4, v6: v6, isPublicCA: isPublicCA, isProvenByDNS: isProvenByDNS)
    )
  }

  private func look(_ type: RecordType) async -> AddressLookup {
    guard let name = DomainName(base) else { return .failed("\(base) is no name of DNS") }
    do throws(DNSError) {
      let findings = try await resolver.look(up: name, type)
      let addresses = findings.records.compactMap { record -> [UInt8]? in
        if case .address(let bytes) = record.data { bytes } else { nil }
      }
      return addresses.isEmpty
        ? .none(exists: findings.exists) : .found(addresses, canonical: findings.canonical.description)
    } catch { return .failed(error.description) }
  }

  /// The CAA records that count, up the tree (RFC 8659 §3).
  func authorization(_ authorities: [Authority], _ acme: ACMESettings) async -> [Finding] {
    // There is no CAA for addresses (RFC 8738 §9.1).
    guard !identifier.isAddress, var name = DomainName(base) else { return [] }
    do throws(DNSError) {
      while true {
        let properties = try await resolver.look(up: name, .caa).records.compactMap {
          record -> CAAProperty? in
          guard case .authorization(let isCritical, let tag, let value) = record.data else { return nil }
          return CAAProperty(isCritical: isCritical, tag: tag, value: value)
        }
        guard properties.isEmpty, let parent = name.parent, !parent.labels.isEmpty else {
          let owner = properties.isEmpty ? nil : name.description
          return authorities.map { authority in
            CAARules(
              issuer: authority.name, identities: authority.identities, accountURL: authority.accountURL,
              challenges: acme.challenges.map(\.rawValue)
            ).judge(identifier.description, owner: owner, properties)
          }
        }
        name = parent
      }
    } catch {
      return [
        Finding(
          .problem, "caa", "CAA of \(name): \(error)",
          remedy: "a CA that gets no answer about CAA must not issue: see whether the zone's servers answer")
      ]
    }
  }

  /// Where the record for DNS-01 goes, and who changes it.
  func zone(_ settings: DNSSettings?) async -> [Finding] {
    let check = "dns-01"
    guard let settings, let name = DomainName("_acme-challenge.\(base)"), !identifier.isAddress else {
      return []
    }
    let editor: String
    switch settings.provider {
    case .hook(let path):
      let status = try? FileSystem().status(path, followingLinks: true)
      guard let status, status.kind == .file, status.mode & 0o111 != 0 else {
        return [
          Finding(
            .problem, check, "\(path) is \(status == nil ? "not there" : "not executable")",
            remedy: "put the program there and make it executable: chmod +x \(path)")
        ]
      }
      editor = path
    case .update(let update):
      editor = "updates" + (update.server.map { " sent to \($0.host):\($0.port)" } ?? "")
    case .googleCloud: editor = "Google Cloud DNS"
    }
    do throws(DNSError) {
      let end = try await resolver.look(up: name, .txt).canonical
      let zone = try await resolver.zone(of: end, port: settings.authoritativePort)
      let alias = end == name ? "" : " (an alias of \(name))"
      var findings = [
        Finding(
          .ok, check,
          "the record \(end)\(alias) goes into the zone \(zone.apex), which \(zone.servers.count) servers have, by \(editor)"
        )
      ]
      for server in zone.servers where server.addresses.isEmpty {
        findings.append(
          Finding(
            .warning, check, "the server \(server.name) of \(zone.apex) has no address",
            remedy: "remove it from the zone's NS records, or give it an address"))
      }
      return findings
    } catch {
      return [
        Finding(
          .problem, check, "the zone of \(name) was not found: \(error)",
          remedy: "see whether the name is delegated, or name other resolvers in acme.dns01.resolvers")
      ]
    }
  }
}
