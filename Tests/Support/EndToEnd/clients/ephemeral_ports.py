"""Run in a network of its own, as root: with five ephemeral ports certd's backend cannot be reached by all. Told is what
was wrong; exit status 0 when requests failed at once, certd lived, said so a few times at most, and recovered."""
import os, signal, socket, subprocess, sys, tempfile, threading, time


def head(peer):
    data = b""
    while not data.endswith(b"\r\n\r\n"):
        part = peer.recv(1)
        if not part:
            return b""
        data += part
    return data


def serve(listener):
    def one(peer):
        while head(peer):
            peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    while True:
        threading.Thread(target=one, args=(listener.accept()[0],), daemon=True).start()


def ask(client, wait=10):
    client.settimeout(wait)
    client.sendall(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\n")
    client.sendall(b"abcd")
    return int(head(client).split(b" ")[1])


def main():
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    place = tempfile.mkdtemp()
    backend = socket.create_server(("127.0.0.1", 7000))
    threading.Thread(target=serve, args=(backend,), daemon=True).start()
    with open(place + "/certd.yaml", "w") as file:
        file.write(f"""store: {place}/store
workers: 1
acme: {{ issuers: [local] }}
listeners: [{{ address: "127.0.0.1:7001", tls: off }}]
routes: [{{ service: s }}]
services: {{ s: {{ backends: ["127.0.0.1:7000"], health: {{ enabled: false }} }} }}
""")
    log = open(place + "/log", "w+")
    certd = subprocess.Popen([sys.argv[1], "run", "--config", place + "/certd.yaml"], stderr=log)
    try:
        for _ in range(600):
            try:
                first = socket.create_connection(("127.0.0.1", 7001))
                break
            except OSError:
                time.sleep(0.1)
        assert ask(first) == 200, "nothing works"
        # Clients bind to ports of their own: the range is for certd alone.
        clients = [socket.create_connection(("127.0.0.1", 7001), source_address=("127.0.0.1", 8000 + i)) for i in range(40)]
        with open("/proc/sys/net/ipv4/ip_local_port_range", "w") as file:
            file.write("60000 60004")
        for client in clients:  # half a request each, which keeps a backend connection
            client.sendall(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nab")
        time.sleep(0.5)
        refused = 0
        for client in clients:
            client.settimeout(0.2)
            try:
                refused += client.recv(12)[9:12] in (b"502", b"503")
            except TimeoutError:
                pass
        assert refused >= 30, f"{refused} of 40 were refused"
        assert certd.poll() is None, "certd died"
        for client in clients:
            client.close()
        # The kernel keeps ports of closed connections for a moment.
        until, port = time.time() + 90, 8100
        while ask(socket.create_connection(("127.0.0.1", 7001), source_address=("127.0.0.1", port))) != 200:
            assert time.time() < until, "it does not recover"
            port += 1
            time.sleep(0.2)
        certd.send_signal(signal.SIGTERM)
        assert certd.wait(20) == 0, "no proper end"
        log.seek(0)
        lines = [line for line in log if "backend failed" in line]
        assert 1 <= len(lines) <= 2, f"{len(lines)} lines for one thing: {lines[:3]}"
    finally:
        if certd.poll() is None:
            certd.kill()


main()
