#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# What `./autogen.sh check [--long]` runs, once everything is installed: step after step,
# those after a failed one too. Each step's output goes to build/log/ and is shown where
# something failed; the last line is the sum over all steps.

set -u
. tests/support/build.sh

log_directory=build/log
mkdir -p "$log_directory"
table=$log_directory/table
: >"$table"
passed=0
failed=0
skipped=0
budget_seconds=720
step_seconds=600
started=$(date +%s)

# A suite's results and closing lines; the same lines within the logs of failures do not count.
results() {
	awk '/^(PASS|FAIL|SKIP|XPASS|XFAIL|ERROR): tests\// { print }
		/^Testsuite summary/ { closing = 1 }
		/^See / { closing = 0 }
		closing && /^# [A-Z]+:/ { print }' "$1"
}

# counter NAME LOG: the sum over the closing lines.
counter() {
	results "$2" | awk -v name="$1:" '$1 == "#" && $2 == name { sum += $3 } END { print sum + 0 }'
}

# finish_step NAME STATUS SECONDS LOG: a step with closing lines counts as many checks as it
# ran, any other one counts as one. A failure that the counters do not show counts too.
finish_step() {
	step_passed=0
	step_failed=0
	step_skipped=0
	if grep -q '^Testsuite summary' "$4"; then
		step_passed=$(($(counter PASS "$4") + $(counter XFAIL "$4")))
		step_failed=$(($(counter FAIL "$4") + $(counter XPASS "$4") + $(counter ERROR "$4")))
		step_skipped=$(counter SKIP "$4")
		[ "$2" -eq 0 ] || [ "$step_failed" -gt 0 ] || step_failed=1
	elif [ "$2" -eq 0 ]; then
		step_passed=1
	else
		step_failed=1
	fi
	passed=$((passed + step_passed))
	failed=$((failed + step_failed))
	skipped=$((skipped + step_skipped))
	printf '%-28s %5s s  %4s passed %4s failed %4s skipped\n' \
		"$1" "$3" "$step_passed" "$step_failed" "$step_skipped" >>"$table"
}

# step NAME COMMAND...
step() {
	name=$1
	shift
	log=$log_directory/$(echo "$name" | tr ' ' '-').log
	echo "== $name"
	step_started=$(date +%s)
	"$@" >"$log" 2>&1 </dev/null
	status=$?
	results "$log"
	if [ $status -ne 0 ]; then
		echo "-- $name failed with $status; the end of $log:"
		# A test may have shown what it compared, whatever that was.
		tail -n 300 "$log" | LC_ALL=C tr -cd '\t\n -~' | cut -c1-1000
	fi
	seconds=$(($(date +%s) - step_started))
	finish_step "$name" "$status" "$seconds" "$log"
	echo "== $name: $seconds s"
	return $status
}

# These take longest: where tests run side by side they begin first, or the last one would keep
# all others waiting.
longest="tests/e2e/e2e_steps.py tests/e2e/e2e_job_runs.py tests/e2e/e2e_rotation.py \
tests/e2e/e2e_fairness.py tests/e2e/e2e_job_verbs.py tests/e2e/e2e_job_retries.py \
tests/e2e/e2e_fault_matrix.py tests/e2e/e2e_jobs.py"

# suite BUILD LIST [VARIABLE=VALUE...]: the tests of one list of tests/tests.am. Unit tests keep to
# themselves and run side by side; so do tests with a daemon of their own, and as they wait more
# than they work there is one more of them than processors.
suite() {
	suite_build=$1
	suite_list=$2
	suite_tests="\$($suite_list)"
	suite_jobs=1
	shift 2
	case $suite_list in
	UNIT_TESTS) suite_jobs=$(nproc) ;;
	E2E_TESTS)
		suite_jobs=$(($(nproc) + 1))
		suite_tests="$longest \$(filter-out $longest,\$($suite_list))"
		;;
	esac
	# Everything was built before.
	env "$@" VERBOSE=1 timeout -k 30 "$step_seconds" \
		make -C "build/$suite_build" -j"$suite_jobs" check-TESTS TESTS="$suite_tests" \
		TEST_SUITE_LOG="suite-$suite_list.log"
}

build_all() {
	build_in "$1" "$2" all && make -C "build/$1" -j"$(nproc)" check-programs
}

gcc_steps() {
	step "gcc build" build_all gcc "--enable-werror" || return
	step "unit" suite gcc UNIT_TESTS
	step "io" suite gcc IO_TESTS
	step "model" suite gcc MODEL_TESTS
	step "vectors" suite gcc VECTOR_TESTS
	step "fuzz corpus" suite gcc FUZZ_TESTS
	step "style" suite gcc STYLE_TESTS
	# The other engine has its turn below, with sanitizers.
	step "e2e" suite gcc E2E_TESTS FOREBAY_ENGINE=uring
	step "valgrind unit" suite gcc UNIT_TESTS FOREBAY_WRAPPER="$valgrind"
}

# Here the daemon also holds each of its replies against the interface.
asan_steps() {
	step "asan build" build_all asan "--enable-werror --enable-sanitizers CFLAGS='-g -O1'" || return
	step "asan unit" suite asan UNIT_TESTS
	step "asan io" suite asan IO_TESTS
	step "asan e2e uring" suite asan E2E_TESTS FOREBAY_ENGINE=uring FOREBAY_CHECK_REPLIES=1
	step "asan e2e threads" suite asan E2E_TESTS FOREBAY_ENGINE=threads FOREBAY_CHECK_REPLIES=1 \
		FOREBAY_ENGINE_MATTERS=1
}

# Where threads meet: the engines and the workers. gcc warns of each fence, which TSan does not
# see; what io hands from thread to thread goes through locks.
tsan_steps() {
	step "tsan build" build_all tsan "--enable-werror --enable-sanitizers=thread CFLAGS='-g -O1 -Wno-tsan'" ||
		return
	step "tsan io" suite tsan IO_TESTS
}

clang_steps() {
	step "clang build" build_all clang "--enable-werror CC=clang" || return
	step "clang unit" suite clang UNIT_TESTS
}

# The whole of make check ran above; here it is about a tarball that builds, passes and
# installs, so the quick lists do.
distcheck() {
	timeout -k 30 "$step_seconds" make -C build/gcc -j"$(nproc)" distcheck \
		TESTS='$(UNIT_TESTS) $(STYLE_TESTS)' VERBOSE=1
}

long_steps() {
	step_seconds=14400
	step "long" suite gcc LONG_SCRIPTED FOREBAY_TEST_TIMEOUT=3600
}

valgrind="valgrind -q --fair-sched=yes --error-exitcode=99 --leak-check=full --show-leak-kinds=definite,indirect,possible --errors-for-leak-kinds=definite,indirect,possible"

gcc_steps
clang_steps
asan_steps
tsan_steps
step "without libsystemd" build_in nosystemd "--enable-werror --without-systemd CFLAGS=-O0" all
step "distcheck" distcheck
[ "${1:-}" != --long ] || long_steps

echo
cat "$table"
echo "$(($(date +%s) - started)) s of $budget_seconds s"
if [ "$skipped" -gt 0 ]; then
	echo "$passed passed, $failed failed, $skipped skipped"
else
	echo "$passed passed, $failed failed"
fi
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
