"""Azure's login and metadata, Azure Key Vault and HashiCorp Vault's KV engine, as far as a certificate passes through them, and
strict. Prints its port; keeps what is written in DIRECTORY/vaults.json and a line for each request in DIRECTORY/requests.

    vaults.py DIRECTORY
"""
import base64
import hashlib
import http.server
import json
import os
import sys
import urllib.parse

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12

HERE = sys.argv[1]
held = {"key_vault": {}, "vault": {}}


def keep():
    with open(os.path.join(HERE, "vaults.json.new"), "w") as file:
        json.dump(held, file)
    os.rename(os.path.join(HERE, "vaults.json.new"), os.path.join(HERE, "vaults.json"))


class Refused(Exception):
    pass


class Vaults(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *ignored):
        pass

    def answer(self, status, value=None):
        text = b"" if value is None else json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        if status != 204:
            self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def refuse(self, status, value):
        self.answer(status, value)
        raise Refused

    def handle_one(self):
        with open(os.path.join(HERE, "requests"), "a") as file:
            file.write(self.command + " " + self.path + "\n")
        self.content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path, _, query = self.path.partition("?")
        self.query = dict(urllib.parse.parse_qsl(query))
        parts = path.split("/")[1:]
        try:
            if path == "/metadata/identity/oauth2/token":
                self.managed_identity()
            elif parts[1:] == ["oauth2", "v2.0", "token"]:
                self.login(parts[0])
            elif parts[0] == "certificates":
                self.certificate(parts[1:])
            elif parts[0] == "v1":
                self.vault(parts[1:])
            else:
                self.answer(404, {})
        except Refused:
            pass

    do_GET = do_POST = do_PUT = handle_one

    def managed_identity(self):
        if self.headers.get("Metadata") != "true" or self.query.get("resource") != "https://vault.azure.net":
            self.refuse(400, {"error": "invalid_request", "error_description": "Required metadata header not specified"})
        self.answer(200, {"access_token": "az-token", "expires_in": "86399", "token_type": "Bearer"})

    def login(self, tenant):
        form = dict(urllib.parse.parse_qsl(self.content.decode()))
        right = (
            tenant == "tenant-1" and form.get("grant_type") == "client_credentials" and form.get("client_id") == "client-1"
            and form.get("client_secret") == "s3cret&more" and form.get("scope") == "https://vault.azure.net/.default")
        if not right:
            self.refuse(401, {"error": "invalid_client", "error_description": "AADSTS7000215: Invalid client secret provided."})
        self.answer(200, {"access_token": "az-token", "expires_in": 3599, "token_type": "Bearer"})

    def certificate(self, rest):
        if self.headers.get("Authorization") != "Bearer az-token":
            self.refuse(401, {"error": {"code": "Unauthorized", "message": "AKV10000: Request is missing a Bearer or PoP token."}})
        if self.query.get("api-version") != "7.4":
            self.refuse(400, {"error": {"code": "BadParameter", "message": "api-version"}})
        name = rest[0]
        if name == "forbidden":
            self.refuse(403, {"error": {"code": "Forbidden", "message": "The user does not have certificates get permission"}})
        if self.command == "GET" and len(rest) == 1:
            if name not in held["key_vault"]:
                self.refuse(404, {"error": {"code": "CertificateNotFound", "message": "A certificate was not found"}})
            return self.answer(200, held["key_vault"][name]["bundle"])
        if self.command != "POST" or rest[1:] != ["import"]:
            self.refuse(405, {"error": {"code": "BadMethod", "message": "no"}})
        body = json.loads(self.content)
        if set(body) - {"value", "pwd", "policy", "attributes", "tags", "preserveCertOrder"}:
            self.refuse(400, {"error": {"code": "BadParameter", "message": "unknown member"}})
        try:
            key, leaf, others = pkcs12.load_key_and_certificates(
                base64.b64decode(body["value"], validate=True), body.get("pwd", "").encode())
        except ValueError:
            self.refuse(400, {"error": {"code": "BadParameter", "message": "The specified PKCS#12 X.509 content can not be read."}})
        spki = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        if key.public_key().public_bytes(*spki) != leaf.public_key().public_bytes(*spki):
            self.refuse(400, {"error": {"code": "BadParameter", "message": "Private key does not match"}})
        props = body["policy"]["key_props"]
        kind = "EC" if hasattr(key, "curve") else "RSA"
        if props["kty"] != kind or (kind == "EC" and props["crv"] != {"secp256r1": "P-256", "secp384r1": "P-384"}[key.curve.name]):
            self.refuse(400, {"error": {"code": "BadParameter", "message": "The policy does not fit the key"}})
        der = leaf.public_bytes(serialization.Encoding.DER)
        bundle = {
            "id": "https://vault/certificates/" + name + "/1", "cer": base64.b64encode(der).decode(),
            "x5t": base64.urlsafe_b64encode(hashlib.sha1(der).digest()).decode().rstrip("=")}
        count = held["key_vault"].get(name, {"count": 0})["count"] + 1
        held["key_vault"][name] = {"bundle": bundle, "issuers": len(others), "count": count}
        keep()
        self.answer(200, bundle)

    def vault(self, rest):
        if rest == ["auth", "approle", "login"]:
            if json.loads(self.content) != {"role_id": "role-1", "secret_id": "sid"}:
                self.refuse(400, {"errors": ["invalid role or secret ID"]})
            return self.answer(200, {"auth": {"client_token": "hvs.role", "lease_duration": 60}})
        if self.headers.get("X-Vault-Token") not in ("hvs.test", "hvs.role"):
            self.refuse(403, {"errors": ["permission denied"]})
        if rest[0] not in ("secret", "kv1") or (rest[0] == "secret" and rest[1] != "data"):
            self.refuse(404, {"errors": ["no handler for route"]})
        second = rest[0] == "secret"
        name = "/".join(rest)
        if self.command == "GET":
            if name not in held["vault"]:
                self.refuse(404, {"errors": []})
            data = held["vault"][name]["data"]
            return self.answer(200, {"data": {"data": data, "metadata": {"version": 1}} if second else data})
        body = json.loads(self.content)
        if second and (set(body) - {"data", "options"} or not isinstance(body["data"], dict)):
            self.refuse(400, {"errors": ["no data provided"]})
        count = held["vault"].get(name, {"count": 0})["count"] + 1
        held["vault"][name] = {
            "data": body["data"] if second else body, "count": count, "namespace": self.headers.get("X-Vault-Namespace")}
        keep()
        self.answer(200, {"data": {"version": count}}) if second else self.answer(204)


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Vaults)
print("port", server.server_address[1], flush=True)
server.serve_forever()
