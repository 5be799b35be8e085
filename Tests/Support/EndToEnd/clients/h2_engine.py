#!/usr/bin/env python3
"""An engine of OpenAI's interface that speaks HTTP/2 alone, in the clear, by the package h2. It tells in the model's place
what it was asked for, and how long the content was.   h2_engine.py NAME"""
import json, socket, sys, threading
import h2.config, h2.connection, h2.events

name = sys.argv[1]


def answer(path, body, fields):
    asked = json.loads(body)
    told = f"{name} {asked['model']} {len(body)} {fields.get('content-length')}"
    usage = {"prompt_tokens": 70, "completion_tokens": 3, "total_tokens": 73}
    if not asked.get("stream"):
        return "application/json", [json.dumps({
            "id": "1", "object": "chat.completion", "created": 1, "model": told, "usage": usage, "choices": [
                {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Hello"}}]})]
    chunk = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": told}
    pieces = [
        {**chunk, "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]} for text in "abc"]
    if (asked.get("stream_options") or {}).get("include_usage"):
        pieces.append({**chunk, "choices": [], "usage": usage})
    return "text/event-stream", [f"data: {json.dumps(piece)}\n\n" for piece in pieces] + ["data: [DONE]\n\n"]


def serve(sock):
    connection = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
    connection.initiate_connection()
    sock.sendall(connection.data_to_send())
    requests = {}
    while data := sock.recv(65536):
        for event in connection.receive_data(data):
            if isinstance(event, h2.events.RequestReceived):
                requests[event.stream_id] = [{k.decode(): v.decode() for k, v in event.headers}, b""]
            elif isinstance(event, h2.events.DataReceived):
                requests[event.stream_id][1] += event.data
                connection.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            elif isinstance(event, h2.events.StreamEnded):
                fields, body = requests.pop(event.stream_id)
                kind, pieces = answer(fields[":path"], body, fields)
                connection.send_headers(event.stream_id, [(":status", "200"), ("content-type", kind)])
                for piece in pieces:
                    connection.send_data(event.stream_id, piece.encode())
                connection.end_stream(event.stream_id)
        sock.sendall(connection.data_to_send())


listener = socket.create_server(("127.0.0.1", 0))
print(f"port {listener.getsockname()[1]}", flush=True)
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
