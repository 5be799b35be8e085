#!/usr/bin/env python3
"""A gRPC server without generated code: messages are plain bytes. Prints its port."""
import concurrent.futures, threading
import grpc


def unary(request, context):
    context.send_initial_metadata((("x-first", "1"),))
    context.set_trailing_metadata((("x-last", "2"), ("x-bytes-bin", b"\x00\xff")))
    return request[::-1]


def client_stream(requests, context):
    total = b"".join(requests)
    return b"%d" % len(total)


def server_stream(request, context):
    for n in range(int(request)):
        yield b"%d" % n


def bidi(requests, context):
    for request in requests:
        yield b"echo " + request


def fail(request, context):
    context.set_trailing_metadata((("x-why", "because"),))
    context.abort(grpc.StatusCode.FAILED_PRECONDITION, "not so: 100 % \u00e9")


def fail_late(request, context):
    yield b"one"
    context.abort(grpc.StatusCode.DATA_LOSS, "lost")


def slow(request, context):
    # Tells by its end that the deadline, or the cancellation, has reached it.
    begun.append(1)
    over = threading.Event()
    if context.add_callback(over.set):
        over.wait()
    ended.append(context.time_remaining())
    return b""


def seen(request, context):
    """How many slow calls have ended and begun, and the deadline and metadata of this one."""
    metadata = dict(context.invocation_metadata())
    has_deadline = context.time_remaining() is not None and context.time_remaining() < 3600
    return f"{len(ended)} {has_deadline} {metadata.get('x-call')} {len(begun)}".encode()


begun = []
ended = []
handlers = {
    "Unary": grpc.unary_unary_rpc_method_handler(unary),
    "ClientStream": grpc.stream_unary_rpc_method_handler(client_stream),
    "ServerStream": grpc.unary_stream_rpc_method_handler(server_stream),
    "Bidi": grpc.stream_stream_rpc_method_handler(bidi),
    "Fail": grpc.unary_unary_rpc_method_handler(fail),
    "FailLate": grpc.unary_stream_rpc_method_handler(fail_late),
    "Slow": grpc.unary_unary_rpc_method_handler(slow),
    "Seen": grpc.unary_unary_rpc_method_handler(seen),
}
server = grpc.server(
    concurrent.futures.ThreadPoolExecutor(32),
    options=[("grpc.max_receive_message_length", 64 << 20), ("grpc.max_send_message_length", 64 << 20)],
)
server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Echo", handlers),))
port = server.add_insecure_port("127.0.0.1:0")
server.start()
print(f"port {port}", flush=True)
server.wait_for_termination()
