# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=sh
#
# To be read by a shell that stands at the top of the tree.

# build_in NAME "CONFIGURE ARGUMENTS" [MAKE TARGET...]: builds in build/NAME, from scratch
# only if it was not there, or was for another place or other arguments.
build_in() {
	build_directory=build/$1
	build_arguments=$2
	shift 2
	build_stamp="$PWD $build_arguments"
	if [ "$(cat "$build_directory/.stamp" 2>/dev/null)" != "$build_stamp" ]; then
		rm -rf "$build_directory"
		mkdir -p "$build_directory"
		# The arguments are words, with quotes of their own.
		(cd "$build_directory" && eval "../../configure $build_arguments") || return 1
		echo "$build_stamp" >"$build_directory/.stamp"
	fi
	make -C "$build_directory" -j"$(nproc)" "$@"
}
