"""Has certd change places with the program at its path, again and again, while it serves; says what went wrong.

    upgrade.py CERTD

Works in the current directory. The backend is here: an answer at /, and at /stream events until they are told to end.
"""
import atexit, http.client, http.server, json, os, shutil, signal, socket, ssl, subprocess, sys, threading, time

ended, stop = threading.Event(), threading.Event()


class Backend(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path != "/stream":
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"ok")
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        while not ended.wait(0.02):
            self.wfile.write(b"9\r\ndata: x\n\n\r\n")
            self.wfile.flush()
        self.wfile.write(b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n")

    def log_message(self, *_):
        pass

    def handle(self):
        try:
            super().handle()
        except OSError:
            pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


pids = []


def quit(*_):
    """Whatever happens, no process stays."""
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


atexit.register(quit)


def eventually(what, body):
    deadline = time.time() + 60
    while time.time() < deadline:
        found = body()
        if found:
            return found
        time.sleep(0.02)
    stop.set()
    sys.exit(f"{what}: never\n{open('log').read()}")


def lines(message):
    return [json.loads(l) for l in open("log") if l.startswith("{") and f'"message":"{message}' in l]


def metric(path):
    with socket.socket(socket.AF_UNIX) as admin:
        admin.connect("store/admin.sock")
        admin.sendall(f"GET {path} HTTP/1.1\r\nHost: certd\r\nConnection: close\r\n\r\n".encode())
        data = b""
        while piece := admin.recv(65536):
            data += piece
    return data


server = Server(("127.0.0.1", 0), Backend)
threading.Thread(target=server.serve_forever, daemon=True).start()
shutil.copy(sys.argv[1], "certd-here")
with open("certd.yaml", "w") as file:
    file.write(f"""store: store
acme: {{ issuers: [local] }}
log: {{ format: json }}
listeners: [{{ address: "127.0.0.1:0" }}]
routes: [{{ hosts: [localhost], service: chat }}]
services: {{ chat: {{ backends: ["127.0.0.1:{server.server_address[1]}"] }} }}
""")
log = open("log", "w")
certd = subprocess.Popen([os.path.abspath("certd-here"), "run", "--config", "certd.yaml"], stderr=log, stdout=log)
place = eventually("certd listens", lambda: lines("listening"))[0]["address"].split(":")
eventually("a certificate", lambda: lines("certificate proven"))
pid = certd.pid
pids.append(pid)
root = subprocess.run([sys.argv[1], "ca", "root", "--store", "store"], capture_output=True, text=True, check=True).stdout


def context():
    made = ssl.create_default_context(cadata=root)
    return made


def connect(made=None, session=None):
    raw = socket.create_connection((place[0], int(place[1])), 30)
    return (made or context()).wrap_socket(raw, server_hostname="localhost", session=session)


def ask(sock):
    sock.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    answer = http.client.HTTPResponse(sock)
    answer.begin()
    return answer.status == 200 and answer.read() == b"ok"


# A session of the first process, and a stream that begins there.
one = context()
first = connect(one)
assert ask(first)
session = first.session
stream = connect()
stream.sendall(b"GET /stream HTTP/1.1\r\nHost: localhost\r\n\r\n")
events = http.client.HTTPResponse(stream)
events.begin()
assert events.read(9) == b"data: x\n\n"

asked, wrong = [0], []

def load():
    made = context()
    while not stop.is_set():
        try:
            with connect(made) as sock:
                if not ask(sock):
                    wrong.append("a wrong answer")
            asked[0] += 1
        except Exception as error:
            wrong.append(repr(error))


loaders = [threading.Thread(target=load, daemon=True) for _ in range(4)]
for loader in loaders:
    loader.start()

for number in range(1, 4):
    if number == 3:
        said = subprocess.run([sys.argv[1], "upgrade", "--store", "store"], capture_output=True, text=True)
        if said.returncode != 0 or " serves; " not in said.stdout:
            wrong.append(f"certd upgrade: {said}")
    else:
        os.kill(pid, signal.SIGUSR2)
    pid = eventually(f"upgrade {number}", lambda: len(found := lines("upgrade: another process serves")) >= number and found)[-1]["process"]
    pids.append(pid)
    before = asked[0]
    eventually("requests go on", lambda: asked[0] > before + 20)
    eventually("the admin socket is taken over", lambda: os.path.exists("store/admin.sock") and b"200 OK" in metric("/healthz"))

with connect(one, session) as again:
    if not again.session_reused or not ask(again):
        wrong.append("a session of the first process is not resumed by the fourth")

# A program that does not start: the one that runs goes on.
with open("bad", "w") as file:
    file.write("#!/bin/sh\necho broken >&2\nexit 1\n")
os.chmod("bad", 0o755)
os.rename("certd-here", "good")
os.rename("bad", "certd-here")
os.kill(pid, signal.SIGUSR2)
eventually("a refused upgrade", lambda: lines("upgrade: the new process did not serve"))
before = asked[0]
eventually("requests go on", lambda: asked[0] > before + 20)
eventually("the admin socket is back", lambda: os.path.exists("store/admin.sock") and b"200 OK" in metric("/healthz"))

stop.set()
for loader in loaders:
    loader.join()
ended.set()
rest = events.read()
if not rest.endswith(b"data: [DONE]\n\n"):
    wrong.append("the stream of the first process was cut")
stream.close()
first.close()
if certd.wait(30) != 0:
    wrong.append(f"the first process ended with {certd.returncode}")
os.kill(pid, signal.SIGTERM)
eventually("the last process ends", lambda: not os.path.exists(f"/proc/{pid}") or open(f"/proc/{pid}/stat").read().split(")")[1].split()[0] == "Z")
if wrong:
    sys.exit(f"{len(wrong)} of {asked[0]} went wrong, the first: {wrong[:3]}\n{open('log').read()[-3000:]}")
print(f"{asked[0]} requests\nall ok")
