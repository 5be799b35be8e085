import COpenSSL
import PKI
import TLS
import TestPeers
import TestSupport
import TestRun
import Testing

@Suite(.ownThread) struct ProfileTests {
  @Test(
    "every profile can be spoken with the linked OpenSSL",
    arguments: [Profile.modern, .compatible, .restricted])
  func usual(_ profile: Profile) throws {
    try profile.check()
    #expect(profile.groups.first == "X25519MLKEM768")
    #expect(profile.usableGroups.contains("X25519"))
  }

  @Test("what the linked OpenSSL does not offer is named")
  func unknown() {
    var profile = Profile.modern
    profile.cipherList += ":ECDHE-RSA-ROT13"
    var error = #expect(throws: ContextError.self) { try profile.check() }
    #expect(error?.description.contains("does not offer ECDHE-RSA-ROT13") == true)
    profile = .modern
    profile.cipherSuites = "TLS_ROT13_SHA256"
    error = #expect(throws: ContextError.self) { try profile.check() }
    #expect(error?.description.contains("does not offer TLS_ROT13_SHA256") == true)
    profile = .modern
    profile.groups = ["X0815"]
    error = #expect(throws: ContextError.self) { try profile.check() }
    #expect(error?.description.contains("offers none of X0815") == true)
  }

  @Test("a profile of one's own accepts exactly what it names")
  func custom() throws {
    let authority = try TestAuthority()
    let credential = try authority.credential("a.example", type: .rsa2048)
    let profile = Profile(
      allowsTLS12: true, cipherList: "ECDHE-RSA-AES256-GCM-SHA384", cipherSuites: "TLS_AES_256_GCM_SHA384",
      groups: ["P-384"])
    let context = try server([credential], profile)
    let rows: [(Int32, String?, String?)] = [
      (TLS1_2_VERSION, nil, "ECDHE-RSA-AES256-GCM-SHA384"), (TLS1_3_VERSION, nil, "TLS_AES_256_GCM_SHA384"),
      (TLS1_2_VERSION, "ECDHE-RSA-AES128-GCM-SHA256", nil),
    ]
    for (version, offered, agreed) in rows {
      let client = try #require(RawClient(.init(maximum: version, ciphers: offered)))
      let peer = try #require(Peer(server: context))
      #expect(client.meet(peer) == (agreed != nil), "\(peer.reason)")
      if let agreed { #expect(client.cipher == agreed) }
    }
    for (group, isAgreed) in [("P-384", true), ("X25519", false)] {
      let client = try #require(RawClient(.init(groups: group)))
      #expect(client.meet(try #require(Peer(server: context))) == isAgreed)
    }
  }

  @Test("a post-quantum key exchange is agreed on wherever OpenSSL has it")
  func hybrid() throws {
    let hybrid = "X25519MLKEM768"
    let isThere = Profile.modern.usableGroups.contains(hybrid)
    let context = try server([TestAuthority().credential("a.example")])
    guard let client = RawClient(.init(groups: hybrid)) else {
      // This OpenSSL has none: the groups behind it are used.
      return #expect(!isThere)
    }
    #expect(isThere)
    #expect(client.meet(try #require(Peer(server: context))))
  }
}
