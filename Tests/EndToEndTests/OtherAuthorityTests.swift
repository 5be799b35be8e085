import EndToEnd
import TestSupport
import TestRun
import Testing

/// Against other CAs than Pebble. They ask port 80 and nothing else, so that all of it runs in a network of its own.
@Suite(.ownThread) struct OtherAuthorityTests {
  /// A story told by a script, in steps that begin with a certd command.
  private struct Story {
    let steps: [String]
    let all: String

    /// Nil where there are no network namespaces.
    init?(_ place: Place, _ script: String) async throws {
      let isolated = try await place.run(
        ["unshare", "-rn", "ip", "link", "set", "lo", "up"], called: "unshare")
      guard isolated.ending == .exited(0) else {
        print("skipped: no network namespaces here: \(isolated.errors)")
        return nil
      }
      let run = try await place.run(
        [
          "unshare", "-rn", "/bin/sh", "-c",
          """
          ip link set lo up
          export HOME="$PWD" PYTHONDONTWRITEBYTECODE=1
          step() { echo "== $*"; "$CERTD" "$@" 2>&1; echo "status $?"; }
          await() { until curl -sk "$1" > /dev/null; do kill -0 $ca || exit 99; done; }
          \(script)
          """,
        ],
        environment: [
          "CERTD": try Place.certd(), "PYTHON": "\(Place.package)/.build/clients/bin/python",
          "SERVER": "\(Place.package)/Tests/Support/EndToEnd/clients/acme2certifier_server.py",
        ], called: "story")
      all = "\(run)"
      steps = run.output.split(separator: "== ").map(String.init)
    }

    func callAsFunction(_ name: String) -> String {
      steps.first { $0.hasPrefix(name) } ?? "\(name) is missing in \(all)"
    }
  }

  @Test("certificates, accounts and revocation work with Caddy's CA, and what it lacks is said clearly")
  func caddy() async throws {
    let place = try Place()
    try place.write(
      "Caddyfile",
      """
      {
        admin off
        auto_https disable_redirects
        storage file_system data
        local_certs
        skip_install_trust
      }
      localhost:9443 {
        tls internal
        acme_server
      }
      """)
    let story = try await Story(
      place,
      """
      caddy run --config Caddyfile > caddy.log 2>&1 & ca=$!
      await https://localhost:9443/acme/local/directory
      flags="--store s --issuer https://localhost:9443/acme/local/directory --email a@example.com --agree-tos"
      flags="$flags --acme-root data/pki/authorities/local/root.crt"
      step issue localhost $flags --http-address 127.0.0.1:80
      step account show $flags
      step account contacts $flags
      step account rollover $flags
      step renew --no-delay --force --store s
      step revoke localhost --reason superseded --store s
      step revoke localhost --reason key-compromise --store s
      step account deactivate --ca localhost_9443 --yes $flags
      kill $ca
      """)
    guard let step = story else { return }
    #expect(step("issue").contains("renewed (missing)") && step("issue").contains("status 0"), "\(step.all)")
    #expect(step("account show").contains("/acme/local/account/"))
    #expect(step("account contacts").contains("mailto:a@example.com"))
    #expect(
      step("account rollover").contains("does not support key rollover (501)"), "\(step("account rollover"))")
    #expect(!step("account rollover").contains("trying again"), "\(step("account rollover"))")
    #expect(step("account rollover").contains("status 1"))
    #expect(step("renew").contains("generation 2"), "\(step("renew"))")
    #expect(step("revoke localhost --reason superseded").contains("status 0"))
    let compromised = step("revoke localhost --reason key-compromise")
    #expect(
      compromised.contains("its key is compromised") && compromised.contains("status 0"), "\(compromised)")
    #expect(step("account deactivate").contains("status 0"), "\(step("account deactivate"))")
  }

  @Test("certificates, renewal information, a new account key and revocation work with acme2certifier")
  func acme2certifier() async throws {
    let place = try Place()
    let certificates = try TestCertificates(place, "server")
    let files = try certificates.issue(["localhost"], called: "server")
    try place.write(
      "ca.cnf",
      """
      [ca]
      default_ca = it
      [it]
      database = index
      crlnumber = number
      default_md = sha256
      default_crl_days = 30
      """)
    try place.write(
      "a2c.cfg",
      """
      [CAhandler]
      handler_module: acme2certifier.cahandlers.openssl_ca_handler
      issuing_ca_key: \(place("ca.key"))
      issuing_ca_cert: \(place("ca.pem"))
      issuing_ca_crl: \(place("crl.pem"))
      cert_validity_days: 30
      cert_save_path: \(place("issued"))
      ca_cert_chain_list: []
      [DBhandler]
      handler: wsgi
      dbfile: \(place("a2c.db"))
      [Challenge]
      dns_server_list: ["127.0.0.1"]
      """)
    let story = try await Story(
      place,
      """
      touch index; echo 01 > number; mkdir issued
      openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj "/CN=CA" -addext basicConstraints=critical,CA:true \
        -addext keyUsage=critical,keyCertSign,cRLSign -keyout ca.key -out ca.pem 2> /dev/null
      openssl ca -config ca.cnf -gencrl -keyfile ca.key -cert ca.pem -out crl.pem 2> /dev/null
      pebble-challtestsrv -dns01 127.0.0.1:53 -management 127.0.0.1:8055 -http01 "" -https01 "" -tlsalpn01 "" \
        -defaultIPv4 127.0.0.1 -defaultIPv6 "" > dns.log 2>&1 & dns=$!
      ACME_SRV_CONFIGFILE="$PWD/a2c.cfg" "$PYTHON" "$SERVER" \(files.certificate) \(files.key) > a2c.log 2>&1 & ca=$!
      await https://localhost:9444/directory
      flags="--store s --issuer https://localhost:9444/directory --acme-root \(certificates.rootPath)"
      flags="$flags --email a@example.com --agree-tos"
      step issue a.example.com $flags --http-address 127.0.0.1:80
      step account rollover $flags
      step renew --no-delay --store s
      echo "== advice"; cat s/certificates/a.example.com/renewal.json
      step renew --no-delay --force --store s
      step revoke a.example.com --reason superseded --store s
      kill $ca $dns
      """)
    guard let step = story else { return }
    #expect(step("issue").contains("renewed (missing)"), "\(step.all)\(place.read("a2c.log"))")
    #expect(step("account rollover").contains("status 0"), "\(step("account rollover"))")
    #expect(step("renew --no-delay --store").contains("not due before"))
    #expect(step("advice").contains("windowStart"), "\(step("advice"))")
    #expect(step("renew --no-delay --force").contains("generation 2"), "\(step.all)\(place.read("a2c.log"))")
    #expect(step("revoke").contains("status 0"), "\(step("revoke"))")
  }
}
