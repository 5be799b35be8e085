"""A collector of traces: prints its port, then each span that comes by OTLP over HTTP as a line of JSON, read by the published
schema (opentelemetry-proto). What has a field that the schema does not know is refused."""

import http.server
import json

from google.protobuf.unknown_fields import UnknownFieldSet
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)


def known(message):
    if len(UnknownFieldSet(message)):
        return False
    for field, value in message.ListFields():
        if field.type == field.TYPE_MESSAGE:
            parts = value if hasattr(value, "append") or hasattr(value, "add") else [value]
            if not all(known(part) for part in parts):
                return False
    return True


def attributes(values):
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in values}


class Collector(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *ignored):
        pass

    def do_POST(self):
        content = self.rfile.read(int(self.headers["Content-Length"]))
        request = ExportTraceServiceRequest.FromString(content)
        right = (
            self.path == "/v1/traces"
            and self.headers["Content-Type"] == "application/x-protobuf"
            and known(request)
        )
        for resource in request.resource_spans if right else []:
            service = attributes(resource.resource.attributes)
            for scope in resource.scope_spans:
                for span in scope.spans:
                    told = {
                        "service": service["service.name"],
                        "trace": span.trace_id.hex(),
                        "span": span.span_id.hex(),
                        "parent": span.parent_span_id.hex(),
                        "name": span.name,
                        "kind": span.kind,
                        "nanoseconds": span.end_time_unix_nano - span.start_time_unix_nano,
                        "attributes": attributes(span.attributes),
                        "events": [event.name for event in span.events],
                        "failed": span.status.code == 2,
                        "tenant": self.headers["X-Tenant"],
                    }
                    print(json.dumps(told), flush=True)
        answer = ExportTraceServiceResponse().SerializeToString()
        self.send_response(200 if right else 400)
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Collector)
print(f"port {server.server_address[1]}", flush=True)
server.serve_forever()
