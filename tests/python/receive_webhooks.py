"""Receives webhooks and verifies them with the published library of Standard Webhooks.

Usage: receive_webhooks.py; prints its port. `PUT /keys` takes a JSON list of keys: `whsec_…` is verified
by the library, `whpk_…` (Ed25519, which the library does not know) with `cryptography`, word for word as
the specification has it. A `POST` is answered 204 when every key verifies it and refuses whatever was
changed about it, else 401. `GET` lists what came, each with what was found of each key. It ends when its
standard input does.
"""

import base64
import json
import sys
import threading
import time
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from standardwebhooks import Webhook, WebhookVerificationError

keys, told = [], []


def verifies(key, body, headers):
    if key.startswith("whpk_"):
        return verifies_ed25519(key, body, headers)
    try:
        Webhook(key).verify(body, headers)
        return True
    except (WebhookVerificationError, ValueError):
        return False


def verifies_ed25519(key, body, headers):
    public = Ed25519PublicKey.from_public_bytes(base64.b64decode(key.removeprefix("whpk_")))
    sent = headers["webhook-timestamp"]
    if abs(time.time() - int(sent)) > 300:
        return False
    signed = f"{headers['webhook-id']}.{sent}.".encode() + body
    for signature in headers["webhook-signature"].split(" "):
        if signature.startswith("v1a,"):
            try:
                public.verify(base64.b64decode(signature.removeprefix("v1a,")), signed)
                return True
            except (InvalidSignature, ValueError):
                continue
    return False


def changed(body, headers):
    """The same delivery, spoiled in each way, by name."""
    cut = [signature[:-8] for signature in headers["webhook-signature"].split(" ")]
    empty = [signature.split(",")[0] + "," for signature in headers["webhook-signature"].split(" ")]
    yield "tampered", body + b" ", headers
    yield "truncated", body, headers | {"webhook-signature": " ".join(cut)}
    yield "empty", body, headers | {"webhook-signature": " ".join(empty)}
    yield "renamed", body, headers | {"webhook-id": headers["webhook-id"] + "0"}
    yield "moved", body, headers | {"webhook-timestamp": str(int(headers["webhook-timestamp"]) - 1)}


def old(key, body, headers):
    """Ten minutes old, and signed by who has the key."""
    sent = datetime.fromtimestamp(int(headers["webhook-timestamp"]) - 600, tz=timezone.utc)
    signature = Webhook(key).sign(headers["webhook-id"], sent, body.decode())
    stamp = {"webhook-timestamp": str(int(sent.timestamp())), "webhook-signature": signature}
    return headers | stamp


def judge(key, body, headers):
    found = {"key": key, "genuine": verifies(key, body, headers)}
    for name, other_body, other_headers in changed(body, headers):
        found[name] = verifies(key, other_body, other_headers)
    if key.startswith("whsec_"):
        found["old"] = verifies(key, body, old(key, body, headers))
    return found


class Receiver(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        mine = list(keys)
        found = [judge(key, body, headers) for key in mine]
        well = all(each["genuine"] and sum(map(bool, list(each.values())[1:])) == 1 for each in found)
        told.append({"headers": headers, "body": json.loads(body), "found": found})
        self.answer(204 if well and mine else 401)

    def do_PUT(self):
        keys[:] = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.answer(204)

    def do_GET(self):
        self.answer(200, json.dumps(told).encode())

    def answer(self, status, body=b""):
        self.send_response(status)
        if status != 204:
            self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
print(server.server_port, flush=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
sys.stdin.read()
