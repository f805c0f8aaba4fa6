"""What the Python clients have in common: facts, the ready file, and putting the file to import."""

import io
import json
import sys
import time

FTP = "ExactTarget Enhanced FTP"
# A comma, a quote, a line break, a leading zero and letters beyond ASCII must all arrive.
ROWS = [
    {"Id": "0007", "Name": "Ada, Countess", "City": "London"},
    {"Id": "8", "Name": 'Grace "Amazing"', "City": "Köln"},
    {"Id": "9", "Name": "two\nlines", "City": "東京"},
]
POLL_SECONDS_MAX = 30


def ready():
    with open(sys.argv[1], encoding="utf-8") as file:
        return json.load(file)


def fact(text, seen, wanted=True):
    """Prints a fact that holds; ends the run with what was seen of one that does not."""
    if seen == wanted:
        print(f"ok   {text}", flush=True)
        return
    print(f"FAIL {text}\n  wanted: {wanted!r}\n  seen:   {seen!r}", flush=True)
    sys.exit(1)


def refused(text, call, *expected):
    """A fact about a call that must raise an error whose text holds every one of `expected`."""
    try:
        call()
    except Exception as error:  # whatever kind a client makes of it
        said = f"{type(error).__name__}: {error}"
        fact(text, [it for it in expected if it not in said], [])
        return
    fact(text, "no error", f"an error with {expected}")


def csv_bytes(rows=ROWS):
    quoted = lambda text: '"' + text.replace('"', '""') + '"'
    lines = [",".join(rows[0])] + [",".join(quoted(it) for it in row.values()) for row in rows]
    return ("\r\n".join(lines) + "\r\n").encode()


def sftp(settings):
    """A paramiko session with the pinned host; give back both, as the transport must live on."""
    import base64
    import hashlib

    import paramiko

    transport = paramiko.Transport((settings["host"], settings["port"]))
    transport.start_client(timeout=30)
    digest = hashlib.sha256(transport.get_remote_server_key().asbytes()).digest()
    seen = "SHA256:" + base64.b64encode(digest).decode().rstrip("=")
    if seen != settings["host_key_fingerprint"]:
        fact("the host key is the one of the ready file", seen, settings["host_key_fingerprint"])
    transport.auth_password(settings["user"], settings["password"])
    return transport, paramiko.SFTPClient.from_transport(transport)


def put_by_sftp(settings, name, data):
    transport, files = sftp(settings)
    files.putfo(io.BytesIO(data), f"Import/{name}.part")
    files.rename(f"Import/{name}.part", f"Import/{name}")
    files.close()
    transport.close()


def s3(settings, **other):
    import boto3

    return boto3.client(
        "s3",
        endpoint_url=settings["endpoint"],
        region_name=other.get("region", settings["region"]),
        aws_access_key_id=settings["access_key_id"],
        aws_secret_access_key=other.get("secret", settings["secret_access_key"]),
    )


def poll(ask):
    """Asks until there is an answer; an import is asynchronous, and its first results are empty."""
    end = time.monotonic() + POLL_SECONDS_MAX
    while time.monotonic() < end:
        answer = ask()
        if answer is not None:
            return answer
        time.sleep(0.1)
    fact("the import ended", f"nothing after {POLL_SECONDS_MAX} s", "an end")
