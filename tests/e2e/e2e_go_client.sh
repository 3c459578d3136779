#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# A client in Go that is generated from our interface files, built without a network, writes a
# file through forebayd.

set -eu
source "$(dirname "$0")/daemon.sh"

for tool in varlink-go-interface-generator go; do
	command -v $tool >/dev/null || skip "needs $tool"
done
[ -d /usr/share/gocode/src/github.com/varlink/go ] || skip "needs golang-github-varlink-go-dev"

# The build cache outlives the test: the standard library is built once, not each time.
export GOCACHE="${GOCACHE:-$FOREBAY_BUILD_DIR/.go-cache}" GOFLAGS= GO111MODULE=off GOPROXY=off
export GOPATH="$TMPDIR/go:/usr/share/gocode"
for file in "$FOREBAY_SOURCE_DIR"/proto/io.forebay.*.varlink \
	"$FOREBAY_SOURCE_DIR"/proto/org.varlink.service.varlink; do
	package=$(basename "$file" .varlink | tr -d .)
	mkdir -p "$TMPDIR/go/src/$package"
	cp "$file" "$TMPDIR/go/src/$package/"
	varlink-go-interface-generator "$TMPDIR/go/src/$package/$(basename "$file")"
done
mkdir "$TMPDIR/go/src/client"
cp "$FOREBAY_SOURCE_DIR/tests/e2e/client.go" "$TMPDIR/go/src/client/main.go"
(cd "$TMPDIR/go/src/client" && go build -o "$TMPDIR/client" .)

daemon_start
check "the Go client runs to its end" "$TMPDIR/client" "unix:$FOREBAY_SOCKET"
{ for number in $(seq 100); do echo "line $number from go"; done; echo "the end"; } >"$TMPDIR/expected"
check "its file is right" cmp "$TMPDIR/expected" "$DAEMON_STORE/from-go"
daemon_stop
finish
