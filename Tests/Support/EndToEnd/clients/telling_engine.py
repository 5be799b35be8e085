"""An engine that answers completions and tells of itself: metrics at a port of their own, and, with `events`, blocks of its
cache by ZeroMQ as vLLM does. Commands come as lines on a file: each is carried out once."""

import http.server
import json
import sys
import threading
import time

name, commands = sys.argv[1], sys.argv[2]
publishes = len(sys.argv) > 3 and sys.argv[3] == "events"
lock = threading.Lock()
sent = []
state = {"metrics": "", "hash": 1000, "sequence": 0, "chains": []}


class Quiet(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *ignored):
        pass

    def answer(self, body, kind="application/json", status=200):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Engine(Quiet):
    def do_GET(self):
        self.answer(b"{}", status=200 if self.path == "/health" else 404)

    def do_POST(self):
        content = self.rfile.read(int(self.headers["Content-Length"]))
        prompt = json.loads(content).get("prompt", "")
        if publishes:
            store(prompt)
        self.answer(json.dumps({
            "id": "1", "object": "text_completion", "model": "m", "choices": [{"index": 0, "text": name}],
            "usage": {"prompt_tokens": len(prompt) // 4, "completion_tokens": 1, "total_tokens": len(prompt) // 4 + 1},
        }).encode())


class Metrics(Quiet):
    def do_GET(self):
        with lock:
            self.answer(state["metrics"].encode(), "text/plain", 200 if self.path == "/metrics" else 404)


def publish(events):
    body = [time.time(), events, 0]
    socket.send_multipart([b"kv-events", state["sequence"].to_bytes(8, "big"), msgpack.packb(body)])
    state["sequence"] += 1


def store(prompt):
    """Blocks of 16 tokens, four bytes a token, all in one chain."""
    with lock:
        count = len(prompt) // 64
        hashes = list(range(state["hash"], state["hash"] + count))
        state["hash"] += count
        state["chains"].append(hashes)
        tokens = list(range(count * 16))
        publish([["BlockStored", hashes, None, tokens, 16, None, "GPU"]])


def obey(line):
    word, _, rest = line.partition(" ")
    with lock:
        if word == "metrics":
            state["metrics"] = json.loads(rest)
        elif word == "remove":
            publish([["BlockRemoved", hashes, "GPU"] for hashes in state["chains"]])
            state["chains"] = []
        elif word == "clear":
            publish([["AllBlocksCleared"]])
        elif word == "skip":
            state["sequence"] += 5


def serve(handler):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_port


ports = [serve(Engine), serve(Metrics)]
if publishes:
    import msgpack
    import zmq

    socket = zmq.Context().socket(zmq.PUB)
    ports.append(socket.bind_to_random_port("tcp://127.0.0.1"))
print("port", *ports, flush=True)
done = 0
while True:
    try:
        with open(commands) as lines:
            for line in lines.read().split("\n")[done:-1]:
                obey(line)
                done += 1
    except FileNotFoundError:
        pass
    time.sleep(0.02)
