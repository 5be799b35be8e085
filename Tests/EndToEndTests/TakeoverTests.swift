import Bytes
import EndToEnd
import OS
import PKI
import Scratch
import TestRun
import Testing

/// `certd import` of what other ACME clients keep: made by these themselves, and where they are missing by their documents.
@Suite(.ownThread) struct TakeoverTests {
  static func isInstalled(_ program: String) -> Bool {
    let path = Subprocess.inheritedEnvironment()["PATH"] ?? "/usr/bin:/bin"
    return path.split(separator: ":").contains { FileSystem().isThere("\($0)/\(program)") }
  }

  /// A CA that believes everything, a directory, and the program under test.
  struct Scene {
    let place: Place
    let pebble: Pebble
    let certd: Certd

    init() async throws {
      place = try Place()
      var options = Pebble.Options()
      options.believesAll = true
      pebble = try await Pebble(place, options)
      certd = try Certd(place)
    }

    func shell(_ script: String, _ environment: [String: String] = [:]) async throws {
      let done = try await place.run(["sh", "-euc", script], environment: environment, called: "sh")
      #expect(done.ending == .exited(0), "\(done)")
    }

    func take(_ arguments: String...) async throws -> Place.Finished {
      try await certd(
        "import",
        with: arguments + [
          "--store", place("store"), "--acme-root", pebble.apiRootPath, "--write", place("certd.yaml"),
          "--force",
        ])
    }

    /// The program's usual ports are other tests' and other people's: challenges are answered at ports of our own.
    func useFreePorts() throws {
      let http = "address: \"127.0.0.1:\(pebble.http01Port)\""
      var text = place.read("certd.yaml")
      text =
        text.contains("http01: { webroot")
        ? text.replacing("http01: { webroot", with: "http01: { \(http), webroot")
        : text.replacing("  issuers:\n", with: "  http01: { \(http) }\n  issuers:\n")
      text = text.replacing(
        "  issuers:\n", with: "  tls_alpn01: { address: \"127.0.0.1:\(try FreePort.take())\" }\n  issuers:\n")
      try place.write(
        "certd.yaml", text + "\nlisteners: [{ address: \"127.0.0.1:\(try FreePort.take())\" }]\n")
    }

