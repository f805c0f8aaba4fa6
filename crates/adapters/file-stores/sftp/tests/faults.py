"""An SFTP server that fails as told: faults.py PORT HOST_KEY ROOT PASSWORD FAULT

FAULT is `none`, `truncate` (bytes past 100,000 are acknowledged and dropped), `nospace` or `quota` (writes past there are refused).
Passwords are taken by keyboard-interactive only.
"""

import asyncio
import sys

import asyncssh

port, host_key, root, password, fault = sys.argv[1:]
BYTES_TAKEN = 100_000


class Login(asyncssh.SSHServer):
    def begin_auth(self, username):
        return True

    def password_auth_supported(self):
        return False

    def kbdint_auth_supported(self):
        return True

    def get_kbdint_challenge(self, username, lang, submethods):
        return "Login", "", "", [("Password: ", False)]

    def validate_kbdint_response(self, username, responses):
        return list(responses) == [password]


class Files(asyncssh.SFTPServer):
    def __init__(self, channel):
        super().__init__(channel, chroot=root)

    def write(self, file_obj, offset, data):
        if fault == "none" or offset + len(data) <= BYTES_TAKEN:
            return super().write(file_obj, offset, data)
        if fault == "truncate":
            return len(data)
        if fault == "nospace":
            raise asyncssh.SFTPNoSpaceOnFilesystem("No space left on device")
        raise asyncssh.SFTPQuotaExceeded("Disk quota exceeded")


async def main():
    server = await asyncssh.listen("127.0.0.1", int(port), server_host_keys=[host_key], server_factory=Login, sftp_factory=Files)
    await server.wait_closed()


asyncio.run(main())
