"""The SFTP door, met by paramiko."""

import io
import os

from facts import fact, ready, refused, sftp

settings = ready()["sftp"]
transport, files = sftp(settings)
fact("paramiko: home has three folders", sorted(files.listdir(".")), ["Export", "Import", "Reports"])
data = os.urandom(3_000_000)
files.putfo(io.BytesIO(data), "Import/a.part")
fact("paramiko: stat tells the size", files.stat("Import/a.part").st_size, len(data))
back = io.BytesIO()
files.getfo("Import/a.part", back)
fact("paramiko: the bytes come back", back.getvalue() == data)
files.putfo(io.BytesIO(b"old"), "Import/a.csv")
refused("paramiko: rename onto a file is refused", lambda: files.rename("Import/a.part", "Import/a.csv"), "Failure")
files.posix_rename("Import/a.part", "Import/a.csv")
fact("paramiko: posix-rename overwrites", files.stat("Import/a.csv").st_size, len(data))
refused("paramiko: a colon in a name is refused", lambda: files.putfo(io.BytesIO(b"x"), "Import/a:b.csv"))
with files.open("Import/a.csv", "r+b") as file:
    file.seek(len(data))
    file.write(b"more")
fact("paramiko: a file may be continued at its end", files.stat("Import/a.csv").st_size, len(data) + 4)
files.remove("Import/a.csv")
refused("paramiko: what was removed is gone", lambda: files.stat("Import/a.csv"), "FileNotFoundError")
refused("paramiko: a wrong password is refused", lambda: sftp(settings | {"password": "wrong"}), "AuthenticationException")
transport.close()
