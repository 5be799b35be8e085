"""As much of HTTP/2 as both sides of the soak need: frames, heads by hpack, windows that never close."""
import asyncio, struct
import hpack

DATA, HEADERS, RST, SETTINGS, PING, GOAWAY, WINDOW, CONTINUATION = 0, 1, 3, 4, 6, 7, 8, 9
END_STREAM, ACK, END_HEADERS, PADDED = 1, 1, 4, 8
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def increment(stream, count):
    return frame(WINDOW, 0, stream, struct.pack(">I", count))


class Connection:
    """Frames of one connection, and how much may be sent on it. One task reads, any number write."""

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer
        self.decoder, self.encoder = hpack.Decoder(), hpack.Encoder()
        self.encoder.header_table_size = 0
        self.window, self.initial, self.windows = 65_535, 65_535, {}
        self.moved = asyncio.Condition()

    def start(self, settings=b""):
        self.writer.write(frame(SETTINGS, 0, 0, settings) + increment(0, 0x4000_0000))

    async def read(self):
        """The next frame that is not the connection's own business: kind, flags, stream, payload."""
        while True:
            head = await self.reader.readexactly(9)
            length = int.from_bytes(head[:3], "big")
            kind, flags, stream = head[3], head[4], int.from_bytes(head[5:], "big") & 0x7FFF_FFFF
            payload = await self.reader.readexactly(length)
            if kind == SETTINGS:
                if not flags & ACK:
                    await self.settings(payload)
            elif kind == PING:
                if not flags & ACK:
                    self.writer.write(frame(PING, ACK, 0, payload))
            elif kind == WINDOW:
                await self.widen(stream, int.from_bytes(payload, "big") & 0x7FFF_FFFF)
            else:
                if kind == DATA and payload:
                    self.writer.write(increment(0, len(payload)))
                return kind, flags, stream, payload

    async def settings(self, payload):
        for at in range(0, len(payload), 6):
            name, value = struct.unpack(">HI", payload[at:at + 6])
            if name == 4:
                self.windows = {stream: left + value - self.initial for stream, left in self.windows.items()}
                self.initial = value
        self.writer.write(frame(SETTINGS, ACK, 0))
        async with self.moved:
            self.moved.notify_all()

    async def widen(self, stream, count):
        if stream == 0:
            self.window += count
        else:
            self.windows[stream] = self.windows.get(stream, self.initial) + count
        async with self.moved:
            self.moved.notify_all()

    def head(self, stream, fields, last):
        self.writer.write(frame(HEADERS, END_HEADERS | (END_STREAM if last else 0), stream, self.encoder.encode(fields, huffman=False)))

    async def data(self, stream, content, last, alive=lambda: True):
        """Sends content as the windows allow. False when the stream is over before."""
        at = 0
        while at < len(content):
            async with self.moved:
                while alive() and min(self.window, self.windows.get(stream, self.initial)) <= 0:
                    await self.moved.wait()
            if not alive():
                return False
            count = min(16_384, len(content) - at, self.window, self.windows.get(stream, self.initial))
            self.window -= count
            self.windows[stream] = self.windows.get(stream, self.initial) - count
            is_last = last and at + count == len(content)
            self.writer.write(frame(DATA, END_STREAM if is_last else 0, stream, content[at:at + count]))
            at += count
            await self.writer.drain()
        if last and not content:
            self.writer.write(frame(DATA, END_STREAM, stream))
        return True

    async def forget(self, stream):
        self.windows.pop(stream, None)
        async with self.moved:
            self.moved.notify_all()
