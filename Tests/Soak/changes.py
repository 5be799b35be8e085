#!/usr/bin/env python3
"""Reloads, upgrades and crashes under load: requests over HTTP/1.1 and HTTP/2, gRPC calls, event streams and WebSockets, none of
which may fail or be cut. After a crash, whose sockets a service manager has kept, only what that process had may be lost, and
nobody is refused.

    changes.py --certd FILE [--rounds 10] [--streams 500]

Exit status 0 when nothing failed. Needs the packages of scripts/python-clients.
"""
import argparse, array, asyncio, contextlib, json, os, resource, shutil, signal, socket, ssl, subprocess, sys, tempfile, threading, time

import grpc, httpx, websockets

PATIENCE = 60
CLIENTS = os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "Support", "EndToEnd", "clients")


class Faults:
    """What went wrong, and how much went right; `allowed` counts in its place while a crash may cost something."""

    def __init__(self):
        self.right, self.wrong, self.lost, self.allowed = {}, [], 0, False

    def ok(self, kind):
        self.right[kind] = self.right.get(kind, 0) + 1

    def bad(self, kind, why):
        if isinstance(why, ConnectionRefusedError) or not self.allowed:
            self.wrong.append(f"{kind}: {why!r} {getattr(why, 'partial', '')}")
        else:
            self.lost += 1


