# SPDX-License-Identifier: LGPL-2.1-or-later
#
# For bench.sh: statistics of pairs, and a table whose rows are kept as JSON too.
#
#	table_begin			the heading
#	row WHAT UNIT OTHER SENSE BUDGET <PAIRS
#					a line of PAIRS is "forebay's figure, the other's figure";
#					SENSE is least, most, or none (a row without a budget)
#	row_alone WHAT FIGURE UNIT SENSE BUDGET [NOTE]
#					a figure that stands for itself
#	row_skipped WHAT WHY
#	note TEXT			below the last row
#	json_write FILE			all of it, with json_machine, json_method (objects) and
#					json_histogram (members of a list)

json_rows=()
json_notes=()
json_histogram=

# summary <PAIRS: median of the left, of the right, of the ratios; least and largest ratio.
summary() {
	awk '
	function median(values, count,    i, j, swap) {
		for (i = 2; i <= count; i++)
			for (j = i; j > 1 && values[j - 1] > values[j]; j--) {
				swap = values[j]; values[j] = values[j - 1]; values[j - 1] = swap
			}
		return count % 2 ? values[(count + 1) / 2] : (values[count / 2] + values[count / 2 + 1]) / 2
	}
	NF >= 2 && $2 > 0 { n++; left[n] = $1; right[n] = $2; ratio[n] = $1 / $2 }
	END {
		if (n == 0)
			exit 1
		# It sorts, so the ends are the least and the largest.
		l = median(left, n); r = median(right, n); m = median(ratio, n)
		printf "%.4g %.4g %.3f %.3f %.3f\n", l, r, m, ratio[1], ratio[n]
	}'
}

# verdict FIGURE SENSE BUDGET
verdict() {
	awk -v figure="$1" -v sense="$2" -v budget="$3" 'BEGIN {
		if (sense == "none")
			print "-"
		else if (sense == "least")
			print (figure >= budget ? "met" : "not met")
		else
			print (figure <= budget ? "met" : "not met")
	}'
}

json_text() {
	local text=${1//\\/\\\\}
	printf '"%s"' "${text//\"/\\\"}"
}

json_verdict() {
	case $1 in
	met) echo true ;;
	"not met") echo false ;;
	*) echo null ;;
	esac
}

budget_text() {
	case $1 in
	least) echo ">= $2$3" ;;
	most) echo "<= $2$3" ;;
	*) echo "-" ;;
	esac
}

line() {
	printf '%-58s %-20s %-30s %-23s %-11s %s\n' "$@"
}

table_begin() {
	line "what" "forebay" "the other" "ratio (least-largest)" "budget" "met"
	line "----" "-------" "---------" "---------------------" "------" "---"
}

row() {
	local ours theirs median least largest met
	read -r ours theirs median least largest < <(summary)
	met=$(verdict "$median" "$4" "$5")
	line "$1" "$ours $2" "$3 $theirs $2" "$median ($least-$largest)" "$(budget_text "$4" "$5" x)" "$met"
	json_rows+=("{\"what\":$(json_text "$1"),\"unit\":$(json_text "$2"),\"forebay\":$ours,\
\"other\":$(json_text "$3"),\"otherFigure\":$theirs,\
\"ratio\":{\"median\":$median,\"least\":$least,\"largest\":$largest},\
\"sense\":$(json_text "$4"),\"budget\":${5:-null},\"met\":$(json_verdict "$met")}")
}

row_alone() {
	local met
	met=$(verdict "$2" "$4" "$5")
	line "$1" "$2 $3" "${6:--}" "-" "$(budget_text "$4" "$5" " $3")" "$met"
	json_rows+=("{\"what\":$(json_text "$1"),\"unit\":$(json_text "$3"),\"forebay\":$2,\
\"note\":$(json_text "${6:-}"),\"sense\":$(json_text "$4"),\"budget\":${5:-null},\
\"met\":$(json_verdict "$met")}")
}

row_skipped() {
	line "$1" "skipped: $2" "" "" "" ""
	json_rows+=("{\"what\":$(json_text "$1"),\"skipped\":$(json_text "$2")}")
}

note() {
	printf '    %s\n' "$1"
	json_notes+=("$(json_text "$1")")
}

joined() {
	local IFS=,
	echo "$*"
}

json_write() {
	printf '{"machine":%s,"method":%s,\n"rows":[%s],\n"writeCallHistogram":[%s],\n"notes":[%s]}\n' "$json_machine" \
		"$json_method" "$(joined "${json_rows[@]}")" "$json_histogram" \
		"$(joined ${json_notes[@]+"${json_notes[@]}"})" >"$1"
}
