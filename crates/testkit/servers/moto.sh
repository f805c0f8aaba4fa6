#!/bin/sh
# Makes a Python environment with moto, an S3 server that checks signatures and policies, and boto3, a client to look past our own.
# Usage: moto.sh DIRECTORY
set -eu
test -x "$1/bin/moto_server" && exit 0
python3 -m venv "$1"
"$1/bin/pip" install --quiet --disable-pip-version-check 'moto[server,s3]==5.2.5'
