/// `certd help errors`: what exit statuses mean, and what to do about the errors that are met most.
enum ErrorsHelp {
  static let text = """
    EXIT STATUS
      0   done
      1   something failed; the reason is on standard error, and a second try may succeed
      2   the configuration is not valid; the error has its line and column
      3   renew --detailed-exit-code: something was renewed
      4   renew --detailed-exit-code: renewed, but something that follows a renewal failed
      64  the command line is not understood

    ERRORS, AND WHAT TO DO
      no configuration: neither certd.yaml here nor /etc/certd/certd.yaml is there
          Make one with 'certd init', or name one with --config.
      FILE:LINE:COLUMN: KEY: is not a key
          The nearest key is told; docs/configuration.md has all of them.
      bind: ADDRESS: Permission denied
          Ports below 1024 need root or CAP_NET_BIND_SERVICE: the systemd units have it, and
          'setcap cap_net_bind_service=+ep /usr/bin/certd' gives it to the program.
      bind: ADDRESS: Address already in use
          Another server has the port ('ss -ltnp' names it); stop it, or let it serve a webroot (acme.http01.webroot).
      ISSUER issues only to those who agree to its terms of service
          Read them, and set acme.agree_tos: true, or give --agree-tos.
      the wildcard *.NAME can be proven by dns-01 only
          Set acme.dns01 (docs/dns-01.md), or give --dns-exec PROGRAM.
      no public CA certifies NAME
          It is a private name or address: use the issuer 'local', or cert and key files.
      validation failed: connection refused, timeout, or a wrong answer
          The CA must reach port 80 (or 443) of this machine under the name: 'certd doctor NAME' looks at DNS, CAA,
          firewalls and the answers from outside.
      due, but waiting until TIME
          A CA's limit or a pause after a failure: 'certd plan' tells which, 'certd renew --force' does not wait.
      the system's clock is N s away from the CA's
          Set the clock ('timedatectl set-ntp true'); certificates are valid by it.
      503, and 'certd status' shows backends that are not ready
          The reason stands beside each backend; 'certd explain' tells where a request would go, and why not.
      401 for a request
          The route wants a key: 'certd key create' makes one; clients send it as 'Authorization: Bearer'.
      another certd is at work; the store is busy
          One process at a time changes a certificate: try again when the other one has ended.

    'certd COMMAND --help' tells what a command does; 'certd doctor' looks at everything at once.
    """
}
