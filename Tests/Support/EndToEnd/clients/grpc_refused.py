"""What gRPC calls are told that are refused by keys and by a full queue.   grpc_refused.py PORT KEY"""
import queue, sys, time
import grpc

port, key = sys.argv[1:3]
channel = grpc.insecure_channel(f"127.0.0.1:{port}", [("grpc.enable_retries", 0)])
unary = channel.unary_unary("/test.Echo/Unary")
mine = [("authorization", f"Bearer {key}")]


def refusal(metadata):
    try:
        unary(b"abc", metadata=metadata, timeout=30)
    except grpc.RpcError as error:
        return error.code()
    return None


def check(name, got, wanted):
    assert got == wanted, f"{name}: {got!r} is not {wanted!r}"
    print("ok", name, flush=True)


check("without a key", refusal([]), grpc.StatusCode.UNAUTHENTICATED)
check("with a wrong key", refusal([("authorization", "Bearer sk-certd-wrong")]), grpc.StatusCode.UNAUTHENTICATED)
check("with a key", unary(b"abc", metadata=mine, timeout=30), b"cba")
words = queue.Queue()
held = channel.stream_stream("/test.Echo/Bidi")(iter(words.get, None), metadata=mine, timeout=60)
words.put(b"1")
check("a call that goes on", next(held), b"echo 1")
check("while the backend is busy and nobody may wait", refusal(mine), grpc.StatusCode.RESOURCE_EXHAUSTED)
words.put(None)
check("its end", list(held), [])
end = time.monotonic() + 30
while refusal(mine) is not None:
    assert time.monotonic() < end, "no room although nothing is under way"
print("all ok")
