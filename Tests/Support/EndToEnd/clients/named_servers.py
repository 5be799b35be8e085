"""Servers that answer with their own name, the path and the Host that they were asked for.

Usage: named_servers.py NAME...; prints "NAME PORT" for each, then serves until it is killed.
"""
import http.server
import sys
import threading


def make(name):
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            text = f"{name} {self.path} {self.headers['Host']} {self.headers.get('X-Set', '-')}\n".encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]


for name in sys.argv[1:]:
    print(name, make(name))
print("ready", flush=True)
threading.Event().wait()
