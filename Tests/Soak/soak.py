#!/usr/bin/env python3
"""The identity soak: real certd, real sockets, and answers of which every byte derives from its request.

    soak.py [--certd FILE] [--seconds N] [--seed N] [--kinds plain,h2c,...] [--direct KIND]

Backends end, break and misbehave in every way that servers do, clients pipeline, multiplex, read slowly and leave, and
meanwhile certd is reloaded, its certificate is replaced and (as root) a backend's name moves. Exit status 0 when nothing was
wrong, hung or unexpected, and certd was at rest afterwards.
"""
import argparse, asyncio, logging, multiprocessing, os, random, shutil, signal, subprocess, sys, tempfile, time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
import backends, clients, services
from daemon import Daemon, certificate
from tally import Tally

# When clients have gone, certd may hold this much more than before they came, and use this much of a processor.
REST_MEMORY, REST_CPU = 48 << 20, 0.05


def free_ports():
    """Ports below the range of outgoing connections, which would take one between our look and its use."""
    import socket
    while True:
        port = random.randrange(12_000, 31_000)
        with socket.socket() as probe:
            try:
                probe.bind(("0.0.0.0", port))
            except OSError:
                continue
        yield port


def run_backends(listed, seed, place, ready):
    asyncio.run(backends.serve(listed, seed, place + "/backend.pem", place + "/backend.key", ready))


def run_clients(listed, ports, seed, seconds, results):
    async def main():
        return await clients.Clients(listed, ports, seed, asyncio.get_running_loop().time() + seconds).run()
    results.put(asyncio.run(main()))


def disturb(daemon, rng, until, moving):
    """Reloads, renewals and moves until the time is over; how many."""
    counts = {"reloads": 0, "renewals": 0, "moves": 0}
    while time.monotonic() < until:
        time.sleep(0.5 + rng.random())
        choice = rng.random()
        if choice < 0.7:
            daemon.reload(rng.choice([0, 1, 2]))
            counts["reloads"] += 1
        elif choice < 0.9:
            daemon.renew()
            counts["renewals"] += 1
        elif moving:
            daemon.move()
            counts["moves"] += 1
    daemon.reload(0)
    return counts


def main():
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("--certd", default=os.environ.get("CERTD", ".build/release/certd"))
    options.add_argument("--seconds", type=float, default=30)
    options.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(3), "big"))
    options.add_argument("--kinds", default=",".join(services.KINDS))
    options.add_argument("--keep", action="store_true", help="keep the folder with certd's log")
    options = options.parse_args()
    print(f"seed {options.seed}", flush=True)
    rng = random.Random(options.seed)
    random.seed(options.seed)
    moving = os.geteuid() == 0 and os.environ.get("SOAK_OWN_MOUNTS") == "1"
    place = tempfile.mkdtemp(prefix="certd-soak-")
    certificate(place, "backend")
    ports = free_ports()
    listed = services.make(options.kinds.split(","), ports, moving)
    ready = multiprocessing.Event()
    serving = multiprocessing.Process(target=run_backends, args=(listed, options.seed, place, ready), daemon=True)
    serving.start()
    ready.wait(20)
    daemon = Daemon(os.path.realpath(options.certd), place, listed, (next(ports), next(ports)), moving)
    tally, results, rest, ended = Tally(), multiprocessing.Queue(), "", None
    try:
        # A warm-up makes what is made once: the rest before is measured behind it.
        crowd(listed, daemon.ports, options.seed + 1, 2, results, tally, None)
        before = daemon.at_rest()
        counts = crowd(listed, daemon.ports, options.seed + 2, options.seconds, results, tally,
                       lambda until: disturb(daemon, rng, until, moving))
        rest = daemon.compare(before, REST_MEMORY, REST_CPU)
        ended = daemon.stop(15)
    finally:
        serving.kill()
        daemon.kill()
    verdict(options, place, daemon, tally, counts, rest, ended)


def crowd(listed, ports, seed, seconds, results, tally, meanwhile):
    crowds = [multiprocessing.Process(target=run_clients, args=(listed, ports, seed * 7 + i, seconds, results), daemon=True)
              for i in range(2)]
    for one in crowds:
        one.start()
    counts = meanwhile(time.monotonic() + seconds) if meanwhile else None
    for _ in crowds:
        tally += results.get(timeout=seconds + 3 * clients.PATIENCE)
    for one in crowds:
        one.join()
    return counts


def verdict(options, place, daemon, tally, counts, rest, ended):
    for fault in tally.faults:
        print(fault)
    bad = sum(tally.counts[what] for what in ("wrong", "hung", "unexpected"))
    if rest:
        print("not at rest afterwards: " + rest)
    if ended != 0:
        print(f"SIGTERM: {'no end' if ended is None else f'exit status {ended}'}")
    is_good = not bad and not rest and ended == 0
    if is_good and not options.keep:
        shutil.rmtree(place, ignore_errors=True)
    else:
        print(f"certd's log: {place}/log")
    about = ", ".join(f"{tally.counts[what]} {what}" for what in ("right", "wrong", "hung", "unexpected", "broken", "refused", "left"))
    print(f"{'soak passed' if is_good else 'SOAK FAILED'}: {about}; " + ", ".join(f"{n} {what}" for what, n in counts.items())
          + f"; seed {options.seed}", flush=True)
    sys.exit(0 if is_good else 1)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    # As root a mount namespace of our own lets a name move without touching the machine's.
    if os.geteuid() == 0 and "SOAK_OWN_MOUNTS" not in os.environ and shutil.which("unshare"):
        os.environ["SOAK_OWN_MOUNTS"] = "1"
        if subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode == 0:
            os.execvp("unshare", ["unshare", "--mount", "--propagation", "private", sys.executable, *sys.argv])
        os.environ["SOAK_OWN_MOUNTS"] = "0"
    multiprocessing.set_start_method("fork")
    # Connections that end are the purpose here.
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    main()
