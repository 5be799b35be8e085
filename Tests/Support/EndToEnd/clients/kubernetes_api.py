"""The part of Kubernetes' API server that a Secret passes through, and strict: objects are checked by the published schema
(kubernetes-validate), fields have owners, types do not change. Writes ca.pem and two kubeconfigs (`kubeconfig` by a token,
`certificate.yaml` by a client certificate) into the directory, prints its port, and keeps `secrets.json` and `requests` there.

    kubernetes_api.py DIRECTORY
"""
import base64
import datetime
import http.server
import ipaddress
import json
import os
import ssl
import sys
import urllib.parse

import kubernetes_validate
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

HERE = sys.argv[1]
TOKEN = "token-of-the-test"
secrets = {}
owners = {}


def at(name):
    return os.path.join(HERE, name)


def make(subject, issuer, issuer_key, extensions):
    key = ec.generate_private_key(ec.SECP256R1())
    name = lambda text: x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = (
        x509.CertificateBuilder().subject_name(name(subject)).issuer_name(name(issuer)).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
    )
    for extension in extensions:
        builder = builder.add_extension(extension, True)
    return key, builder.sign(issuer_key or key, hashes.SHA256())


def pem(key, certificate):
    return (
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
        certificate.public_bytes(serialization.Encoding.PEM),
    )


ca_key, ca = make("cluster", "cluster", None, [x509.BasicConstraints(True, None)])
server_names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
server_key, server = pem(*make("server", "cluster", ca_key, [server_names]))
client_key, client = pem(*make("certd", "cluster", ca_key, [x509.BasicConstraints(False, None)]))
for name, content in [("ca.pem", pem(ca_key, ca)[1]), ("server.pem", server_key + server)]:
    open(at(name), "wb").write(content)


class API(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *ignored):
        pass

    def answer(self, status, value):
        text = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def refuse(self, code, reason, message):
        self.answer(code, {
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message,
            "reason": reason, "code": code})

    def admitted(self):
        peer = self.connection.getpeercert()
        if not peer and self.headers.get("Authorization") != "Bearer " + TOKEN:
            self.refuse(401, "Unauthorized", "Unauthorized")
            return None
        path, _, query = self.path.partition("?")
        parts = path.split("/")
        if parts[:4] != ["", "api", "v1", "namespaces"] or parts[5] != "secrets" or len(parts) != 7:
            self.refuse(404, "NotFound", "the server could not find the requested resource")
            return None
        if parts[4] == "forbidden":
            self.refuse(403, "Forbidden", 'secrets "%s" is forbidden: User "certd" cannot patch resource' % parts[6])
            return None
        return parts[4], parts[6], dict(urllib.parse.parse_qsl(query, strict_parsing=bool(query)))

    def note(self):
        with open(at("requests"), "a") as file:
            file.write(self.command + " " + self.path + "\n")

    def do_GET(self):
        self.note()
        found = self.admitted()
        if found is None:
            return
        secret = secrets.get("/".join(found[:2]))
        if secret is None:
            return self.refuse(404, "NotFound", 'secrets "%s" not found' % found[1])
        self.answer(200, secret)

    def do_PATCH(self):
        self.note()
        content = self.rfile.read(int(self.headers["Content-Length"]))
        found = self.admitted()
        if found is None:
            return
        namespace, name, query = found
        if self.headers["Content-Type"] != "application/apply-patch+yaml":
            return self.refuse(415, "UnsupportedMediaType", "the body is of an unsupported type")
        if not query.get("fieldManager") or not set(query) <= {"fieldManager", "force"}:
            return self.refuse(400, "BadRequest", "fieldManager is required for apply patch")
        applied = yaml.safe_load(content)
        try:
            kubernetes_validate.validate(applied, kubernetes_validate.latest_version(), strict=True)
        except kubernetes_validate.ValidationError as error:
            return self.refuse(400, "BadRequest", "strict decoding error: %s" % error)
        metadata = applied["metadata"]
        if applied["kind"] != "Secret" or metadata["name"] != name or metadata["namespace"] != namespace:
            return self.refuse(400, "BadRequest", "the name of the object does not match the name on the URL")
        for value in applied["data"].values():
            base64.b64decode(value, validate=True)
        key = "/".join([namespace, name])
        present = secrets.get(key)
        if applied["type"] == "kubernetes.io/tls" and not {"tls.crt", "tls.key"} <= set(applied["data"]):
            return self.refuse(422, "Invalid", "data[tls.key]: Required value")
        if present and present["type"] != applied["type"]:
            return self.refuse(422, "Invalid", "type: Invalid value: field is immutable")
        manager = query["fieldManager"]
        held = owners.setdefault(key, {})
        conflicts = [
            field for field, value in applied["data"].items()
            if held.get(field, manager) != manager and present["data"].get(field) != value
        ]
        if conflicts and query.get("force") != "true":
            return self.refuse(409, "Conflict", 'Apply failed with %d conflict: conflict with "%s": .data.%s' % (
                len(conflicts), held[conflicts[0]], conflicts[0]))
        merged = dict(present or {}, **applied)
        merged["data"] = dict((present or {}).get("data", {}), **applied["data"])
        held.update({field: manager for field in applied["data"]})
        secrets[key] = merged
        with open(at("secrets.json.new"), "w") as file:
            json.dump(secrets, file)
        os.rename(at("secrets.json.new"), at("secrets.json"))
        self.answer(200 if present else 201, merged)


def start():
    secrets["web/foreign"] = {
        "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls", "metadata": {"name": "foreign"},
        "data": {"tls.crt": "", "tls.key": ""}}
    owners["web/foreign"] = {"tls.crt": "cert-manager", "tls.key": "cert-manager"}
    secrets["web/opaque"] = {
        "apiVersion": "v1", "kind": "Secret", "type": "Opaque", "metadata": {"name": "opaque"}, "data": {}}
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(at("server.pem"))
    context.load_verify_locations(at("ca.pem"))
    context.verify_mode = ssl.CERT_OPTIONAL
    service = http.server.ThreadingHTTPServer(("127.0.0.1", 0), API)
    service.socket = context.wrap_socket(service.socket, server_side=True)
    port = service.server_address[1]
    code = lambda content: base64.b64encode(content).decode()
    open(at("token"), "w").write(TOKEN + "\n")
    for name, user in [
        ("kubeconfig", {"tokenFile": "token"}),
        ("certificate.yaml", {"client-certificate-data": code(client), "client-key-data": code(client_key)}),
        ("exec.yaml", {"exec": {"command": "aws", "args": ["eks", "get-token"]}}),
    ]:
        yaml.safe_dump({
            "apiVersion": "v1", "kind": "Config", "current-context": "test",
            "clusters": [{"name": "c", "cluster": {
                "server": "https://127.0.0.1:%d" % port, "certificate-authority": "ca.pem"}}],
            "users": [{"name": "u", "user": user}],
            "contexts": [{"name": "test", "context": {"cluster": "c", "user": "u", "namespace": "web"}}],
        }, open(at(name), "w"))
    print("port", port, flush=True)
    service.serve_forever()


start()
