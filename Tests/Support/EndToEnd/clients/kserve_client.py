#!/usr/bin/env python3
"""Calls of KServe's gRPC service by Python's own gRPC.   kserve_client.py PORT ROOT KEY"""
import queue, sys
import grpc
import kserve

port, root, key = sys.argv[1:4]
channel = grpc.secure_channel(
    f"localhost:{port}", grpc.ssl_channel_credentials(open(root, "rb").read()),
    options=[("grpc.enable_retries", 0)])
path = "/inference.GRPCInferenceService/"
infer = channel.unary_unary(path + "ModelInfer")
stream = channel.stream_stream(path + "ModelStreamInfer")
ready = channel.unary_unary(path + "ServerReady")
metadata = (("authorization", f"Bearer {key}"),)


def named(message):
    return kserve.fields(message)[1][0].decode().split()


def refused(call):
    try:
        call()
    except grpc.RpcError as error:
        return error.code(), dict(error.trailing_metadata() or ())
    raise SystemExit("not refused")


text = "What is a certificate? " * 40
for raw in (False, True):
    for count in (1, 4000):
        for asked, engine, sent in (("a", "one", "a"), ("b", "two", "b"), ("c", "two", "a-name-" * 30 + "x")):
            message = kserve.request(asked, text * count, raw)
            wanted = len(kserve.request(sent, text * count, raw))
            assert named(infer(message, metadata=metadata, timeout=60)) == [engine, sent, str(wanted)], asked
# Each message waits for the answer to the one before.
messages = queue.SimpleQueue()
answers = stream(iter(messages.get, None), metadata=metadata, timeout=60)
for asked, sent in (("c", "a-name-" * 30 + "x"), ("whatever", "whatever")):
    messages.put(kserve.request(asked, text))
    assert named(kserve.fields(next(answers))[2][0])[:2] == ["two", sent]
messages.put(None)
assert list(answers) == []
# What is not read goes to the route's own service.
assert kserve.fields(ready(b"", metadata=metadata, timeout=60)) == {1: 1}
assert refused(lambda: infer(kserve.request("unknown", text), metadata=metadata))[0] == grpc.StatusCode.NOT_FOUND
assert refused(lambda: infer(b"\xff\xff", metadata=metadata))[0] == grpc.StatusCode.INVALID_ARGUMENT
assert refused(lambda: infer(kserve.request("a", text)))[0] == grpc.StatusCode.UNAUTHENTICATED
code, trailing = refused(lambda: [infer(kserve.request("a", text), metadata=metadata) for _ in range(100)])
assert code == grpc.StatusCode.RESOURCE_EXHAUSTED and int(trailing["grpc-retry-pushback-ms"]) > 0, (code, trailing)
print("all ok", flush=True)
