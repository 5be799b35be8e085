#!/usr/bin/env python3
"""Messages of every size through the proxy.   websocket_client.py PORT ROOT"""
import ssl, sys
from websockets.sync.client import connect

port, root = sys.argv[1:3]
context = ssl.create_default_context(cafile=root)
for options in ({}, {"compression": None}):
    with connect(f"wss://localhost:{port}/ws", ssl=context, max_size=None, subprotocols=["chat"], proxy=None, **options) as c:
        assert c.subprotocol == "chat"
        for message in ("", "hello", "\u00e9" * 1000, b"\x00\xff", bytes(range(256)) * 8192):
            c.send(message)
            assert c.recv(timeout=60) == message
        for n in range(200):
            c.send(str(n))
        assert [c.recv(timeout=60) for _ in range(200)] == [str(n) for n in range(200)]
        assert c.ping().wait(60)
        c.close(4000, "enough")
        assert (c.close_code, c.close_reason) == (4000, "enough"), (c.close_code, c.close_reason)
print("all ok", flush=True)
