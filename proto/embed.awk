# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Puts interface definitions into a C table: awk -f embed.awk FILE... > interface_texts.c

BEGIN {
	print "/* Made from the .varlink files by proto/embed.awk. */"
	print "#include \"config.h\"\n"
	print "#include \"proto/interfaces.h\"\n"
	print "const struct interface_text interface_texts[] = {"
}

FNR == 1 {
	if (NR > 1)
		print "\t},"
	name = FILENAME
	sub(/^.*\//, "", name)
	sub(/\.varlink$/, "", name)
	print "\t{ \"" name "\","
}

{
	gsub(/\\/, "\\\\")
	gsub(/"/, "\\\"")
	print "\t\t\"" $0 "\\n\""
}

END {
	if (NR > 0)
		print "\t},"
	print "\t{ NULL, NULL },"
	print "};"
}
