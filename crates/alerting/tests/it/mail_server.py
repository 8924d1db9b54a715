# A mail server on loopback that speaks TLS: prints its port, then each mail that it takes as a line of JSON.
# Arguments: starttls or tls, a certificate, its key. It ends with its standard input.
import asyncio
import json
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult

mode, certificate, key = sys.argv[1:4]
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate, key)


class Handler:
    async def handle_DATA(self, server, session, envelope):
        mail = {
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "text": envelope.content.decode(),
            "encrypted": session.ssl is not None or mode == "tls",
            "authenticated": session.authenticated,
        }
        print(json.dumps(mail), flush=True)
        return "250 taken"


def authenticate(server, session, envelope, mechanism, login):
    known = (login.login, login.password) == (b"me", b"hunter2")
    return AuthResult(success=known, handled=False)


def speak():
    common = {"authenticator": authenticate, "auth_required": True, "hostname": "localhost"}
    if mode == "starttls":
        return SMTP(Handler(), tls_context=context, require_starttls=True, **common)
    return SMTP(Handler(), auth_require_tls=False, **common)


async def main():
    loop = asyncio.get_running_loop()
    wrapped = context if mode == "tls" else None
    server = await loop.create_server(speak, "127.0.0.1", 0, ssl=wrapped)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


asyncio.run(main())
