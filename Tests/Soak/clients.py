"""Clients that know what each answer has to be: kept, pipelining, multiplexing, slow, leaving in the middle."""
import asyncio, os, random, ssl
import content, http2
from tally import Tally

# In seconds: every backend answers within two.
PATIENCE = 20
# What certd may answer where a backend breaks off, is away, or has closed a kept connection.
GATEWAY = {"502", "503", "504"}


class Broken(Exception):
    """The answer ended visibly before it was complete."""


class Clients:
    def __init__(self, services, ports, seed, until):
        self.services = {service.name: service for service in services}
        self.names = [service.name for service in services if service.kind != "websocket"]
        self.sockets = [service.name for service in services if service.kind == "websocket"]
        self.ports, self.until = ports, until
        self.random, self.tally, self.nonce = random.Random(seed), Tally(), seed * 10_000_000
        self.context = ssl.create_default_context()
        self.context.check_hostname, self.context.verify_mode = False, ssl.CERT_NONE

    def wish(self):
        self.nonce += 1
        return content.choose(self.random, self.names, self.nonce)

    def chance(self, share):
        return self.random.random() < share

    @property
    def goes_on(self):
        return asyncio.get_running_loop().time() < self.until

    async def run(self):
        kinds = [self.http1] * 14 + [self.pipelining] * 4 + [self.http2] * 6 + ([self.websocket] * 3 if self.sockets else [])
        await asyncio.gather(*[self.repeat(kind) for kind in kinds])
        return self.tally

    async def repeat(self, kind):
        while self.goes_on:
            try:
                await kind()
            except (ConnectionError, OSError, ssl.SSLError) as error:
                if not isinstance(error, (ConnectionResetError, BrokenPipeError)):
                    self.tally.fault("unexpected", f"{kind.__name__}: {error!r}")
                await asyncio.sleep(0.05)

    async def connect(self, secure, protocols=("http/1.1",)):
        context = None
        if secure:
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            context.set_alpn_protocols(list(protocols))
        return await asyncio.open_connection("127.0.0.1", self.ports[1 if secure else 0], ssl=context, limit=1 << 20)

    # MARK: Verdicts

    def judge(self, wish, status, path, verdict, got, client):
        """A complete answer."""
        service = self.services[wish.service]
        about = f"{client} {wish.method} {wish.path}: "
        if status == "200":
            if path != wish.path:
                self.tally.fault("wrong", about + f"the answer to {path}")
            elif got != wish.answer_bytes():
                self.tally.fault("wrong", about + content.difference(got, wish.answer_bytes()))
            elif verdict == "wrong":
                self.tally.fault("wrong", about + "the backend got another upload")
            else:
                self.tally.add("right")
        elif status in service.statuses(wish):
            self.tally.add("refused")
        else:
            self.tally.fault("unexpected", about + f"status {status} {got[:100]!r}")

    def broke(self, wish, client, why):
        if self.services[wish.service].may_break(wish):
            self.tally.add("broken")
        else:
            self.tally.fault("unexpected", f"{client} {wish.method} {wish.path}: {why}")

    # MARK: HTTP/1.1

    @staticmethod
    def request(wish):
        length = f"Content-Length: {wish.upload}\r\n" if wish.upload else ""
        return f"{wish.method} {wish.path} HTTP/1.1\r\nHost: {wish.host}\r\n{length}\r\n".encode() + wish.upload_bytes()

    async def answer(self, reader, slow=False):
        """Status, path, verdict, content, and whether the connection goes on."""
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
                status = head[0].split(" ")[1]
                if not status.startswith("1") or status == "101":
                    break
            fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
            got = b""
            if fields.get("transfer-encoding") == "chunked":
                while size := int(await reader.readuntil(b"\r\n"), 16):
                    got += (await reader.readexactly(size + 2))[:-2]
                while (await reader.readuntil(b"\r\n")) != b"\r\n":
                    pass
            elif status != "101":
                left = int(fields["content-length"])
                while left:
                    part = await reader.readexactly(min(left, 8192 if slow else left))
                    got, left = got + part, left - len(part)
                    if slow:
                        await asyncio.sleep(0.002)
            return status, fields.get("x-path"), fields.get("x-upload"), got, fields.get("connection") != "close"
        except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError) as error:
            raise Broken(repr(error)) from None

    async def http1(self):
        secure = self.chance(0.6)
        client = "TLS" if secure else "plain"
        reader, writer = await self.connect(secure)
        try:
            for _ in range(self.random.choice([1, 3, 20])):
                wish = self.wish()
                sending = asyncio.create_task(self.send(writer, self.request(wish)))
                if self.chance(0.07):
                    # Leaves in the middle.
                    await asyncio.sleep(self.random.random() * 0.02)
                    sending.cancel()
                    return self.tally.add("left")
                try:
                    status, path, verdict, got, keeps = await asyncio.wait_for(self.answer(reader, self.chance(0.1)), PATIENCE)
                    self.judge(wish, status, path, verdict, got, client)
                except Broken as error:
                    return self.broke(wish, client, error)
                except TimeoutError:
                    return self.tally.fault("hung", f"{client} {wish.method} {wish.path}")
                finally:
                    sending.cancel()
                # Behind an answer that did not wait for the upload the connection may end.
                if not keeps or verdict == "unread" or not self.goes_on:
                    return
        finally:
            writer.close()

    async def send(self, writer, data):
        try:
            writer.write(data)
            await writer.drain()
        except (ConnectionError, ssl.SSLError):
            pass

    async def pipelining(self):
        reader, writer = await self.connect(self.chance(0.5))
        try:
            wishes = [self.wish() for _ in range(self.random.randrange(2, 6))]
            sending = asyncio.create_task(self.send(writer, b"".join(self.request(wish) for wish in wishes)))
            for wish in wishes:
                try:
                    status, path, verdict, got, keeps = await asyncio.wait_for(self.answer(reader), PATIENCE)
                except Broken as error:
                    # A reset because of a later one may overtake what the client has not read yet; an early answer to one
                    # before may have ended the connection.
                    fragile = next((other for other in wishes if self.services[other.service].may_break(other)), wish)
                    return self.broke(fragile, "pipelining", error)
                except TimeoutError:
                    return self.tally.fault("hung", f"pipelining {wish.method} {wish.path}")
                self.judge(wish, status, path, verdict, got, "pipelining")
                if not keeps:
                    return
            sending.cancel()
        finally:
            writer.close()

    async def websocket(self):
        """A tunnel in which every byte comes back."""
        self.nonce += 1
        wish = content.Wish(self.random.choice(self.sockets), self.nonce, 0, 0)
        reader, writer = await self.connect(self.chance(0.5))
        try:
            writer.write((f"GET {wish.path} HTTP/1.1\r\nHost: {wish.host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                          "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n").encode())
            status, path, _, _, _ = await asyncio.wait_for(self.answer(reader), PATIENCE)
            if status != "101" or path != wish.path:
                return self.tally.fault("unexpected" if status != "101" else "wrong", f"websocket {wish.path}: {status} {path}")
            for part in range(self.random.randrange(1, 8)):
                sent = content.stream(f"socket {wish.path} {part}", self.random.choice([1, 100, 5000, 70_000]))
                sending = asyncio.create_task(self.send(writer, sent))
                got = await asyncio.wait_for(reader.readexactly(len(sent)), PATIENCE)
                await sending
                if got != sent:
                    return self.tally.fault("wrong", f"websocket {wish.path}: {content.difference(got, sent)}")
            self.tally.add("right")
        except TimeoutError:
            self.tally.fault("hung", f"websocket {wish.path}")
        except (Broken, asyncio.IncompleteReadError) as error:
            self.tally.fault("unexpected", f"websocket {wish.path}: {error!r}")
        finally:
            writer.close()

    # MARK: HTTP/2

    async def http2(self):
        reader, writer = await self.connect(True, ("h2",))
        connection = http2.Connection(reader, writer)
        writer.write(http2.PREFACE)
        connection.start()
        queues = {}
        reading = asyncio.create_task(self.dispatch(connection, queues))
        try:
            count, next_stream = self.random.choice([10, 60, 200]), 1
            running = set()
            while next_stream < 2 * count and self.goes_on and not reading.done():
                running.add(asyncio.create_task(self.stream(connection, queues, next_stream)))
                next_stream += 2
                if len(running) >= 15:
                    _, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            if running:
                await asyncio.wait(running)
            if reading.done() and reading.result():
                self.tally.fault("unexpected", f"HTTP/2 connection: {reading.result()}")
        finally:
            reading.cancel()
            writer.close()

    async def dispatch(self, connection, queues):
        """Hands frames to their streams; why it has ended."""
        why = "its end"
        try:
            while True:
                kind, flags, stream, payload = await connection.read()
                if kind == http2.HEADERS:
                    payload = dict(connection.decoder.decode(payload))
                if kind == http2.GOAWAY:
                    why = f"GOAWAY {payload!r}"
                if stream in queues:
                    queues[stream].put_nowait((kind, flags, payload))
        except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError) as error:
            why += f" {error!r}"
        for queue in queues.values():
            queue.put_nowait((None, 0, b""))
        return why

    async def stream(self, connection, queues, stream):
        wish, queue = self.wish(), asyncio.Queue()
        queues[stream] = queue
        over = []
        sending = asyncio.create_task(self.upload(connection, stream, wish, over))
        try:
            if self.chance(0.1):
                await asyncio.sleep(self.random.random() * 0.02)
                connection.writer.write(http2.frame(http2.RST, 0, stream, (8).to_bytes(4, "big")))
                return self.tally.add("left")
            await asyncio.wait_for(self.read_stream(connection, queue, stream, wish), PATIENCE)
        except TimeoutError:
            self.tally.fault("hung", f"HTTP/2 {wish.method} {wish.path}")
        except (ConnectionError, ssl.SSLError) as error:
            self.broke(wish, "HTTP/2", error)
        finally:
            over.append(True)
            sending.cancel()
            del queues[stream]
            await connection.forget(stream)

    async def upload(self, connection, stream, wish, over):
        fields = [(":method", wish.method), (":scheme", "https"), (":path", wish.path), (":authority", wish.host)]
        if wish.upload and self.chance(0.5):
            fields.append(("content-length", str(wish.upload)))
        try:
            connection.head(stream, fields, not wish.upload)
            if wish.upload:
                await connection.data(stream, wish.upload_bytes(), True, lambda: not over)
        except (ConnectionError, ssl.SSLError):
            pass

    async def read_stream(self, connection, queue, stream, wish):
        head, got = None, b""
        while True:
            kind, flags, payload = await queue.get()
            if kind is None:
                return self.broke(wish, "HTTP/2", "the connection ended")
            if kind == http2.RST:
                return self.broke(wish, "HTTP/2", f"reset {payload!r}")
            if kind == http2.HEADERS and head is None and not payload[":status"].startswith("1"):
                head = payload
            elif kind == http2.DATA:
                got += payload
                if payload and not flags & http2.END_STREAM:
                    connection.writer.write(http2.increment(stream, len(payload)))
            if flags & http2.END_STREAM:
                return self.judge(wish, head[":status"], head.get("x-path"), head.get("x-upload"), got, "HTTP/2")