async def backend(over):
    """An answer at /, and at /stream events until it is over."""
    async def serve(reader, writer):
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while head := await reader.readuntil(b"\r\n\r\n"):
                if b" /stream " not in head.split(b"\r\n")[0]:
                    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
                    continue
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
                while not over.is_set():
                    writer.write(b"9\r\ndata: x\n\n\r\n")
                    await writer.drain()
                    await asyncio.sleep(0.25)
                writer.write(b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n")
        writer.close()
    return (await asyncio.start_server(serve, "127.0.0.1", 0, backlog=1024)).sockets[0].getsockname()[1]


class Certd:
    """The program under test, and what a service manager does for it: keeps its sockets, and starts it again."""

    def __init__(self, program, ports):
        self.program, self.ports, self.kept, self.pids = os.path.abspath("certd-here"), ports, {}, []
        shutil.copy(program, self.program)
        self.manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.manager.bind("notify")
        threading.Thread(target=self.listen, daemon=True).start()
        with socket.socket() as one:
            one.bind(("127.0.0.1", 0))
            self.port = one.getsockname()[1]
        self.configure(0)

    def configure(self, turn):
        plain, calls, sockets = self.ports
        with open("certd.yaml.new", "w") as file:
            file.write(f"""store: store
workers: 2
acme: {{ issuers: [local] }}
log: {{ format: json }}
limits: {{ drain_timeout: 1h }}
listeners: [{{ address: "127.0.0.1:{self.port}" }}]
routes:
  - {{ hosts: [localhost], paths: ["/test.Echo/*"], service: calls }}
  - {{ hosts: [localhost], paths: ["/echo"], service: sockets }}
  - {{ hosts: [localhost], service: plain }}
services:
  plain: {{ backends: ["127.0.0.1:{plain}"], timeouts: {{ idle: {60 + turn}s }} }}
  calls: {{ protocol: h2c, backends: ["127.0.0.1:{calls}"] }}
  sockets: {{ backends: ["127.0.0.1:{sockets}"] }}
""")
        os.rename("certd.yaml.new", "certd.yaml")

    def listen(self):
        while True:
            data, more, _, _ = self.manager.recvmsg(4096, socket.CMSG_SPACE(4 * 64))
            words = dict(line.split("=", 1) for line in data.decode().split("\n"))
            descriptors = array.array("i")
            for level, kind, content in more:
                if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                    descriptors.frombytes(content)
            name = words.get("FDNAME")
            if words.get("FDSTORE") == "1":
                for one in self.kept.pop(name, []):
                    os.close(one)
                self.kept[name] = list(descriptors)
            elif words.get("FDSTOREREMOVE") == "1":
                for one in self.kept.pop(name, []):
                    os.close(one)

    def start(self):
        """As systemd does: the kept sockets from descriptor 3 on, and variables that say so."""
        numbers = [os.dup2(number, 900 + i, inheritable=True) for i, number in enumerate(sum(self.kept.values(), []))]
        moves = "".join(f" {3 + i}<&{n}" for i, n in enumerate(numbers))
        script = f"exec{moves}\n" + "".join(f'eval "exec {n}<&-"\n' for n in numbers)
        script += f'LISTEN_PID=$$ LISTEN_FDS={len(numbers)} exec "$0" run --config certd.yaml\n'
        with open("log", "a") as log:
            process = subprocess.Popen(["bash", "-c", script, self.program], stderr=log, stdout=log, pass_fds=numbers,
                                       env={**os.environ, "NOTIFY_SOCKET": os.path.abspath("notify")})
        for number in numbers:
            os.close(number)
        self.pids.append(process.pid)

    def lines(self, message):
        return [json.loads(line) for line in open("log") if line.startswith("{") and f'"message":"{message}' in line]

    async def eventually(self, what, body):
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            if found := body():
                return found
            await asyncio.sleep(0.05)
        sys.exit(f"{what}: never\n{open('log').read()[-4000:]}")

    async def begin(self):
        self.start()
        await self.eventually("a certificate", lambda: self.lines("certificate proven"))
        return subprocess.run([self.program, "ca", "root", "--store", "store"], capture_output=True, text=True, check=True).stdout

    async def reload(self, turn):
        self.configure(turn)
        before = len(self.lines("configuration reloaded"))
        os.kill(self.pids[-1], signal.SIGHUP)
        await self.eventually("a reload", lambda: len(self.lines("configuration reloaded")) > before)

    async def upgrade(self):
        before = len(self.lines("upgrade: another process serves"))
        os.kill(self.pids[-1], signal.SIGUSR2)
        found = await self.eventually("an upgrade", lambda: self.lines("upgrade: another process serves")[before:])
        self.pids.append(found[-1]["process"])

    async def crash(self):
        os.kill(self.pids[-1], signal.SIGKILL)
        before = len(self.lines("listening"))
        self.start()
        await self.eventually("certd is back", lambda: len(self.lines("listening")) > before)

    def kill(self):
        for pid in self.pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


class Load:
    def __init__(self, port, root, faults, over):
        self.port, self.faults, self.over = port, faults, over
        self.context = ssl.create_default_context(cadata=root)
        self.root = root

    async def dial(self):
        return await asyncio.open_connection("127.0.0.1", self.port, ssl=self.context, server_hostname="localhost")

    async def http1(self):
        """Ten requests a connection; one that had been kept and ended before it answered is made again, as all clients do."""
        while not self.over.is_set():
            reader = writer = None
            try:
                for turn in range(10):
                    for _ in range(2):
                        fresh = writer is None
                        if fresh:
                            reader, writer = await self.dial()
                        writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
                        try:
                            head = await reader.readuntil(b"\r\n\r\n")
                            break
                        except (OSError, asyncio.IncompleteReadError) as error:
                            if fresh or getattr(error, "partial", b""):
                                raise
                            writer = None
                    if not head.startswith(b"HTTP/1.1 200") or await reader.readexactly(2) != b"ok":
                        raise ValueError(head)
                    self.faults.ok("HTTP/1.1")
                    if b"connection: close" in head.lower():
                        writer.close()
                        writer = None
            except Exception as error:
                self.faults.bad("HTTP/1.1", error)
            if writer:
                writer.close()

    async def http2(self):
        while not self.over.is_set():
            async with httpx.AsyncClient(http1=False, http2=True, verify=ssl.create_default_context(cadata=self.root), timeout=PATIENCE) as client:
                for _ in range(20):
                    try:
                        answer = await client.get(f"https://localhost:{self.port}/")
                        if answer.status_code != 200 or answer.content != b"ok":
                            raise ValueError(answer)
                        self.faults.ok("HTTP/2")
                    except Exception as error:
                        self.faults.bad("HTTP/2", error)

    async def calls(self):
        credentials = grpc.ssl_channel_credentials(self.root.encode())
        async with grpc.aio.secure_channel(f"localhost:{self.port}", credentials) as channel:
            call = channel.unary_unary("/test.Echo/Unary")
            while not self.over.is_set():
                try:
                    if await call(b"abc", timeout=PATIENCE) != b"cba":
                        raise ValueError("a wrong answer")
                    self.faults.ok("gRPC")
                except Exception as error:
                    self.faults.bad("gRPC", error)
                await asyncio.sleep(0.002)

    async def sockets(self):
        while not self.over.is_set():
            try:
                async with websockets.connect(f"wss://localhost:{self.port}/echo", ssl=self.context, subprotocols=["chat"]) as one:
                    number = 0
                    while not self.over.is_set():
                        await one.send(str(number))
                        if await asyncio.wait_for(one.recv(), PATIENCE) != str(number):
                            raise ValueError("a wrong message")
                        number += 1
                        self.faults.ok("WebSocket")
                        await asyncio.sleep(0.1)
            except Exception as error:
                self.faults.bad("WebSocket", error)

    async def stream(self, begun):
        """One stream from before everything to its end."""
        try:
            reader, writer = await self.dial()
            writer.write(b"GET /stream HTTP/1.1\r\nHost: localhost\r\n\r\n")
            head = await reader.readuntil(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 200"):
                raise ValueError(head)
            begun.append(1)
            last = b""
            while piece := await asyncio.wait_for(reader.read(65536), PATIENCE):
                last = (last + piece)[-64:]
                if last.endswith(b"0\r\n\r\n"):
                    break
            if b"data: [DONE]" not in last:
                raise ValueError("cut")
            self.faults.ok("whole streams")
            writer.close()
        except Exception as error:
            self.faults.bad("stream", error)


async def run(options):
    over, streams_over, faults = asyncio.Event(), asyncio.Event(), Faults()
    plain = await backend(streams_over)
    helpers, ports = [], [plain]
    for name in ("grpc_server", "websocket_server"):
        helper = subprocess.Popen([sys.executable, f"{CLIENTS}/{name}.py"], stdout=subprocess.PIPE, text=True)
        helpers.append(helper)
        ports.append(int(helper.stdout.readline().split()[1]))
    certd = Certd(options.certd, ports)
    try:
        load = Load(0, await certd.begin(), faults, over)
        load.port = certd.port
        begun = []
        streams = [asyncio.create_task(load.stream(begun)) for _ in range(options.streams)]
        while len(begun) < options.streams and not faults.wrong:
            await asyncio.sleep(0.05)
        tasks = [asyncio.create_task(one()) for one in [load.http1] * 4 + [load.http2] * 2 + [load.calls] * 2 + [load.sockets] * 5]
        await asyncio.sleep(1)
        for turn in range(options.rounds):
            await certd.reload(turn % 2)
            await asyncio.sleep(options.pause)
        told(f"{options.rounds} reloads", faults)
        for turn in range(options.rounds):
            await certd.upgrade()
            await asyncio.sleep(options.pause)
        told(f"{options.rounds} upgrades", faults)
        streams_over.set()
        await asyncio.gather(*streams)
        told("the streams of the first process", faults)
        faults.allowed = True
        for turn in range(options.rounds):
            await certd.crash()
            await asyncio.sleep(options.pause)
        await asyncio.sleep(1)
        faults.allowed = False
        before = dict(faults.right)
        await asyncio.sleep(2)
        for kind in ("HTTP/1.1", "HTTP/2", "gRPC", "WebSocket"):
            if faults.right.get(kind, 0) <= before.get(kind, 0):
                faults.wrong.append(f"{kind}: nothing goes on after the last crash")
        told(f"{options.rounds} crashes, {faults.lost} lost with them", faults)
        over.set()
        await asyncio.gather(*tasks)
    finally:
        certd.kill()
        for helper in helpers:
            helper.kill()
    if faults.wrong:
        sys.exit(f"{len(faults.wrong)} went wrong: {faults.wrong[:5]}")
    print("all ok")


def told(what, faults):
    kinds = {}
    for one in faults.wrong:
        kinds[one[:120]] = kinds.get(one[:120], 0) + 1
    for one, count in list(kinds.items())[:8]:
        print(f"  {count} x {one}")
    counts = ", ".join(f"{count} {kind}" for kind, count in sorted(faults.right.items()))
    print(f"after {what}: {counts}; {len(faults.wrong)} wrong", flush=True)


def main():
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("--certd", default=os.environ.get("CERTD", ".build/release/certd"))
    options.add_argument("--rounds", type=int, default=10)
    options.add_argument("--streams", type=int, default=500)
    options.add_argument("--pause", type=float, default=0.5)
    options = options.parse_args()
    options.certd = os.path.realpath(options.certd)
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with tempfile.TemporaryDirectory(prefix="certd-changes-") as place:
        os.chdir(place)
        asyncio.run(run(options))


main()
