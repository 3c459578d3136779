# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Reads source files, given by paths from the top of the tree, and prints each #include that
# goes against the direction of the layers. A rule is a list of patterns for what may be
# included; for a header of our own that is its path, for a system header its name in angle
# brackets.

BEGIN {
	any_system = "<.*>"
	# What core may know of the C library: memory, text and numbers.
	pure = "<(assert|ctype|errno|inttypes|limits|stdalign|stdarg|stdatomic|stdbool|stddef|" \
		"stdint|stdio|stdlib|string|sys/types)\\.h>"
	libc = "<(sys/|linux/|arpa/|netinet/)?[a-z0-9_]+\\.h>"
	loop = "<event2/.*>"
	layouts = "proto/(ring|versions)\\.h"

	allow["proto"] = "proto/.* " libc " <cjson/cJSON\\.h>"
	allow["client"] = "client/.* proto/.* " any_system
	allow["daemon/base"] = "daemon/base/.* " libc
	allow["daemon/core"] = "daemon/core/.* daemon/base/.* " layouts " " pure
	allow["daemon/io"] = "daemon/io/.* daemon/core/.* daemon/base/.* " any_system
	allow["daemon/objects"] = "daemon/objects/.* daemon/io/.* daemon/core/.* daemon/base/.* " \
		layouts " proto/(bytes|encoding|number)\\.h " libc " " loop
	# Events and deadlines have times; nothing else of io is for ctl.
	allow["daemon/ctl"] = "daemon/ctl/.* daemon/objects/.* daemon/io/clock\\.h daemon/core/.* " \
		"daemon/base/.* proto/.* " libc " " loop " <cjson/cJSON\\.h>"
	allow["daemon"] = "daemon/.* proto/.* " any_system

	deny["proto"] = "<(unistd|fcntl|pthread|poll|sys/socket|sys/mman|sys/stat|sqlite3|liburing)\\.h>"
	deny["client"] = "<(event2|systemd)/.*> <(sqlite3|liburing)\\.h>"
	deny["daemon/base"] = "<(sqlite3|liburing)\\.h>"
	deny["daemon/core"] = "daemon/base/(log|fd|cleanup)\\.h"
	deny["daemon/io"] = "<cjson/.*>"
	deny["daemon/objects"] = "<(sqlite3|liburing|pthread)\\.h>"
	deny["daemon/ctl"] = "<(fcntl|sys/mman|sys/stat|sqlite3|liburing|pthread)\\.h>"
}

function matches(name, patterns, list, count, i) {
	count = split(patterns, list, " ")
	for (i = 1; i <= count; i++)
		if (name ~ "^" list[i] "$")
			return 1
	return 0
}

function complain(text) {
	print FILENAME ":" FNR ": " text
	bad = 1
}

FNR == 1 {
	layer = FILENAME
	sub(/\/[^\/]*$/, "", layer)
	if (layer ~ /^client\//)
		layer = "client"
	is_source = FILENAME ~ /\.c$/
	includes = 0
	if ($0 !~ /SPDX-License-Identifier: LGPL-2.1-or-later/)
		complain("the first line does not name the licence")
	if (!(layer in allow)) {
		complain("no rule for the folder " layer)
		nextfile
	}
}

/^[ \t]*#[ \t]*include/ {
	name = $0
	sub(/^[ \t]*#[ \t]*include[ \t]*/, "", name)
	sub(/[ \t]*(\/\*.*)?$/, "", name)
	includes++
	if (name == "\"config.h\"" || name == "<config.h>") {
		if (includes != 1)
			complain("config.h is not the first include")
		# daemon/config.h is another file, and quotes look beside the including file first.
		if (layer == "daemon" && name != "<config.h>")
			complain("\"config.h\" is daemon/config.h here: write <config.h>")
		next
	}
	if (is_source && includes == 1)
		complain("config.h is not the first include")
	if (name ~ /^"/) {
		gsub(/"/, "", name)
		if (name !~ /\//) {
			complain("\"" name "\" is not a path from the top of the tree")
			next
		}
	}
	if (!matches(name, allow[layer]) || matches(name, deny[layer]))
		complain(layer " may not include " name)
}

END {
	exit bad
}
