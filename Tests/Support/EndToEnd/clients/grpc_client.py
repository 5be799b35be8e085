#!/usr/bin/env python3
"""Every kind of gRPC call through the proxy.   grpc_client.py PORT ROOT"""
import queue, sys, time
import grpc

port, root = sys.argv[1:3]
credentials = grpc.ssl_channel_credentials(open(root, "rb").read())
options = [("grpc.max_receive_message_length", 64 << 20), ("grpc.max_send_message_length", 64 << 20)]
channel = grpc.secure_channel(f"localhost:{port}", credentials, options)


def method(kind, name):
    return getattr(channel, kind)(f"/test.Echo/{name}")


def check(name, got, wanted):
    assert got == wanted, f"{name}: {got!r} is not {wanted!r}"
    print("ok", name, flush=True)


unary = method("unary_unary", "Unary")
answer, call = unary.with_call(b"abc", timeout=30)
check("unary", answer, b"cba")
check("initial metadata", dict(call.initial_metadata()).get("x-first"), "1")
check("trailing metadata", [dict(call.trailing_metadata()).get(k) for k in ("x-last", "x-bytes-bin")], ["2", b"\x00\xff"])
check("an empty message", unary(b"", timeout=30), b"")
large = bytes(range(256)) * 16384
check("4 MiB each way", unary(large, timeout=60), large[::-1])
check("client streaming", method("stream_unary", "ClientStream")(iter([b"x" * 10_000] * 100), timeout=30), b"1000000")
check("client streaming of nothing", method("stream_unary", "ClientStream")(iter([]), timeout=30), b"0")
check(
    "server streaming", list(method("unary_stream", "ServerStream")(b"1000", timeout=30)), [b"%d" % n for n in range(1000)])
check("server streaming of nothing", list(method("unary_stream", "ServerStream")(b"0", timeout=30)), [])

# Each word waits for the answer to the one before: nothing may be held back.
words = queue.Queue()
answers = method("stream_stream", "Bidi")(iter(words.get, None), timeout=30)
for n in range(50):
    words.put(b"%d" % n)
    assert next(answers) == b"echo %d" % n
words.put(None)
check("bidirectional streaming", list(answers), [])

try:
    method("unary_unary", "Fail")(b"", timeout=30)
    check("an error", None, "an error")
except grpc.RpcError as error:
    check("an error's status", error.code(), grpc.StatusCode.FAILED_PRECONDITION)
    check("an error's message", error.details(), "not so: 100 % \u00e9")
    check("an error's trailers", dict(error.trailing_metadata()).get("x-why"), "because")

late = method("unary_stream", "FailLate")(b"", timeout=30)
check("a message before an error", next(late), b"one")
try:
    next(late)
except grpc.RpcError as error:
    check("an error after a message", (error.code(), error.details()), (grpc.StatusCode.DATA_LOSS, "lost"))

try:
    method("unary_unary", "Missing")(b"", timeout=30)
except grpc.RpcError as error:
    check("an unknown method", error.code(), grpc.StatusCode.UNIMPLEMENTED)

seen = method("unary_unary", "Seen")


def ask_until(word, wanted):
    """Asks the server until it has seen it; each question is a round trip."""
    until = time.monotonic() + 30
    while seen(b"").split()[word] != wanted and time.monotonic() < until:
        pass


check("deadline and metadata", seen(b"", timeout=30, metadata=(("x-call", "a"),)), b"0 True a 0")
check("no deadline", seen(b"").split()[1], b"False")
try:
    method("unary_unary", "Slow")(b"", timeout=0.5)
except grpc.RpcError as error:
    check("a deadline", error.code(), grpc.StatusCode.DEADLINE_EXCEEDED)
cancelled = method("unary_unary", "Slow").future(b"")
ask_until(3, b"2")
cancelled.cancel()
ask_until(0, b"2")
check("deadline and cancellation reach the server", seen(b"").split()[0], b"2")
calls = [unary.future(b"%d" % n, timeout=30) for n in range(200)]
check("200 calls at once", [c.result() for c in calls], [(b"%d" % n)[::-1] for n in range(200)])
print("all ok", flush=True)
