import EndToEnd
import Testing

/// Against Debian's Caddy as a CA (`acme_server`), which has its own dialect: no terms, no key change, a validation while it
/// is asked for. It asks port 80 and nothing else, so that all of it runs in a network of its own.
@Suite(.fewAtATime) struct CaddyTests {
  @Test("certificates, accounts and revocation work with Caddy's CA, and what it lacks is said clearly")
  func dialect() async throws {
    let place = try Place()
    let isolated = try await place.run(
      ["unshare", "-rn", "ip", "link", "set", "lo", "up"], called: "unshare")
    guard isolated.ending == .exited(0) else {
      return print("skipped: no network namespaces here: \(isolated.errors)")
    }
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
    let script = """
      ip link set lo up
      export HOME="$PWD"
      caddy run --config Caddyfile > caddy.log 2>&1 & caddy=$!
      until curl -sk https://localhost:9443/acme/local/directory > /dev/null; do
        kill -0 $caddy || exit 99; done
      flags="--store s --issuer https://localhost:9443/acme/local/directory --email a@example.com --agree-tos"
      flags="$flags --acme-root data/pki/authorities/local/root.crt"
      step() { echo "== $*"; "$CERTD" "$@" 2>&1; echo "status $?"; }
      step issue localhost $flags --http-address 127.0.0.1:80
      step account show $flags
      step account contacts $flags
      step account rollover $flags
      step renew --no-delay --force --store s
      step revoke localhost --reason superseded --store s
      step revoke localhost --reason key-compromise --store s
      step account deactivate --ca localhost_9443 --yes $flags
      kill $caddy
      """
    let run = try await place.run(
      ["unshare", "-rn", "/bin/sh", "-c", script], environment: ["CERTD": try Place.certd()], called: "caddy")
    let steps = run.output.split(separator: "== ").map(String.init)
    func step(_ name: String) -> String {
      steps.first { $0.hasPrefix(name) } ?? "\(name) is missing in \(run)"
    }
    #expect(step("issue").contains("renewed (missing)") && step("issue").contains("status 0"), "\(run)")
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
}
