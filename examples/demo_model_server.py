#!/usr/bin/env python3
"""A stand-in for a model server: OpenAI-shaped, streams tokens as server-sent events.

    python3 examples/demo_model_server.py [PORT|unix:PATH]        (default 8000; 0 picks a free one)
"""
import json, socket, socketserver, sys, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

WORDS = "Hello from a model behind certd: every token leaves as soon as it is made .".split()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def answer(self, value, status=200):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        if self.path == "/health":
            return self.answer({"status": "ok"})
        if self.path == "/v1/models":
            return self.answer({"object": "list", "data": [{"id": "demo", "object": "model"}]})
        self.answer({"error": {"message": "not found"}}, 404)

    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"{}")
        words = [WORDS[i % len(WORDS)] for i in range(int(request.get("max_tokens", len(WORDS))))]
        if not request.get("stream"):
            message = {"role": "assistant", "content": " ".join(words)}
            return self.answer({"id": "demo", "object": "chat.completion", "choices": [{"index": 0, "message": message}]})
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for word in words:
            delta = {"id": "demo", "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"content": word + " "}}]}
            self.event(json.dumps(delta))
            time.sleep(float(request.get("delay", 0.1)))
        self.event("[DONE]")
        self.wfile.write(b"0\r\n\r\n")

    def event(self, data):
        line = f"data: {data}\n\n".encode()
        self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))
        self.wfile.flush()

    def log_message(self, *args):
        pass


class Server(ThreadingHTTPServer):
    def handle_error(self, request, client_address):
        # A client that has gone is nothing to talk about.
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class UnixServer(Server):
    address_family = socket.AF_UNIX

    def __init__(self, path, handler):
        # There is no TCP below whose delay could be turned off.
        super().__init__(path, type("UnixHandler", (handler,), {"disable_nagle_algorithm": False}))

    def server_bind(self):
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = "localhost", 0


if __name__ == "__main__":
    where = sys.argv[1] if len(sys.argv) > 1 else "8000"
    if where.startswith("unix:"):
        server = UnixServer(where[5:], Handler)
    else:
        server = Server(("127.0.0.1", int(where)), Handler)
        where = f"http://127.0.0.1:{server.server_port}"
    print(f"demo model server on {where}", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass
