"""The certd under test: its configurations, and what it holds when nothing is asked of it."""
import os, signal, subprocess, sys, time


def certificate(place, name):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout",
                    f"{name}.key", "-out", f"{name}.pem", "-subj", "/CN=soak.test", "-days", "30", "-addext",
                    "subjectAltName=DNS:*.test,DNS:localhost"], cwd=place, check=True, capture_output=True)


class Daemon:
    def __init__(self, program, place, services, ports, moving):
        self.place, self.services, self.ports, self.turns = place, services, ports, 0
        for name in ("front", "one", "two"):
            certificate(place, name)
        if moving:
            self.hosts("127.0.0.2")
            subprocess.run(["mount", "--bind", place + "/hosts", "/etc/hosts"], check=True)
        self.configure(0)
        self.log = open(place + "/log", "w")
        self.process = subprocess.Popen([program, "run", "--config", place + "/certd.yaml"], stderr=self.log, cwd=place)
        deadline = time.monotonic() + 60
        while "listening" not in open(place + "/log").read():
            if self.process.poll() is not None or time.monotonic() > deadline:
                sys.exit("certd did not start: " + open(place + "/log").read())
            time.sleep(0.05)

    def hosts(self, address):
        # Written in place: a file that is mounted cannot be replaced.
        with open(self.place + "/hosts", "w") as file:
            file.write(f"127.0.0.1 localhost\n{address} moving.test\n")

    def configure(self, variant):
        """0 has all; 1 other time limits; 2 lacks one service."""
        listed = [service for service in self.services if variant != 2 or service.name != "dropped"]
        with open(self.place + "/certd.yaml.new", "w") as file:
            file.write(f"""store: {self.place}/store
workers: 2
acme: {{ issuers: [local] }}
certificates: [{{ cert: {self.place}/front.pem, key: {self.place}/front.key }}]
listeners:
  - {{ address: "127.0.0.1:{self.ports[0]}", tls: off }}
  - {{ address: "127.0.0.1:{self.ports[1]}" }}
routes:
""" + "".join(f"  - {{ hosts: [{service.name}.test], service: {service.name} }}\n" for service in listed) + "services:\n" + "".join(
                service.yaml("moving.test" if service.name == "moving" else None, "10s" if variant == 0 else "9s") for service in listed))
        os.rename(self.place + "/certd.yaml.new", self.place + "/certd.yaml")

    def reload(self, variant):
        self.configure(variant)
        self.process.send_signal(signal.SIGHUP)

    def renew(self):
        """Other files under the same names, as a renewal by somebody else leaves them."""
        self.turns += 1
        name = ("one", "two")[self.turns % 2]
        for ending in ("key", "pem"):
            with open(f"{self.place}/{name}.{ending}") as file, open(f"{self.place}/front.{ending}.new", "w") as new:
                new.write(file.read())
            os.rename(f"{self.place}/front.{ending}.new", f"{self.place}/front.{ending}")

    def move(self):
        self.turns += 1
        self.hosts(f"127.0.0.{2 + self.turns % 2}")
        self.process.send_signal(signal.SIGHUP)

    # MARK: Rest

    def look(self):
        """Descriptors, bytes of memory of its own, seconds of processor time."""
        pid = self.process.pid
        count = len(os.listdir(f"/proc/{pid}/fd"))
        memory = next(int(line.split()[1]) for line in open(f"/proc/{pid}/status") if line.startswith("RssAnon")) << 10
        fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
        return count, memory, (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def at_rest(self):
        """Waits until kept connections have ended, which is as long as `keepalive` and a little more."""
        last = self.look()
        for _ in range(20):
            time.sleep(1)
            now = self.look()
            if now[0] == last[0] and now[2] - last[2] < 0.05:
                return now
            last = now
        return last

    def compare(self, before, memory, cpu):
        """What is not as it was, in words; empty when all is."""
        if self.process.poll() is not None:
            return f"certd has ended with {self.process.poll()}"
        now = self.at_rest()
        # As long as the longest wait for an end of a client.
        for _ in range(30):
            if now[0] <= before[0]:
                break
            time.sleep(1)
            now = self.look()
        time.sleep(2)
        used = self.look()[2] - now[2]
        faults = []
        if now[0] > before[0]:
            faults.append(f"{now[0]} descriptors, {before[0]} before")
        if now[1] > before[1] + memory:
            faults.append(f"{now[1] >> 20} MiB, {before[1] >> 20} before")
        if used > cpu * 2:
            faults.append(f"{used:.2f} s of processor time in 2 s")
        return "; ".join(faults)

    def stop(self, seconds):
        """Its exit status; nil when it does not end."""
        self.process.terminate()
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
