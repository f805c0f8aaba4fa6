#!/bin/sh
# Makes a Python environment with the SSH server that tests script faults into. Usage: asyncssh.sh DIRECTORY
set -eu
test -x "$1/bin/python" && "$1/bin/python" -c 'import asyncssh' 2>/dev/null && exit 0
python3 -m venv "$1"
"$1/bin/pip" install --quiet --disable-pip-version-check 'asyncssh==2.24.1'
