"""The services of a soak, and what may become of a request to each."""
from dataclasses import dataclass

# Kinds whose connections end or break on purpose: what was under way on them may be lost, visibly.
BREAKING = {"breaking", "restarting", "h2-breaking", "h2c", "h2-tls", "early-close", "early-answer"}


@dataclass(frozen=True)
class Service:
    name: str
    kind: str
    port: int
    hosts: tuple = ("127.0.0.1",)

    def may_break(self, wish):
        # A request that may be repeated has another try where nothing of the answer had come.
        return self.kind in BREAKING and not (self.kind == "early-close" and wish.method == "GET")

    def statuses(self, wish):
        """Which statuses beside 200 are right."""
        found = {"502", "503", "504"} if self.may_break(wish) else set()
        return found | ({"404"} if self.name == "dropped" else set())

    def yaml(self, moving_host=None, timeouts="10s"):
        scheme, protocol = "", ""
        if self.kind in ("tls", "h2-tls", "h2-breaking"):
            scheme = "https://"
        if self.kind.startswith("h2"):
            protocol = "protocol: h2, " if scheme else "protocol: h2c, "
        host = moving_host or "127.0.0.1"
        backends = [f'"{scheme}{host}:{self.port}"']
        if self.name.startswith("hedged"):
            backends = [f'"{scheme}{host}:{self.port}"' for host in self.hosts]
        if self.kind == "pair":
            backends.insert(0, '"127.0.0.1:1"')
        tls = "tls: { verify: false }, " if scheme else ""
        if self.name.startswith("buffered"):
            tls += "request_buffering: 16MiB, "
        # Two attempts at once, again and again, and what the second says may be asked for elsewhere.
        if self.name.startswith("hedged"):
            tls += 'hedging: { after: 3ms, budget_percent: 100 }, retries: { attempts: 2, on: [connect-failure, reset, 502, 503, 404] }, '
        # Others wait for these, over reloads, breaks and clients that leave.
        elif self.kind in ("slow", "pair", "chunked", "breaking", "h2c", "h2-breaking"):
            tls += "max_requests_per_backend: 3, "
        return (f"  {self.name}: {{ {protocol}{tls}backends: [{', '.join(backends)}], health: {{ enabled: false }}, "
                f"outlier_detection: false, timeouts: {{ connect: {timeouts}, keepalive: 2s }} }}\n")


KINDS = ["plain", "early-close", "until-close", "chunked", "tls", "interim", "slow", "pair", "websocket", "breaking", "restarting",
         "early-answer", "h2c", "h2-tls", "h2-steady", "h2-breaking"]


def make(kinds, ports, moving):
    services = [Service(kind, kind, next(ports)) for kind in kinds]
    if "plain" in kinds:
        services.append(Service("dropped", "plain", next(ports)))
        services.append(Service("buffered", "plain", next(ports)))
    if "early-close" in kinds:
        services.append(Service("buffered-early-close", "early-close", next(ports)))
    for kind in ("slow", "interim", "chunked", "breaking", "h2c", "h2-breaking"):
        if kind in kinds:
            services.append(Service(f"hedged-{kind}", kind, next(ports), ("127.0.0.1", "127.0.0.2", "127.0.0.3")))
    if moving and "h2c" in kinds:
        services.append(Service("moving", "h2c", next(ports), ("127.0.0.2", "127.0.0.3")))
    return services
