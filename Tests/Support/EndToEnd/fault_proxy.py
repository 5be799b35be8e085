#!/usr/bin/env python3
"""A TLS reverse proxy in front of a CA that breaks one request.

    fault_proxy.py CERT KEY CA_PORT

Prints its port. POST /fault/KIND/N breaks the Nth request from then on, counted from 0, and KIND
`down` all that follow; GET /count tells how many
requests have passed since.
"""
import http.client, json, socket, ssl, struct, sys, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

state = {"kind": "none", "at": -1, "count": 0}
lock = threading.Lock()
# Whether the CA sees the request before its answer is broken.
PASSED_ON = {"dropped-after", "reset-after", "truncated", "garbage", "wrong-nonce", "missing-nonce"}
BAD_NONCE = json.dumps({"type": "urn:ietf:params:acme:error:badNonce", "detail": "injected", "status": 400})
LIMITED = json.dumps({"type": "urn:ietf:params:acme:error:rateLimited", "detail": "injected", "status": 429})


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def handle_one(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path.startswith("/fault/"):
            _, _, kind, at = self.path.split("/")
            with lock:
                state.update(kind=kind, at=int(at), count=0)
            return self.answer(200, [], b"")
        if self.path == "/count":
            return self.answer(200, [], str(state["count"]).encode())
        with lock:
            number = state["count"]
            state["count"] += 1
            down = state["kind"] == "down" and 0 <= state["at"] <= number
            kind = state["kind"] if number == state["at"] or down else "none"
        reply = self.pass_on(body) if kind == "none" or kind in PASSED_ON else None
        getattr(self, "fault_" + kind.replace("-", "_"))(reply)

    do_GET = do_POST = do_HEAD = handle_one

    def pass_on(self, body):
        context = ssl._create_unverified_context()
        ca = http.client.HTTPSConnection("127.0.0.1", int(sys.argv[3]), context=context, timeout=30)
        # The Host stays ours, so that every URL that the CA makes leads here.
        ca.request(self.command, self.path, body or None, dict(self.headers.items()))
        response = ca.getresponse()
        content = response.read()
        ca.close()
        framing = ("content-length", "transfer-encoding", "connection")
        kept = [(k, v) for k, v in response.getheaders() if k.lower() not in framing]
        return response.status, kept, content

    def answer(self, status, fields, content, length=None):
        self.send_response_only(status)
        for name, value in fields:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content) if length is None else length))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)
            self.wfile.flush()

    def cut(self, reset=False):
        self.close_connection = True
        if reset:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        # Under TLS, without its goodbye.
        socket.socket(fileno=self.connection.detach()).close()

    def fault_none(self, reply):
        self.answer(*reply)

    def fault_500(self, _):
        self.answer(500, [], b"")

    def fault_redirect(self, _):
        self.answer(302, [("Location", "http://127.0.0.1:1/dir")], b"")

    def fault_503(self, _):
        self.answer(503, [("Retry-After", "1")], b"")

    def fault_502(self, _):
        self.answer(502, [("Content-Type", "text/html")], b"<html><h1>502 Bad Gateway</h1></html>")

    def fault_429(self, _):
        fields = [("Content-Type", "application/problem+json"), ("Retry-After", "1")]
        self.answer(429, fields, LIMITED.encode())

    def fault_dropped_before(self, _):
        self.cut()

    def fault_down(self, _):
        self.cut()

    def fault_dropped_after(self, _):
        self.cut()

    def fault_reset_before(self, _):
        self.cut(reset=True)

    def fault_reset_after(self, _):
        self.cut(reset=True)

    def fault_bad_nonce(self, _):
        fields = [("Content-Type", "application/problem+json"), ("Replay-Nonce", "bm90LWZyb20taGVyZQ")]
        self.answer(400, fields, BAD_NONCE.encode())

    def fault_truncated(self, reply):
        status, fields, content = reply
        self.answer(status, fields, content[: len(content) // 2], max(2, len(content)))
        self.cut()

    def fault_garbage(self, reply):
        self.answer(reply[0], [("Content-Type", "text/html")], b"<html>Sign in to the guest network</html>")

    def fault_wrong_nonce(self, reply):
        status, fields, content = reply
        fields = [(k, v) for k, v in fields if k.lower() != "replay-nonce"]
        self.answer(status, fields + [("Replay-Nonce", "bm90LWZyb20taGVyZQ")], content)

    def fault_missing_nonce(self, reply):
        status, fields, content = reply
        self.answer(status, [(k, v) for k, v in fields if k.lower() != "replay-nonce"], content)

    def log_message(self, *args):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request, client_address):
        pass

    def finish_request(self, request, client_address):
        # Not in the accepting thread: a client that does not speak must hold up nobody.
        request.settimeout(60)
        super().finish_request(context.wrap_socket(request, server_side=True), client_address)


context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1], sys.argv[2])
server = Server(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
