"""A file put by our SFTP store, and by OpenSSH's `sftp`, to the same OpenSSH server: `sftp.py [MIB] [ROUNDS]`.

Both use the same key and the same cipher over the same loopback TCP. The file lies in memory at both ends. Walls are of whole processes,
start and login included; ours also measures the file that arrived and renames it, as every upload does.
"""

import os
import pathlib
import pwd
import subprocess
import sys

import measure

MIB, ROUNDS = 1024, 5
CIPHER = "aes256-gcm@openssh.com"
SSHD = pathlib.Path("/usr/sbin/sshd")


def make_key(path):
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True)
    return path


class Server:
    """An OpenSSH server of our own, that lets in whoever runs this, by key, and takes one cipher."""

    def __init__(self, folder):
        if not SSHD.exists():
            sys.exit("error: OpenSSH's server is needed: apt-get install --no-install-recommends openssh-server")
        if os.getuid() == 0:
            pathlib.Path("/run/sshd").mkdir(exist_ok=True)
        self.folder, self.port, self.user = folder, measure.free_port(), pwd.getpwuid(os.getuid()).pw_name
        self.host_key, self.key = make_key(folder / "host_key"), make_key(folder / "user_key")
        (folder / "import").mkdir()
        self.config = folder / "sshd_config"
        self.config.write_text(
            f"""
            Port {self.port}
            ListenAddress 127.0.0.1
            HostKey {self.host_key}
            AuthorizedKeysFile {self.key}.pub
            Ciphers {CIPHER}
            PidFile none
            UsePAM no
            StrictModes no
            PermitRootLogin yes
            PasswordAuthentication no
            KbdInteractiveAuthentication no
            Subsystem sftp internal-sftp
            """
        )

    def __enter__(self):
        self.process = subprocess.Popen([SSHD, "-D", "-e", "-f", self.config], stderr=subprocess.DEVNULL)
        measure.until_listening(self.port, self.process)
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()

    def fingerprint(self):
        return measure.output(["ssh-keygen", "-l", "-f", f"{self.host_key}.pub"]).split()[1]

    def forget_files(self):
        for file in (self.folder / "import").iterdir():
            file.unlink()

    def openssh(self, path):
        """`sftp` of OpenSSH that puts the file, and asks nothing."""
        known, batch = self.folder / "known_hosts", self.folder / "batch"
        known.write_text(f"[127.0.0.1]:{self.port} {pathlib.Path(f'{self.host_key}.pub').read_text()}")
        batch.write_text(f"put {path} {self.folder}/import/part.csv\n")
        options = [f"UserKnownHostsFile={known}", "IdentitiesOnly=yes", f"Ciphers={CIPHER}"]
        options = [word for option in options for word in ("-o", option)]
        return ["sftp", "-q", "-F", "/dev/null", "-b", batch, "-P", self.port, "-i", self.key, *options, f"{self.user}@127.0.0.1"]

    def ours(self, state):
        who = ["--port", self.port, "--user", self.user, "--key", self.key, "--host-key", self.fingerprint()]
        return [measure.WIRES, "sftp", state, *who, "--folder", self.folder / "import"]


def main():
    mib, rounds = (int(it) for it in (sys.argv[1:] + [MIB, ROUNDS][len(sys.argv) - 1 :]))
    measure.build_wires()
    with measure.Folder("outflow-bench-sftp-", (2 * mib + 1024) << 20) as folder, Server(folder.path) as server:
        state = folder.path / "state"
        path = measure.output([measure.WIRES, "spool", state, mib << 20])
        contestants = {"our store": server.ours(state), "OpenSSH's sftp": server.openssh(path)}
        seconds = measure.in_turn(contestants, rounds, before_each=server.forget_files)
        version = subprocess.run(["ssh", "-V"], check=True, stderr=subprocess.PIPE, text=True).stderr.strip()
        print(f"\n{version}, {mib} MiB, {CIPHER}, {rounds} rounds; {measure.machine()}\n")
        measure.print_table(seconds, "our store", ["OpenSSH's sftp"], must=1.15, aim=1.0)


if __name__ == "__main__":
    main()
