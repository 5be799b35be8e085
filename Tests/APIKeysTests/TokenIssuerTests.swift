import Bytes
import JSON
import PKI
import TestRun
import Testing

@testable import APIKeys

@Suite("Tokens that stand for keys", .ownThread) struct TokenIssuerTests {
  static let now: Int64 = 1_795_867_200

  /// An issuer whose keys are on P-256 and of RSA, and its tokens.
  private struct Signer {
    let now = TokenIssuerTests.now
    let elliptic: PrivateKey
    let rsa: PrivateKey
    let issuer: TokenIssuer

    init(_ edit: (inout TokenRules) -> Void = { _ in }) throws {
      elliptic = try PrivateKey.generate(.ecP256)
      rsa = try PrivateKey.generate(.rsa2048)
      var rules = TokenRules(issuer: "https://id.example.com", audience: "models")
      edit(&rules)
      issuer = TokenIssuer(rules, group: "sso")
      let set = try ["ec": elliptic, "rsa": rsa].map { id, key in
        var value = try JSONValue(parsing: Array(key.jwk().utf8))
        value["kid"] = .string(id)
        return value
      }
      let text = JSONValue.object(["keys": .array(set + [["kty": "oct", "kid": "hs", "k": "c2VjcmV0"]])]).text
      let keys = try #require(TokenKeys(Array(text.utf8)))
      issuer.adopt(keys)
    }

    static func part(_ value: JSONValue) -> String { Base64URL.encode(Array(value.text.utf8)) }

    static let claims: JSONValue = [
      "iss": "https://id.example.com", "aud": "models", "sub": "alice",
      "exp": .init(Int(TokenIssuerTests.now) + 600),
    ]

    func token(
      _ header: JSONValue = ["alg": "ES256", "kid": "ec"], _ claims: JSONValue = claims
    ) throws -> [UInt8] {
      let text = "\(Self.part(header)).\(Self.part(claims))"
      let key = header["kid"]?.string == "rsa" ? rsa : elliptic
      return Array("\(text).\(Base64URL.encode(try key.signJOSE(Array(text.utf8))))".utf8)
    }

    func key(_ claims: JSONValue) throws -> KeyRecord {
      let made = try token(["alg": "ES256", "kid": "ec"], claims)
      return try #require(issuer.verify(made, nowSeconds: now)).key
    }

    func verifies(_ token: [UInt8], at time: Int64 = TokenIssuerTests.now) -> Bool {
      issuer.verify(token, nowSeconds: time) != nil
    }

    func verifies(_ edit: (inout JSONValue) -> Void, at time: Int64 = TokenIssuerTests.now) throws -> Bool {
      var claims = Self.claims
      edit(&claims)
      return verifies(try token(["alg": "ES256", "kid": "ec"], claims), at: time)
    }
  }

  @Test("tokens by either key are right, and none by another key, another algorithm or none")
  func signatures() throws {
    let signer = try Signer()
    #expect(signer.verifies(try signer.token()))
    #expect(signer.verifies(try signer.token(["alg": "RS256", "kid": "rsa"])))
    #expect(!signer.verifies(try Signer().token()))
    for header: JSONValue in [
      ["alg": "none", "kid": "ec"], ["alg": "HS256", "kid": "ec"], ["alg": "HS256", "kid": "hs"],
      ["alg": "RS256", "kid": "ec"], ["alg": "ES256"], ["kid": "ec"],
      ["alg": "ES256", "kid": "ec", "crit": ["exp"]],
    ] {
      #expect(!signer.verifies(try signer.token(header)), "\(header.text)")
    }
    let text = String(decoding: try signer.token(), as: UTF8.self)
    let parts = text.split(separator: ".")
    var claims = Signer.claims
    claims["sub"] = "mallory"
    for forged in [
      "\(parts[0]).\(Signer.part(claims)).\(parts[2])", "\(parts[0]).\(parts[1]).", "\(parts[0]).\(parts[1])",
      "\(text).x", "\(Signer.part(["alg": "none"])).\(parts[1]).", "..", "",
    ] {
      #expect(!signer.verifies(Array(forged.utf8)), "\(forged)")
    }
  }

  @Test("times, issuer and audience are looked at, with half a minute for clocks that differ")
  func claims() throws {
    let signer = try Signer()
    #expect(try signer.verifies({ $0["aud"] = ["other", "models"] }))
    #expect(try !signer.verifies { $0["aud"] = "other" })
    #expect(try !signer.verifies { $0["aud"] = nil })
    #expect(try !signer.verifies { $0["iss"] = "https://id.example.com/" })
    #expect(try !signer.verifies { $0["exp"] = nil })
    #expect(try !signer.verifies { $0["exp"] = "9999999999" })
    #expect(try !signer.verifies { $0["sub"] = nil })
    #expect(try !signer.verifies { $0["sub"] = "a\nb" })
    #expect(try signer.verifies({ _ in }, at: Self.now + 629))
    #expect(try !signer.verifies({ _ in }, at: Self.now + 630))
    #expect(try signer.verifies { $0["nbf"] = .init(Int(Self.now) + 30) })
    #expect(try !signer.verifies { $0["nbf"] = .init(Int(Self.now) + 31) })
    #expect(try !signer.verifies { $0["nbf"] = "soon" })
  }

  @Test("claims become limits, and one that cannot be read is the least limit and never none")
  func limits() throws {
    let signer = try Signer {
      $0.claims.models = "models"
      $0.claims.tokensPerMinute = "tpm"
      $0.claims.concurrent = "at_once"
      $0.claims.priority = "class"
    }
    var claims = Signer.claims
    claims["models"] = "llama-* gpt"
    claims["tpm"] = "200k"
    claims["at_once"] = 8
    claims["class"] = "high"
    let key = try signer.key(claims)
    #expect(key.id == "jwt:alice" && key.group == "sso" && key.models == ["llama-*", "gpt"])
    #expect(key.limits.tokensPerMinute == 200_000 && key.limits.concurrent == 8 && key.priority == .high)
    claims["tpm"] = "many"
    claims["at_once"] = -1
    let least = try signer.key(claims)
    #expect(least.limits.tokensPerMinute == 1 && least.limits.concurrent == 1)
    claims["models"] = []
    #expect(!signer.verifies(try signer.token(["alg": "ES256", "kid": "ec"], claims)))
  }

  @Test("a key that is not known is asked for")
  func unknownKey() throws {
    let signer = try Signer()
    #expect(!signer.issuer.wantsKeys)
    #expect(!signer.verifies(try signer.token(["alg": "ES256", "kid": "next"])))
    #expect(signer.issuer.wantsKeys)
  }

  @Test("a token opens a ring in which its hash is found")
  func door() throws {
    let signer = try Signer()
    let usages = KeyUsages()
    let door = TokenDoor([.init(signer.issuer, KeyLimits())], usages)
    let token = try signer.token()
    let hash = try Digest.sha256(token)
    let ring = try #require(door.open(token, hash: hash, nowSeconds: Self.now))
    let lookup = try #require(KeyRing.Hash(hash))
    let entry = try #require(ring.find(lookup))
    #expect(entry.pointee.isValid(at: UInt64(Self.now) * 1000))
    #expect(!entry.pointee.isValid(at: UInt64(Self.now + 700) * 1000))
    #expect(door.open(Array("a.b.c".utf8), hash: hash, nowSeconds: Self.now) == nil)
  }
}
