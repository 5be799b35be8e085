#!/usr/bin/env python3
"""An engine of KServe's gRPC service. Answers with its own name, the model it was asked for and how long the message was.
Prints its port.   kserve_server.py NAME"""
import concurrent.futures, sys
import grpc
import kserve

name = sys.argv[1]


def answer(message):
    asked = kserve.fields(message)
    return kserve.field(1, f"{name} {asked[1][0].decode()} {len(message)}") + kserve.field(3, asked.get(3, [b""])[0])


def infer(message, context):
    return answer(message)


def stream(messages, context):
    for message in messages:
        yield kserve.field(2, answer(message))


def ready(message, context):
    return kserve.field(1, 1)


handlers = {
    "ModelInfer": grpc.unary_unary_rpc_method_handler(infer),
    "ModelStreamInfer": grpc.stream_stream_rpc_method_handler(stream),
    "ServerReady": grpc.unary_unary_rpc_method_handler(ready),
}
server = grpc.server(
    concurrent.futures.ThreadPoolExecutor(8), options=[("grpc.max_receive_message_length", 64 << 20)])
server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("inference.GRPCInferenceService", handlers),))
port = server.add_insecure_port("127.0.0.1:0")
server.start()
print(f"port {port}", flush=True)
server.wait_for_termination()
