#!/bin/sh
# Fetches the official Socket.IO client, at the version below, with the package
# manager of Node.js, into the given folder or the one of this script. Run by
# `go generate` in the packages that embed it.
set -eu
version=4.8.4
target=$(cd "${1:-$(dirname "$0")}" && pwd)
temp=$(mktemp -d)
trap 'rm -rf "$temp"' EXIT
cd "$temp"
npm pack --silent "socket.io-client@$version" >/dev/null
tar -xzf "socket.io-client-$version.tgz"
cp package/dist/socket.io.esm.min.js package/LICENSE "$target/"
