"""Certificates that live for minutes, from a real CA (pebble), under `certd run` for as long as one likes.

    short_lives.py --certd PROGRAM --seconds 3600 --lives 120,300,600,3600

Twice a second each name is asked for by a new handshake: none may show an expired leaf. A stream a name goes on for the
whole time: none may be cut. The last line is a JSON object; the exit status is 0 when nothing went wrong.
"""
import argparse, datetime, json, os, signal, socket, ssl, subprocess, sys, tempfile, threading, time


def free():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def run(*arguments, cwd):
    subprocess.run(arguments, cwd=cwd, check=True, capture_output=True)


def issue(place):
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", "api.key",
        "-out", "api.pem", "-subj", "/CN=localhost", "-days", "2", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
        cwd=place)


class Backend(threading.Thread):
    """A server of streams: an event a second, for ever."""

    def __init__(self):
        super().__init__(daemon=True)
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        self.start()

    def run(self):
        while True:
            threading.Thread(target=self.serve, args=(self.listener.accept()[0],), daemon=True).start()

    @staticmethod
    def serve(connection):
        try:
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
            while True:
                connection.sendall(b"9\r\ndata: x\n\n\r\n")
                time.sleep(1)
        except OSError:
            pass


class Seen:
    def __init__(self):
        self.lock, self.handshakes, self.expired, self.failed, self.leaves, self.cut = threading.Lock(), 0, 0, 0, {}, []
        self.first, self.least = {}, {}

    def add(self, name, leaf, now):
        with self.lock:
            self.handshakes += 1
            left = leaf[1] - now
            self.first.setdefault(name, now)
            self.leaves.setdefault(name, set()).add(leaf[0])
            self.least[name] = min(self.least.get(name, 1e9), left)
            self.expired += left < 0


def context():
    made = ssl.create_default_context()
    made.check_hostname, made.verify_mode = False, ssl.CERT_NONE
    return made


def leaf(der, known={}):
    """Serial number and the second in which it ends."""
    if der not in known:
        text = subprocess.run(["openssl", "x509", "-inform", "DER", "-noout", "-serial", "-enddate"], input=der,
                              capture_output=True, check=True).stdout.decode()
        fields = dict(line.split("=", 1) for line in text.splitlines())
        end = datetime.datetime.strptime(fields["notAfter"], "%b %d %H:%M:%S %Y %Z").replace(tzinfo=datetime.timezone.utc)
        known[der] = (fields["serial"], end.timestamp())
    return known[der]


def handshakes(name, port, seen, until):
    while time.time() < until:
        try:
            with socket.create_connection(("127.0.0.1", port), 10) as plain:
                now = time.time()
                with context().wrap_socket(plain, server_hostname=name) as secure:
                    seen.add(name, leaf(secure.getpeercert(True)), now)
        except OSError as error:
            with seen.lock:
                if name in seen.leaves:
                    seen.failed += 1
                    print(f"handshake with {name}: {error}", file=sys.stderr)
        time.sleep(0.5)


def stream(name, port, seen, until):
    while time.time() < until and name not in seen.leaves:
        time.sleep(0.2)
    try:
        with socket.create_connection(("127.0.0.1", port), 10) as plain:
            with context().wrap_socket(plain, server_hostname=name) as secure:
                secure.sendall(f"GET /stream HTTP/1.1\r\nhost: {name}\r\n\r\n".encode())
                while time.time() < until:
                    if not secure.recv(65536):
                        raise OSError("ended")
    except OSError as error:
        with seen.lock:
            seen.cut.append(f"{name}: {error}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--certd", required=True)
    parser.add_argument("--seconds", type=float, default=3600)
    parser.add_argument("--lives", default="120,300,600,3600", help="seconds, one certificate each")
    options = parser.parse_args()
    lives = [int(text) for text in options.lives.split(",")]
    place = tempfile.mkdtemp(prefix="short-lives-")
    issue(place)
    http, dns, dns_management, front = (free() for _ in range(4))
    names = [f"life{life}.example.com" for life in lives]
    children = [subprocess.Popen(
        ["pebble-challtestsrv", "-management", f"127.0.0.1:{dns_management}", "-dns01", f"127.0.0.1:{dns}", "-http01", "",
         "-https01", "", "-tlsalpn01", "", "-defaultIPv6", ""],
        stdout=open(f"{place}/dns.log", "w"), stderr=subprocess.STDOUT)]
    # A CA for each lifetime: the packaged pebble has one for everything that it issues.
    issuers, managed = "", ""
    for name, life in zip(names, lives):
        api = free()
        with open(f"{place}/pebble-{life}.json", "w") as file:
            json.dump({"pebble": {
                "listenAddress": f"127.0.0.1:{api}", "managementListenAddress": f"127.0.0.1:{free()}",
                "certificate": f"{place}/api.pem", "privateKey": f"{place}/api.key", "httpPort": http, "tlsPort": 1,
                "ocspResponderURL": "", "externalAccountBindingRequired": False, "certificateValidityPeriod": life}}, file)
        children.append(subprocess.Popen(
            ["pebble", "-config", f"{place}/pebble-{life}.json", "-dnsserver", f"127.0.0.1:{dns}"],
            env=dict(os.environ, PEBBLE_VA_NOSLEEP="1"), stdout=open(f"{place}/pebble-{life}.log", "w"),
            stderr=subprocess.STDOUT))
        issuers += f'    - {{ name: p{life}, directory: "https://127.0.0.1:{api}/dir", roots: ["{place}/api.pem"] }}\n'
        managed += f"  - {{ names: [{name}], issuer: p{life} }}\n"
    time.sleep(2)
    backend = Backend()
    with open(f"{place}/certd.yaml", "w") as file:
        file.write(f"""store: {place}/store
acme:
  email: ops@example.com
  agree_tos: true
  issuers:
{issuers}  http01: {{ address: "127.0.0.1:{http}" }}
certificates:
{managed}listeners: [{{ address: "127.0.0.1:{front}" }}]
routes: [{{ hosts: [{", ".join(names)}], service: s }}]
services: {{ s: {{ backends: ["127.0.0.1:{backend.port}"], health: {{ enabled: false }} }} }}
""")
    log = open(f"{place}/certd.log", "w")
    daemon = subprocess.Popen([options.certd, "run", "--config", f"{place}/certd.yaml"], stderr=log, cwd=place)
    seen, until = Seen(), time.time() + options.seconds
    threads = [threading.Thread(target=work, args=(name, front, seen, until)) for name in names for work in (handshakes, stream)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    died = daemon.poll() is not None
    daemon.send_signal(signal.SIGTERM)
    for child in children:
        child.kill()
    result = {
        "seconds": options.seconds, "handshakes": seen.handshakes, "expired": seen.expired, "failed": seen.failed,
        "cut_streams": seen.cut, "died": died, "place": place,
        "leaves": {name: len(seen.leaves.get(name, ())) for name in names},
        "least_seconds_left": {name: round(seen.least.get(name, -1)) for name in names}}
    print(json.dumps(result))
    sys.exit(bool(seen.expired or seen.failed or seen.cut or died or len(seen.leaves) < len(names)))


if __name__ == "__main__":
    main()
