#!/usr/bin/env python3
"""Streams events without an end, as fast as they are taken, to paths that begin with /endless; answers others with
`hello`. Prints its port, and a line for every stream that has been stuck for a while."""
import os, select, socket, socketserver

EVENT = b"data: " + b"x" * 1000 + b"\n\n"
BLOCK = b"%x\r\n%s\r\n" % (len(EVENT) * 64, EVENT * 64)


class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        while True:
            line = self.rfile.readline()
            while self.rfile.readline() not in (b"\r\n", b""):
                pass
            if not line:
                return
            if b" /endless" not in line:
                self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
                continue
            self.wfile.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
            )
            self.stream()
            return

    def stream(self):
        self.request.setblocking(False)
        self.request.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
        waiting, told = b"", False
        while True:
            if not select.select([], [self.request], [], 1)[1]:
                if not told:
                    # One write: threads must not share a line.
                    os.write(1, b"stuck\n")
                told = True
                continue
            waiting = waiting or BLOCK
            try:
                waiting = waiting[self.request.send(waiting) :]
            except OSError:
                return


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 512


server = Server(("127.0.0.1", 0), Handler)
print(f"port {server.server_address[1]}", flush=True)
server.serve_forever()
