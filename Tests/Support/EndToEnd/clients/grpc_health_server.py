#!/usr/bin/env python3
"""A gRPC server of grpc.health.v1.Health without generated code. Prints its port.

The status of the service `ready` is what stands in the file `serving` of the working directory, 1 without one; that
of the whole server is always 1, and other services are not known."""
import concurrent.futures, pathlib
import grpc


def check(request, context):
    service = request[2:].decode() if request else ""
    if service == "ready":
        file = pathlib.Path("serving")
        status = int(file.read_text()) if file.exists() else 1
        return bytes([8, status]) if status else b""
    if service == "":
        return bytes([8, 1])
    context.abort(grpc.StatusCode.NOT_FOUND, "unknown service")


def hello(request, context):
    return b"hello"


server = grpc.server(concurrent.futures.ThreadPoolExecutor(8))
for name, methods in {"grpc.health.v1.Health": {"Check": check}, "test.Hello": {"Say": hello}}.items():
    handlers = {method: grpc.unary_unary_rpc_method_handler(function) for method, function in methods.items()}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(name, handlers),))
port = server.add_insecure_port("127.0.0.1:0")
server.start()
print(f"port {port}", flush=True)
server.wait_for_termination()
