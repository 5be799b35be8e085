"""Plays systemd for certd: opens its socket, listens to what it tells, keeps what it wants to be kept, and starts it again after a
kill with the sockets that it had.

    service_manager.py CERTD

Works in the current directory.
"""
import array, atexit, http.client, http.server, json, os, signal, socket, ssl, subprocess, sys, threading, time


class Backend(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_):
        pass


children = []
atexit.register(lambda: [child.kill() for child in children if child.poll() is None])


def eventually(what, body):
    deadline = time.time() + 60
    while time.time() < deadline:
        found = body()
        if found:
            return found
        time.sleep(0.02)
    sys.exit(f"{what}: never; told: {told}\n{open('log').read()}")


told, kept = [], {}
manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
manager.bind("notify")


def listen():
    while True:
        data, more, _, _ = manager.recvmsg(4096, socket.CMSG_SPACE(4 * 64))
        words = dict(line.split("=", 1) for line in data.decode().split("\n"))
        descriptors = array.array("i")
        for level, kind, content in more:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                descriptors.frombytes(content)
        if words.get("FDSTORE") == "1":
            kept.setdefault(words["FDNAME"], []).extend(descriptors)
        if words.get("FDSTOREREMOVE") == "1":
            for descriptor in kept.pop(words["FDNAME"], []):
                os.close(descriptor)
        told.append(words)


threading.Thread(target=listen, daemon=True).start()
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Backend)
threading.Thread(target=server.serve_forever, daemon=True).start()


def start(sockets, config="certd.yaml"):
    """Starts it as systemd does: sockets from descriptor 3 on, and variables that say so."""
    copies = [os.dup(s) for s in sockets]
    high = [os.dup2(c, 200 + i, inheritable=True) for i, c in enumerate(copies)]
    moves = " ".join(f"{3 + i}<&{n}" for i, n in enumerate(high))
    script = f'exec {moves}\nfor n in {" ".join(map(str, high))}; do eval "exec $n<&-"; done\n' if high else ""
    script += f'LISTEN_PID=$$ LISTEN_FDS={len(high)} WATCHDOG_PID=$$ exec "$0" run --config {config}\n'
    environment = {**os.environ, "NOTIFY_SOCKET": os.path.abspath("notify"), "WATCHDOG_USEC": "600000"}
    log = open("log", "a")
    child = subprocess.Popen(["bash", "-c", script, sys.argv[1]], stderr=log, stdout=log, env=environment, pass_fds=high)
    for number in copies + high:
        os.close(number)
    children.append(child)
    return child


def configuration(port, more=""):
    return f"""store: store
acme: {{ issuers: [local] }}
log: {{ format: json }}
listeners: [{{ address: "127.0.0.1:{port}" }}{more}]
routes: [{{ hosts: [localhost], service: chat }}]
services: {{ chat: {{ backends: ["127.0.0.1:{server.server_address[1]}"] }} }}
"""


def write(text):
    with open("certd.yaml", "w") as file:
        file.write(text)


activated = socket.create_server(("127.0.0.1", 0))
port = activated.getsockname()[1]
write(configuration(port))
certd = start([activated.fileno()])
eventually("READY", lambda: any(words.get("READY") == "1" for words in told))
eventually("WATCHDOG", lambda: sum(words.get("WATCHDOG") == "1" for words in told) > 2)
eventually("a certificate", lambda: '"message":"certificate proven"' in open("log").read())
root = subprocess.run([sys.argv[1], "ca", "root", "--store", "store"], capture_output=True, text=True, check=True).stdout
context = ssl.create_default_context(cadata=root)


def ask(raw):
    with context.wrap_socket(raw, server_hostname="localhost") as sock:
        sock.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        answer = http.client.HTTPResponse(sock)
        answer.begin()
        assert answer.status == 200 and answer.read() == b"ok"


ask(socket.create_connection(("127.0.0.1", port)))
names = eventually("FDSTORE", lambda: list(kept))
assert names == [f"certd.127.0.0.1_{port}"], names
activated.close()

# A reload is told, and a listener that goes is let go.
second = socket.create_server(("127.0.0.1", 0))
other = second.getsockname()[1]
second.close()
write(configuration(port, f', {{ address: "127.0.0.1:{other}" }}'))
os.kill(certd.pid, signal.SIGHUP)
eventually("RELOADING", lambda: any("MONOTONIC_USEC" in words for words in told))
eventually("READY again", lambda: sum(words.get("READY") == "1" for words in told) == 2)
eventually("FDSTORE of the new one", lambda: len(kept) == 2)
write(configuration(port))
os.kill(certd.pid, signal.SIGHUP)
eventually("FDSTOREREMOVE", lambda: len(kept) == 1)

# Killed: nobody is refused, and who comes meanwhile is served by the next one.
certd.kill()
certd.wait()
waiting = [socket.create_connection(("127.0.0.1", port)) for _ in range(8)]
certd = start(kept[names[0]])
for raw in waiting:
    ask(raw)

os.kill(certd.pid, signal.SIGTERM)
eventually("STOPPING", lambda: any(words.get("STOPPING") == "1" for words in told))
assert certd.wait(30) == 0
print("all ok")
