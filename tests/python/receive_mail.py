"""A mail server that is spoken to over TLS, with certificates of an authority that it makes up.

Usage: receive_mail.py FOLDER; writes `ca.pem` there and prints the port of each of its doors as one line of
JSON, then each letter that it takes as another: at which door, over which TLS, by whose login, and its text.

- `starttls`: plain at first; takes a login and letters only after STARTTLS.
- `tls`: TLS from the first byte; takes letters only after a login.
- `plain`: knows no TLS and takes any letter.
- `misnamed`: as `tls`, with a certificate that is another host's.

It ends when its standard input does.
"""

import asyncio
import datetime
import ipaddress
import json
import logging
import ssl
import sys
import warnings
from pathlib import Path

from aiosmtpd.smtp import SMTP, AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

# Clients that turn away are what is tested, and that TLS is there before SMTP it does not know.
logging.disable(logging.CRITICAL)
warnings.simplefilter("ignore")

LOGIN = (b"rosa@shop", b"tomatoes & basil")


class Authority:
    """Signs certificates for a day."""

    def __init__(self, folder):
        self.folder = folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "An authority of a test")])
        constraints = x509.BasicConstraints(ca=True, path_length=0)
        certificate = self.draft(self.name, self.key).add_extension(constraints, critical=True)
        self.write("ca.pem", certificate.sign(self.key, hashes.SHA256()))

    def draft(self, subject, key):
        now = datetime.datetime.now(datetime.timezone.utc)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + datetime.timedelta(days=1))
        )

    def write(self, name, certificate, *keys):
        parts = [certificate.public_bytes(serialization.Encoding.PEM)]
        for key in keys:
            parts.append(
                key.private_bytes(
                    serialization.Encoding.PEM,
                    serialization.PrivateFormat.PKCS8,
                    serialization.NoEncryption(),
                )
            )
        path = self.folder / name
        path.write_bytes(b"".join(parts))
        return path

    def context(self, name, host):
        """What a server needs that is called so."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        certificate = (
            self.draft(subject, key)
            .add_extension(x509.SubjectAlternativeName([host]), critical=False)
            .sign(self.key, hashes.SHA256())
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.write(f"{name}.pem", certificate, key))
        return context


class Door:
    """Takes every letter and tells of it."""

    def __init__(self, name):
        self.name = name

    async def handle_DATA(self, server, session, envelope):
        cipher = server.transport.get_extra_info("cipher")
        letter = {
            "door": self.name,
            "tls": cipher[1] if cipher else None,
            "login": session.auth_data,
            "to": envelope.rcpt_tos,
            "text": envelope.content.decode(errors="replace"),
        }
        print(json.dumps(letter), flush=True)
        return "250 Taken"


def authenticate(server, session, envelope, mechanism, data):
    if (data.login, data.password) == LOGIN:
        return AuthResult(success=True, auth_data=data.login.decode())
    return AuthResult(success=False, handled=False)


async def main(folder):
    authority = Authority(folder)
    here = authority.context("here", x509.IPAddress(ipaddress.ip_address("127.0.0.1")))
    elsewhere = authority.context("elsewhere", x509.DNSName("mail.example"))
    locked = {"authenticator": authenticate, "auth_required": True}
    after_tls = locked | {"tls_context": here, "require_starttls": True}
    # At these TLS comes before SMTP, which does not know of it.
    within_tls = locked | {"auth_require_tls": False}
    doors = {
        "starttls": (after_tls, None),
        "tls": (within_tls, here),
        "plain": ({}, None),
        "misnamed": (within_tls, elsewhere),
    }
    ports = {}
    loop = asyncio.get_running_loop()
    for name, (settings, context) in doors.items():

        def open_door(name=name, settings=settings):
            return SMTP(Door(name), hostname="mail", loop=loop, enable_SMTPUTF8=True, **settings)

        server = await loop.create_server(open_door, "127.0.0.1", 0, ssl=context)
        ports[name] = server.sockets[0].getsockname()[1]
    print(json.dumps(ports), flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


asyncio.run(main(Path(sys.argv[1])))
