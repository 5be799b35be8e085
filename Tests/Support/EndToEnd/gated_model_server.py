#!/usr/bin/env python3
"""The demo model server, whose streams stop after three tokens until a file is there.

    gated_model_server.py EXAMPLES GATE
"""
import os, sys, time

sys.path.insert(0, sys.argv[1])
sys.dont_write_bytecode = True
from demo_model_server import Handler, Server


class GatedHandler(Handler):
    events = 0

    def event(self, data):
        self.events += 1
        while self.events > 3 and not os.path.exists(sys.argv[2]):
            time.sleep(0.01)
        super().event(data)


server = Server(("127.0.0.1", 0), GatedHandler)
print(f"gated model server on http://127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()
