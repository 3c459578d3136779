#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# What is written down twice agrees. First, each time, that this can fail.
#
# Each method of the interface files is either in the commands of its interface
# (daemon/ctl/cmd_*.c) or on the list of those that answer MethodNotImplemented
# (not_implemented, beside this file). Each key of daemon/config.c is in the sample
# configuration, and the other way round; and in the manual.

set -eu

# methods DIRECTORY: interface.Method, sorted, as the interface files have them.
methods() {
	awk '/^interface / { interface = $2 }
		/^method / { sub(/\(.*/, "", $2); print interface "." $2 }' \
		"$1"/proto/*.varlink | sort
}

# commands DIRECTORY: the same, from the command tables.
commands() {
	awk '/^const struct command cmd_[a-z]+_table/ {
			match($0, /cmd_[a-z]+_table/)
			name = substr($0, RSTART + 4, RLENGTH - 10)
			interface = (name ~ /^(service|certification)$/ ? "org.varlink." : "io.forebay.") name
		}
		interface {
			for (line = $0; match(line, /\{ "[A-Za-z0-9]+"/); line = substr(line, RSTART + RLENGTH))
				print interface "." substr(line, RSTART + 3, RLENGTH - 4)
		}
		/^}/ { interface = "" }' "$1"/daemon/ctl/cmd_*.c | sort
}

# disagreements DIRECTORY
disagreements() {
	comm -3 <(methods "$1") <(sort -m <(commands "$1") <(sort "$1/tests/style/not_implemented"))
}

planted=$TMPDIR/planted
mkdir -p "$planted"/{proto,daemon/ctl,tests/style}
printf 'interface io.forebay.pool\nmethod List() -> ()\nmethod Create() -> ()\nmethod Gone() -> ()\n' \
	>"$planted/proto/io.forebay.pool.varlink"
echo io.forebay.pool.Gone >"$planted/tests/style/not_implemented"
command_table() {
	printf 'const struct command cmd_pool_table[] = {\n%s};\n' "$1" >"$planted/daemon/ctl/cmd_pool.c"
}
command_table $'\t{ "Create", create, 0 }, { "List", list, 0 },\n'
[ -z "$(disagreements "$planted")" ] || { echo "tables that agree were refused"; exit 1; }
command_table $'\t{ "Create", create, 0 },\n'
[ -n "$(disagreements "$planted")" ] || { echo "a missing method was not noticed"; exit 1; }
command_table $'\t{ "Create", create, 0 },\n\t{ "Gone", gone, 0 },\n\t{ "List", list, 0 },\n'
[ -n "$(disagreements "$planted")" ] || { echo "a stale list was not noticed"; exit 1; }

# known_keys DIRECTORY: section.key, sorted, as daemon/config.c has them; the keys of stores are
# not in its table.
known_keys() {
	{
		grep -Eo '\{ "[a-z]+", "[A-Za-z]+", KEY_' "$1/daemon/config.c" |
			sed 's/^{ "\([a-z]*\)", "\([A-Za-z]*\)".*/\1.\2/'
		printf 'store.path\nstore.perUser\n'
	} | sort
}

# sample_keys DIRECTORY: the same, from the sample configuration.
sample_keys() {
	awk '/^#?\[/ { gsub(/[][#]/, "", $1); section = $1 }
		/^#[A-Za-z]+ = / { print section "." substr($1, 2) }' \
		"$1/systemd/forebayd.conf" | sort
}

# undocumented DIRECTORY: keys that the manual does not name.
undocumented() {
	known_keys "$1" | while read -r key; do
		grep -qw -e "${key#*.}" "$1/daemon/forebayd.conf.5" || echo "$key"
	done
}

mkdir -p "$planted/systemd"
printf '\t{ "daemon", "engine", KEY_ENGINE, 0 },\n' >"$planted/daemon/config.c"
printf '[daemon]\n#engine = auto\n#[store x]\n#path = /x\n#perUser = yes\n' \
	>"$planted/systemd/forebayd.conf"
echo 'engine, path' >"$planted/daemon/forebayd.conf.5"
[ "$(known_keys "$planted")" = "$(sample_keys "$planted")" ] ||
	{ echo "keys that agree were refused"; exit 1; }
echo '#stale = 1' >>"$planted/systemd/forebayd.conf"
[ "$(known_keys "$planted")" != "$(sample_keys "$planted")" ] ||
	{ echo "a stale key was not noticed"; exit 1; }
[ "$(undocumented "$planted")" = store.perUser ] ||
	{ echo "a key without a manual was not noticed"; exit 1; }

status=0
report() {
	[ -z "$2" ] || { printf '%s:\n%s\n' "$1" "$2"; status=1; }
}
report 'a method that neither runs nor is listed, or a line that is no such method' \
	"$(disagreements "$FOREBAY_SOURCE_DIR")"
report 'a key in only one of daemon/config.c and systemd/forebayd.conf' \
	"$(comm -3 <(known_keys "$FOREBAY_SOURCE_DIR") <(sample_keys "$FOREBAY_SOURCE_DIR"))"
report 'a key that daemon/forebayd.conf.5 does not name' "$(undocumented "$FOREBAY_SOURCE_DIR")"
exit $status