    /// What was made is valid, is due no earlier, and asks the CA for nothing until it is.
    func expectGoesOn(_ names: String..., account: Bool = true) async throws {
      try useFreePorts()
      let file = ["--config", place("certd.yaml")]
      let before = pebble.log
      let checked = try await certd("check", with: file)
      #expect(checked.ending == .exited(0), "\(checked)\n\(place.read("certd.yaml"))")
      let renewed = try await certd("renew", "--no-delay", with: file)
      #expect(renewed.ending == .exited(0), "\(renewed)")
      for name in names {
        #expect(renewed.output.contains("\(name): not due before"), "\(renewed)")
      }
      #expect(!pebble.log.dropFirst(before.count).contains("POST /order-plz"), "\(pebble.log)")
      guard account else { return }
      let forced = try await certd("renew", "--force", "--no-delay", with: file)
      #expect(forced.ending == .exited(0), "\(forced)")
      #expect(
        !pebble.log.dropFirst(before.count).contains("accounts in memory"),
        "another account was registered: \(pebble.log)")
    }
  }

  @Test(
    "certbot's certificates, account and settings are taken and renewed by its account",
    .enabled(if: isInstalled("certbot"), "certbot is missing"))
  func certbot() async throws {
    let scene = try await Scene()
    let port = try FreePort.take()
    let common = """
      --config-dir le --work-dir work --logs-dir logs --server \(scene.pebble.directoryURL) -n --agree-tos \
      -m ops@example.com --no-eff-email
      """
    try await scene.shell(
      """
      certbot certonly --standalone --http-01-port \(port) \(common) -d a.example.com -d b.example.com
      mkdir web
      certbot certonly --webroot -w "$PWD/web" --key-type rsa --deploy-hook 'true "$RENEWED_LINEAGE"' \(common) -d w.example.com
      find le -type f | sort | xargs sha256sum > before
      """, ["REQUESTS_CA_BUNDLE": scene.pebble.apiRootPath])
    let taken = try await scene.take("certbot", scene.place("le"))
    #expect(taken.ending == .exited(0), "\(taken)")
    for name in ["a.example.com", "w.example.com"] {
      let chain = try FileSystem().read(
        scene.place("le/live/\(name)/fullchain.pem"), limitInBytes: 1 << 20, followingLinks: true)
      #expect(scene.place.read("store/certificates/\(name)/current/cert.pem") != "")
      #expect(
        String(decoding: chain, as: UTF8.self).hasPrefix(
          scene.place.read("store/certificates/\(name)/current/cert.pem")))
    }
    let made = scene.place.read("certd.yaml")
    #expect(made.contains("http01: { webroot: \(scene.place("web")) }"), "\(made)")
    #expect(
      made.contains("key_type: rsa-2048") && made.contains(#"deploy_hooks: ["true \"$RENEWED_LINEAGE\""]"#),
      "\(made)")
    try await scene.shell("sha256sum --quiet -c before")

    let again = try await scene.take("certbot", scene.place("le"))
    #expect(again.errors.contains("a.example.com: there already"), "\(again)")
    #expect(scene.place.read("store/certificates/a.example.com/gen-2/meta.json") == "")
    try await scene.expectGoesOn("a.example.com", "w.example.com")
    // What certd has renewed since is newer than certbot's, and stays.
    let late = try await scene.take("certbot", scene.place("le"))
    #expect(late.errors.contains("a.example.com: the store has a newer one, which stays"), "\(late)")
  }

  @Test(
    "lego's certificate and account are taken with the directory that is named",
    .enabled(if: isInstalled("lego"), "lego is missing"))
  func lego() async throws {
    let scene = try await Scene()
    let port = try FreePort.take()
    try await scene.shell(
      """
      lego --server \(scene.pebble.directoryURL) --email ops@example.com --accept-tos --path lego \
      --domains l.example.com --http --http.port :\(port) run
      """, ["LEGO_CA_CERTIFICATES": scene.pebble.apiRootPath])
    let unnamed = try await scene.take("lego", scene.place("lego"))
    #expect(unnamed.ending == .exited(1) && unnamed.errors.contains("--directory URL"), "\(unnamed)")
    let taken = try await scene.take("lego", scene.place("lego"), "--directory", scene.pebble.directoryURL)
    #expect(taken.ending == .exited(0), "\(taken)")
    try await scene.expectGoesOn("l.example.com")
  }

  @Test(
    "Caddy's certificate and account are taken", .enabled(if: isInstalled("caddy"), "caddy is missing"))
  func caddy() async throws {
    let scene = try await Scene()
    try scene.place.write(
      "Caddyfile",
      """
      {
        admin off
        http_port \(try FreePort.take())
        https_port \(try FreePort.take())
        storage file_system \(scene.place("caddy"))
        acme_ca \(scene.pebble.directoryURL)
        acme_ca_root \(scene.pebble.apiRootPath)
        email ops@example.com
      }
      c.example.com {
        respond "caddy"
      }
      """)
    let program = try await scene.place.start(
      ["caddy", "run", "--config", "Caddyfile", "--adapter", "caddyfile"],
      environment: ["HOME": scene.place("home")], called: "caddy")
    try await eventually("caddy has a certificate") {
      let found = try await scene.place.run(
        ["find", scene.place("caddy"), "-path", "*/certificates/*", "-name", "c.example.com.json"],
        called: "find")
      try #require(program.ending == nil, "\(program.errors)")
      return found.output != ""
    }
    program.signal(15)
    _ = try await program.end()
    let taken = try await scene.take(
      "caddy", scene.place("caddy"), "--directory", scene.pebble.directoryURL)
    #expect(taken.ending == .exited(0), "\(taken)")
    try await scene.expectGoesOn("c.example.com")
  }

  @Test("acme.sh's certificate is due when acme.sh would renew it, and its hook and copies are kept")
  func acmeSh() async throws {
    let scene = try await Scene()
    let account = try await account(scene)
    let host = scene.pebble.directoryURL.dropFirst("https://".count)
    let now = Clock.wallSeconds()
    try await scene.shell(
      """
      dir=acme/s.example.com_ecc; mkdir -p $dir acme/ca/\(host)
      from=issued/certificates/s.example.com/current
      cp $from/privkey.pem $dir/s.example.com.key; cp $from/fullchain.pem $dir/fullchain.cer
      printf "Le_Domain='s.example.com'\\nLe_Alt='no'\\nLe_Webroot='no'\\nLe_API='\(scene.pebble.directoryURL)'\\n" > $dir/s.example.com.conf
      printf "Le_NextRenewTime='\(now + 86_400 * 9)'\\nLe_RealKeyPath='\(scene.place("out.key"))'\\n" >> $dir/s.example.com.conf
      printf "Le_ReloadCmd='__ACME_BASE64__START_$(printf 'true reload' | base64)__ACME_BASE64__END_'\\n" >> $dir/s.example.com.conf
      cp issued/accounts/*/*/key.pem acme/ca/\(host)/account.key
      printf "ACCOUNT_URL='\(account)'\\n" > acme/ca/\(host)/ca.conf
      """)
    let taken = try await scene.take("acme.sh", scene.place("acme"))
    #expect(taken.ending == .exited(0), "\(taken)")
    let made = scene.place.read("certd.yaml")
    #expect(made.contains(#"deploy_hooks: ["true reload"]"#) && made.contains("copy: { key: "), "\(made)")
    // Without renewal information the moment stays acme.sh's.
    let plan = try await scene.certd(
      "renew", "--dry-run", "--no-delay", "--config", scene.place("certd.yaml"))
    let day = UnixTime(seconds: now + 86_400 * 9)
    #expect(plan.output.contains("not due before \(day)"), "\(plan)")
  }

  @Test("traefik's acme.json is taken, with its account's key in DER")
  func traefik() async throws {
    let scene = try await Scene()
    let account = try await account(scene)
    try await scene.shell(
      """
      from=issued/certificates/s.example.com/current
      openssl pkcs8 -topk8 -nocrypt -outform DER -in issued/accounts/*/*/key.pem -out account.der
      cat > acme.json <<END
      {"le": {"Account": {"Email": "ops@example.com", "Registration": {"body": {"status": "valid"}, "uri": "\(account)"},
        "PrivateKey": "$(base64 -w0 account.der)", "KeyType": "4096"},
       "Certificates": [{"domain": {"main": "s.example.com"}, "certificate": "$(base64 -w0 $from/fullchain.pem)",
        "key": "$(base64 -w0 $from/privkey.pem)", "Store": "default"}]}}
      END
      chmod 600 acme.json
      """)
    let taken = try await scene.take(
      "traefik", scene.place("acme.json"), "--directory", scene.pebble.directoryURL)
    #expect(taken.ending == .exited(0), "\(taken)")
    try await scene.expectGoesOn("s.example.com")
  }

  /// A certificate for `s.example.com` and its account in the store `issued`; the account's URL.
  private func account(_ scene: Scene) async throws -> String {
    let issued = try await scene.certd(
      "issue", with: ["s.example.com", "--store", scene.place("issued")] + scene.pebble.flags)
    #expect(issued.ending == .exited(0), "\(issued)")
    let found = try await scene.place.run(
      ["sh", "-c", #"sed -n 's/.*"url" *: *"\(.*\)".*/\1/p' issued/accounts/*/*/account.json"#], called: "sed"
    )
    return String(found.output.prefix { $0 != "\n" })
  }

  @Test("a broken lineage is told and stops no other; a wildcard is served as it is until it can be renewed")
  func brokenAndWildcard() async throws {
    let place = try Place()
    let tree = try CertbotTree(
      place, ["good.example.com", "other.example.com", "lost.example.com", "*.wild.example.com"])
    try await tree.make()
    let broken = try await place.run(
      [
        "sh", "-euc",
        "cp le/archive/good.example.com/privkey1.pem le/archive/other.example.com/; rm le/archive/lost.example.com/fullchain1.pem",
      ],
      called: "sh")
    #expect(broken.ending == .exited(0), "\(broken)")
    let certd = try Certd(place)
    let arguments = [
      "certbot", place("le"), "--agree-tos", "--store", place("store"), "--write", place("certd.yaml"),
    ]
    let rehearsed = try await certd("import", with: arguments.dropLast(2) + ["--dry-run"])
    #expect(rehearsed.errors.contains("good.example.com: would be taken"), "\(rehearsed)")
    #expect(!FileSystem().isThere(place("store")))
    let taken = try await certd("import", with: arguments)
    #expect(taken.ending == .exited(1), "\(taken)")
    #expect(taken.errors.contains("good.example.com: taken"), "\(taken)")
    #expect(
      taken.errors.contains("other.example.com.conf: ") && taken.errors.contains("lost.example.com.conf: "),
      "\(taken)")
    let checked = try await certd("check", "--config", place("certd.yaml"))
    #expect(checked.ending == .exited(0), "\(checked)\n\(place.read("certd.yaml"))")
    #expect(place.read("certd.yaml").contains("until acme.dns01 is set"))
    try place.write("hook", "#!/bin/sh\n")
    _ = try await place.run(["chmod", "700", place("hook")], called: "chmod")
    let proven = try await certd(
      "import", with: ["certbot", place("le"), "--store", place("store"), "--dns-exec", place("hook")])
    #expect(proven.output.contains(#"names: ["*.wild.example.com"]"#), "\(proven)")
    #expect(proven.output.contains("dns01: { exec: \(place("hook")) }"), "\(proven)")
  }

  @Test("what renews hours before the end does so afterwards, and a key that others may read is told")
  func renewBefore() async throws {
    let place = try Place()
    try await CertbotTree(place, ["a.example.com"], settings: "renew_before_expiry = 10 hours").make()
    _ = try await place.run(
      ["chmod", "644", place("le/archive/a.example.com/privkey1.pem")], called: "chmod")
    let certd = try Certd(place)
    let taken = try await certd(
      "import", "certbot", place("le"), "--agree-tos", "--store", place("store"), "--write",
      place("certd.yaml"))
    #expect(taken.ending == .exited(0) && taken.errors.contains("the mode 0644"), "\(taken)")
    let key = try FileSystem().status(place("store/certificates/a.example.com/gen-1/privkey.pem"))
    #expect(key.mode == 0o600)
    let leaf = try #require(
      try Certificate.parse(pem: Array(place.read("store/certificates/a.example.com/gen-1/cert.pem").utf8))
        .first)
    let plan = try await certd("renew", "--dry-run", "--no-delay", "--config", place("certd.yaml"))
    #expect(plan.output.contains("a.example.com: not due before \(leaf.notAfter - 36_000)"), "\(plan)")
  }

  @Test("of several accounts at one CA all are kept, and the one with the most certificates goes on")
  func severalAccounts() async throws {
    let place = try Place()
    let files = try TestCertificates(place, "c").issue(["c.example.com"], called: "c")
    let ca = "acme-v02.api.letsencrypt.org-directory"
    let directory = "https://acme-v02.api.letsencrypt.org/directory"
    let made = try await place.run(
      [
        "sh", "-euc",
        """
        mkdir -p caddy/certificates/\(ca)/c.example.com
        cp \(files.certificate) caddy/certificates/\(ca)/c.example.com/c.example.com.crt
        cp \(files.key) caddy/certificates/\(ca)/c.example.com/c.example.com.key
        echo '{"sans":["c.example.com"],"issuer_data":{"ca":"\(directory)","account":"https://ca/acct/2"}}' \
          > caddy/certificates/\(ca)/c.example.com/c.example.com.json
        for n in 1 2; do
          mkdir -p caddy/acme/\(ca)/users/$n@example.com
          openssl ecparam -name prime256v1 -genkey -noout -out caddy/acme/\(ca)/users/$n@example.com/$n.key
          echo "{\\"contact\\":[\\"mailto:$n@example.com\\"],\\"location\\":\\"https://ca/acct/$n\\"}" \
            > caddy/acme/\(ca)/users/$n@example.com/$n.json
        done
        """,
      ], called: "sh")
    #expect(made.ending == .exited(0), "\(made)")
    let taken = try await Certd(place)("import", "caddy", place("caddy"), "--store", place("store"))
    #expect(taken.ending == .exited(0), "\(taken)")
    #expect(taken.errors.contains("certd goes on with https://ca/acct/2"), "\(taken)")
    #expect(
      taken.output.contains("email: \"2@example.com\"") && taken.output.contains("- letsencrypt"), "\(taken)")
    let kept = try await place.run(["sh", "-c", "ls store/accounts/*/ | wc -l"], called: "ls")
    #expect(kept.output.contains("2"), "\(kept)")
  }

  @Test("a hundred lineages are taken at once, and the second time nothing is left to do")
  func many() async throws {
    let place = try Place()
    try await CertbotTree(place, (0..<100).map { "n\($0).example.com" }).make()
    let certd = try Certd(place)
    let arguments = ["certbot", place("le"), "--store", place("store"), "--write", place("certd.yaml")]
    let taken = try await certd("import", with: arguments)
    #expect(taken.ending == .exited(0) && taken.errors.contains("\n100 certificates, 0 accounts"), "\(taken)")
    let again = try await certd("import", with: arguments)
    #expect(again.errors.split(separator: "\n").count { $0.contains("there already") } == 100, "\(again)")
  }

  @Test(
    "nginx-proxy-manager's own certificates are served from its files, its others are named after their hosts"
  )
  func proxyManager() async throws {
    let place = try Place()
    try await CertbotTree(place, ["npm.example.com"], root: "letsencrypt").make()
    let own = try TestCertificates(place, "own").issue(["own.example.com"], called: "own")
    let made = try await place.run(
      [
        "sh", "-euc",
        "mkdir -p data/custom_ssl/npm-2; cp \(own.certificate) data/custom_ssl/npm-2/fullchain.pem; cp \(own.key) data/custom_ssl/npm-2/privkey.pem",
      ],
      called: "sh")
    #expect(made.ending == .exited(0), "\(made)")
    let taken = try await Certd(place)(
      "import", "nginx-proxy-manager", place.directory.path, "--store", place("store"))
    #expect(taken.ending == .exited(0), "\(taken)")
    #expect(taken.output.contains("cert: \(place("data/custom_ssl/npm-2/fullchain.pem"))"), "\(taken)")
    #expect(place.read("store/certificates/npm.example.com/current/cert.pem") != "")
  }

  @Test("what is no such program's directory is told, with what was looked for")
  func wrongDirectory() async throws {
    let place = try Place()
    for program in ["certbot", "lego", "acme.sh", "caddy", "nginx-proxy-manager"] {
      let done = try await Certd(place)("import", program, place("nothing"), "--store", place("store"))
      #expect(done.ending == .exited(1) && done.errors.contains(place("nothing")), "\(program): \(done)")
    }
  }
}

