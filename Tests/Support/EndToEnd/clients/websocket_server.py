#!/usr/bin/env python3
"""Echoes messages. Prints its port."""
from websockets.sync.server import serve


def echo(connection):
    for message in connection:
        connection.send(message)


with serve(echo, "127.0.0.1", 0, max_size=None, subprotocols=["chat"]) as server:
    print(f"port {server.socket.getsockname()[1]}", flush=True)
    server.serve_forever()
