"""The servers behind certd: each kind answers what was asked, and misbehaves towards its connections in one way."""
import asyncio, hashlib, random, socket, ssl
import http2
from content import Wish


class Backends:
    def __init__(self, seed, certificate, key):
        self.random = random.Random(seed)
        self.context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.context.load_cert_chain(certificate, key)
        self.context.set_alpn_protocols(["h2", "http/1.1"])
        self.lost = asyncio.Event()

    def chance(self, share):
        return self.random.random() < share

    async def pause(self, longest):
        await asyncio.sleep(self.random.random() * longest)

    # MARK: HTTP/1.1

    async def http1(self, reader, writer, kind):
        """One connection; errors of the network end it."""
        try:
            while await self.exchange(reader, writer, kind):
                pass
        except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError, asyncio.LimitOverrunError, TimeoutError, asyncio.TimeoutError):
            pass
        writer.close()

    async def exchange(self, reader, writer, kind):
        head = await reader.readuntil(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        wish = Wish.read(lines[0].split(" ")[1])
        fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        if kind == "websocket":
            return await self.websocket(reader, writer, wish, fields)
        if kind == "interim":
            for _ in range(self.random.randrange(3)):
                writer.write(b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n")
        if kind == "early-answer" and wish.upload > 10_000:
            await reader.readexactly(5000)
            await self.answer(writer, wish, "unread", kind, closing=True)
            # What still comes is read, as a server does that wants its answer to arrive.
            await asyncio.wait_for(reader.read(-1), 5)
            return False
        verdict = await self.upload(reader, wish, fields)
        if kind == "slow":
            await self.pause(0.2)
        if kind == "breaking" and self.chance(0.5):
            return await self.break_off(writer, wish)
        await self.answer(writer, wish, verdict, kind, closing=kind == "until-close")
        if kind == "early-close" and self.chance(0.5):
            await self.pause(0.05)
            return False
        return kind != "until-close"

    async def upload(self, reader, wish, fields):
        """Reads a request's content, and tells whether it is the one that was meant."""
        if fields.get("transfer-encoding") == "chunked":
            got = b""
            while size := int((await reader.readline()).split(b";")[0], 16):
                got += await reader.readexactly(size)
                await reader.readexactly(2)
            while (await reader.readline()).strip():
                pass
        else:
            got = await reader.readexactly(int(fields.get("content-length", 0)))
        return "right" if got == wish.upload_bytes() else "wrong"

    async def answer(self, writer, wish, verdict, kind, closing=False):
        content = wish.answer_bytes()
        head = f"HTTP/1.1 200 OK\r\nX-Path: {wish.path}\r\nX-Upload: {verdict}\r\n"
        if kind == "chunked":
            writer.write((head + "Transfer-Encoding: chunked\r\nTrailer: X-Digest\r\n\r\n").encode())
            step = self.random.choice([1000, 16_000, 100_000])
            for at in range(0, len(content), step):
                part = content[at:at + step]
                writer.write(b"%x\r\n%s\r\n" % (len(part), part))
                await writer.drain()
            writer.write(f"0\r\nX-Digest: {hashlib.sha256(content).hexdigest()}\r\n\r\n".encode())
        elif kind == "until-close":
            writer.write((head + "Connection: close\r\n\r\n").encode() + content)
        else:
            writer.write((head + f"Content-Length: {len(content)}\r\n" + ("Connection: close\r\n" if closing else "") + "\r\n").encode())
            step = 10_000 if kind == "slow" else max(1, len(content))
            for at in range(0, len(content), step):
                writer.write(content[at:at + step])
                await writer.drain()
                if kind == "slow":
                    await self.pause(0.01)
        await writer.drain()

    async def break_off(self, writer, wish):
        """Half an answer, or none, then a reset."""
        content = wish.answer_bytes()
        if self.chance(0.7):
            writer.write(f"HTTP/1.1 200 OK\r\nX-Path: {wish.path}\r\nX-Upload: right\r\nContent-Length: {len(content) + 10}\r\n\r\n".encode())
            writer.write(content)
            await writer.drain()
            await self.pause(0.02)
        if self.chance(0.5):
            raw = writer.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        return False

    async def websocket(self, reader, writer, wish, fields):
        """After the switch every byte comes back."""
        import base64
        key = fields["sec-websocket-key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        accept = base64.b64encode(hashlib.sha1(key.encode()).digest()).decode()
        writer.write(f"HTTP/1.1 101 Switching Protocols\r\nX-Path: {wish.path}\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: {accept}\r\n\r\n".encode())
        while part := await reader.read(65_536):
            writer.write(part)
            await writer.drain()
        return False

    # MARK: HTTP/2

    async def http2(self, reader, writer, kind):
        """One connection, whose streams are answered at the same time; it ends soon after one of its answers."""
        connection, tasks, uploads, wishes, over = http2.Connection(reader, writer), set(), {}, {}, set()
        try:
            if await reader.readexactly(24) != http2.PREFACE:
                return writer.close()
            connection.start()
            while True:
                which, flags, stream, payload = await connection.read()
                if which == http2.HEADERS:
                    fields = connection.decoder.decode(payload)
                    if stream not in wishes:
                        wishes[stream] = Wish.read(dict(fields)[":path"])
                        uploads[stream] = b""
                elif which == http2.DATA:
                    if payload:
                        connection.writer.write(http2.increment(stream, len(payload)))
                    if stream in uploads:
                        uploads[stream] += payload
                elif which == http2.RST:
                    over.add(stream)
                    await connection.forget(stream)
                elif which == http2.GOAWAY:
                    continue
                if flags & http2.END_STREAM and stream in uploads:
                    wish, got = wishes[stream], uploads.pop(stream)
                    task = asyncio.create_task(self.stream(connection, stream, wish, got, kind, over))
                    tasks.add(task)
                    task.add_done_callback(tasks.discard)
        except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
            pass
        for task in tasks:
            task.cancel()
        writer.close()

    async def stream(self, connection, stream, wish, got, kind, over):
        verdict = "right" if got == wish.upload_bytes() else "wrong"
        try:
            if self.chance(0.2):
                connection.head(stream, [(":status", "103"), ("link", "</style.css>")], False)
            if kind == "h2-breaking" and self.chance(0.3):
                return await self.break_stream(connection, stream, wish)
            content = wish.answer_bytes()
            trailers = self.chance(0.3)
            connection.head(stream, [(":status", "200"), ("x-path", wish.path), ("x-upload", verdict)], False)
            await connection.data(stream, content, not trailers, lambda: stream not in over)
            if trailers and stream not in over:
                connection.head(stream, [("x-digest", hashlib.sha256(content).hexdigest())], True)
            await connection.writer.drain()
            if kind != "h2-steady" and self.chance(0.1):
                # The end of the connection comes with the last bytes, or soon after.
                if self.chance(0.5):
                    await self.pause(0.1)
                if self.chance(0.5):
                    connection.writer.write(http2.frame(http2.GOAWAY, 0, 0, (stream).to_bytes(4, "big") + bytes(4)))
                connection.writer.close()
        except (ConnectionError, ssl.SSLError):
            pass

    async def break_stream(self, connection, stream, wish):
        if self.chance(0.5):
            connection.head(stream, [(":status", "200"), ("x-path", wish.path), ("x-upload", "right")], False)
            await connection.data(stream, wish.answer_bytes(), False)
        connection.writer.write(http2.frame(http2.RST, 0, stream, (self.random.choice([2, 7, 11])).to_bytes(4, "big")))

    # MARK: Listening

    async def listen(self, kind, port, host="127.0.0.1"):
        secure = kind in ("tls", "h2-tls", "h2-breaking")
        play = self.http2 if kind.startswith("h2") else self.http1
        return await asyncio.start_server(
            lambda reader, writer: play(reader, writer, kind), host, port, ssl=self.context if secure else None, limit=1 << 20, backlog=1000)

    async def restart(self, port):
        """A server that is away for a moment, over and over."""
        while True:
            server = await self.listen("restarting", port)
            await asyncio.sleep(1 + self.random.random())
            server.close()
            await asyncio.sleep(self.random.random() * 0.3)


async def serve(services, seed, certificate, key, ready):
    """Serves all services until it is cancelled."""
    backends = Backends(seed, certificate, key)
    for service in services:
        if service.kind == "restarting":
            asyncio.create_task(backends.restart(service.port))
        else:
            for host in service.hosts:
                await backends.listen(service.kind, service.port, host)
    ready.set()
    await asyncio.Event().wait()