/// A tree as certbot 2 writes it.
struct CertbotTree {
  let place: Place
  let names: [String]
  let root: String

  /// More lines at the top of each renewal configuration.
  let settings: String

  init(_ place: Place, _ names: [String], root: String = "le", settings: String = "") throws {
    (self.place, self.names, self.root, self.settings) = (place, names, root, settings)
  }

  func make() async throws {
    let authority = try TestCertificates(place, "tree")
    var script = "mkdir -p \(root)/renewal \(root)/live \(root)/archive\n"
    for (index, name) in names.enumerated() {
      let files = try authority.issue([name], called: "tree-\(index)")
      let lineage = name.replacing("*.", with: "")
      script += """
        mkdir \(root)/archive/\(lineage) \(root)/live/\(lineage); cd \(root)/live/\(lineage)
        mv \(files.certificate) ../../archive/\(lineage)/fullchain1.pem; mv \(files.key) ../../archive/\(lineage)/privkey1.pem
        for f in fullchain privkey; do ln -s ../../archive/\(lineage)/${f}1.pem $f.pem; done; cd ../../..
        cat > \(root)/renewal/\(lineage).conf <<END
        version = 2.1.0
        \(settings)
        fullchain = /nowhere/live/\(lineage)/fullchain.pem
        [renewalparams]
        server = https://acme-v02.api.letsencrypt.org/directory
        authenticator = \(name.hasPrefix("*") ? "dns-route53" : "standalone")
        END

        """
    }
    try place.write("tree.sh", script)
    let made = try await place.run(["sh", "-eu", place("tree.sh")], called: "sh")
    #expect(made.ending == .exited(0), "\(made)")
  }
}

extension FileSystem {
  /// Whether anything is there.
  func isThere(_ path: String) -> Bool { (try? status(path, followingLinks: true)) != nil }
}
