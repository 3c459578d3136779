#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# make bench: how fast forebay is beside what people use today. It asserts nothing; the status
# is 0 unless something broke. Prints a table and writes bench.json in the build directory.
#
#	FOREBAY_BENCH_BYTES	of the source, 2G; less if that does not fit into tmpfs
#	FOREBAY_BENCH_RUNS	pairs that count, 9; one more goes before and is thrown away
#	FOREBAY_BENCH_DIR	where files are written: the build directory
#	FOREBAY_BENCH_TMPFS	where the source lies: /dev/shm
#	FOREBAY_BENCH_ROWS	which rows, say "1 4"; all
#
# Method. Only ratios are compared, and each is of one pair: forebay and the other right after
# one another, changing places each time, the file system synced and the old files gone before
# each. A row is the median of the pairs' ratios, with the least and the largest. Times run
# from the open of the file until its bytes are on the device: forebay's and Node's by their
# own clock, dd's and mbuffer's from start to end of the process (a few ms more), fio's by its
# own clock, which begins when its buffers are filled and its file is preallocated. fio reads
# no source; all others read one random file in tmpfs.

set -eu
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$here/../e2e/daemon.sh"
source "$here/report.sh"

# Nobody's own settings may reach the daemon.
unset FOREBAY_FAULTS NOTIFY_SOCKET LISTEN_FDS LISTEN_PID LISTEN_FDNAMES STATE_DIRECTORY
export LC_ALL=C

programs="$FOREBAY_BUILD_DIR/tests/bench"
runs=${FOREBAY_BENCH_RUNS:-9}
rows=${FOREBAY_BENCH_ROWS:-1 2 3 4 5 6 7 8 9 10 11}
mib=$((1024 * 1024))
redis_pid=
idle_pid=
used=0

has() {
	command -v "$1" >/dev/null
}

wanted() {
	[[ " $rows " == *" $1 "* ]]
}

# Free bytes of the file system of a directory.
free_bytes() {
	echo $(($(stat -f -c '%a * %S' "$1")))
}

prepare() {
	local available
	disk=$(mktemp -d "${FOREBAY_BENCH_DIR:-$FOREBAY_BUILD_DIR}/bench.XXXXXX")
	memory=$(mktemp -d "${FOREBAY_BENCH_TMPFS:-/dev/shm}/bench.XXXXXX")
	on_exit "rm -rf '$disk' '$memory'"
	on_exit '[ -z "$redis_pid" ] || kill "$redis_pid" 2>/dev/null'
	on_exit '[ -z "$idle_pid" ] || kill "$idle_pid" 2>/dev/null'
	available=$(awk '/^MemAvailable:/ { printf "%.0f", $2 * 1024 }' /proc/meminfo)
	bytes=$(numfmt --from=iec "${FOREBAY_BENCH_BYTES:-2G}")
	while [ $((bytes * 2)) -gt "$(free_bytes "$memory")" ] || [ $((bytes * 3)) -gt "$available" ] ||
		[ $((bytes * 5)) -gt "$(free_bytes "$disk")" ]; do
		bytes=$((bytes / 2))
	done
	bytes=$((bytes / mib * mib))
	[ "$bytes" -ge $((32 * mib)) ] || { echo "no room for 32 MiB twice over"; exit 1; }
	source_file="$memory/source"
	head -c "$bytes" /dev/urandom >"$source_file"
	store="$disk/store"
	mkdir "$store"
	last_cpu=$(($(getconf _NPROCESSORS_ONLN) - 1))
	cat >"$TMPDIR/many.conf" <<-END
		[limits]
		connections = 4096
		jobs = 200000
		ringBytes = 4G
		streams = 8192
	END
}

describe() {
	local kernel model filesystem virtual
	kernel=$(uname -r)
	model=$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)
	filesystem=$(df --output=fstype "$disk" | tail -n 1)
	virtual="no virtual machine"
	! grep -qw hypervisor /proc/cpuinfo || virtual="a virtual machine"
	json_machine="{\"cpus\":$((last_cpu + 1)),\"model\":$(json_text "$model"),\
\"kernel\":$(json_text "$kernel"),\"fileSystem\":$(json_text "$filesystem"),\
\"virtual\":$([ "$virtual" = "a virtual machine" ] && echo true || echo false),\
\"busyBefore\":$(busy_share)}"
	json_method="{\"bytes\":$bytes,\"runs\":$runs,\"discarded\":1}"
	echo "$((last_cpu + 1)) CPUs ($model), $virtual, Linux $kernel, $filesystem;" \
		"source $((bytes / mib)) MiB, median of $runs pairs, first pair discarded;" \
		"before it began others kept $(busy_share) of the CPUs busy"
}

daemon_up() {
	DAEMON_STORE=${1:-$store}
	shift || true
	daemon_start "$@"
}

daemon_down() {
	daemon_stop >"$TMPDIR/stopped" || true
	[ "$failed" -eq 0 ] || { cat "$TMPDIR/stopped"; exit 1; }
}

# Time of all CPUs that was not idle, in ticks, of the whole system: kernel threads too.
busy_ticks() {
	awk '/^cpu / { print $2 + $3 + $4 + $7 + $8 }' /proc/stat
}

# How much of all CPUs is in use, 0 to 1, over a second in which this script does nothing.
busy_share() {
	local ticks
	ticks=$(busy_ticks)
	sleep 1
	ticks=$(($(busy_ticks) - ticks))
	awk -v ticks="$ticks" -v cpus=$((last_cpu + 1)) -v hz="$(getconf CLK_TCK)" \
		'BEGIN { printf "%.2f", ticks / hz / cpus }'
}

# Nothing of the files written before is left but their inodes: a file system that does not use
# those of files deleted just now again (ext4 without a journal) looks for others at length when
# a thousand files are made after a thousand were deleted.
clear_store() {
	find "$store" -type f -exec truncate -s 0 {} +
	used=$((used + 1))
	mkdir -p "$disk/used/$used"
	find "$store" -mindepth 1 -maxdepth 1 -exec mv -t "$disk/used/$used" {} +
}

# once FUNCTION: sets TOOK_GIBPS and TOOK_CPU, seconds of CPU for each GiB.
once() {
	local ticks begin_usec end_usec
	clear_store
	sync -f "$store"
	moved_bytes=$bytes
	ticks=$(busy_ticks)
	begin_usec=${EPOCHREALTIME/./}
	"$1" >"$TMPDIR/said" || { echo "$1 failed" >&2; cat "$TMPDIR/said" >&2; exit 1; }
	end_usec=${EPOCHREALTIME/./}
	ticks=$(($(busy_ticks) - ticks))
	grep -q '^seconds' "$TMPDIR/said" ||
		echo "seconds $((end_usec - begin_usec))e-6" >>"$TMPDIR/said"
	read -r TOOK_GIBPS TOOK_CPU < <(awk -v bytes="$moved_bytes" -v ticks="$ticks" \
		-v hz="$(getconf CLK_TCK)" '
		/^seconds/ { printf "%.6f %.6f\n", bytes / 2 ^ 30 / $2, ticks / hz / (bytes / 2 ^ 30) }' \
		"$TMPDIR/said")
}

# pairs FILE OURS THEIRS: a line for each pair, ours first: speed, speed, CPU, CPU.
pairs() {
	local i speed cpu
	: >"$1"
	for ((i = 0; i <= runs; i++)); do
		if [ $((i % 2)) -eq 0 ]; then
			once "$2"
			speed=$TOOK_GIBPS cpu=$TOOK_CPU
			once "$3"
			echo "$speed $TOOK_GIBPS $cpu $TOOK_CPU" >>"$1"
		else
			once "$3"
			speed=$TOOK_GIBPS cpu=$TOOK_CPU
			once "$2"
			echo "$TOOK_GIBPS $speed $TOOK_CPU $cpu" >>"$1"
		fi
	done
	sed -i 1d "$1"
}

ring_256() {
	"$programs/copy" "$source_file" "$bytes" ring $((256 * mib)) synced
}

ring_64() {
	"$programs/copy" "$source_file" "$bytes" ring $((64 * mib)) synced
}

with_fio() {
	fio --name=bench --filename="$store/fio" --ioengine=io_uring --direct=1 --rw=write \
		--bs=1M --iodepth=16 --size="$bytes" --fallocate=native --end_fsync=1 \
		--output-format=json --output="$TMPDIR/fio.json" >&2
	awk -v bytes="$bytes" '
		/"write" :/ { inside = 1 }
		inside && /"bw_bytes"/ { gsub(/[^0-9]/, "", $3); print "seconds", bytes / $3; exit }' \
		"$TMPDIR/fio.json"
}

with_dd() {
	dd if="$source_file" of="$store/dd" bs=1M conv=fdatasync status=none
}

with_node() {
	node "$here/node_copy.mjs" "$source_file" "$store/node"
}

with_mbuffer() {
	mbuffer -q -f -m 256M -i "$source_file" -o "$store/mbuffer" 2>"$TMPDIR/mbuffer"
	sync -d "$store/mbuffer"
}

rows_fio() {
	local ring what
	for ring in 256 64; do
		what="1 one ring stream, synced, ring $ring MiB, against fio"
		if ! has fio; then
			row_skipped "$what" "fio is missing"
		elif ! with_fio >"$TMPDIR/tried" 2>&1; then
			row_skipped "$what" "fio cannot do io_uring with O_DIRECT here"
		else
			pairs "$TMPDIR/fio.pairs" "ring_$ring" with_fio
			row "$what" GiB/s fio least "$([ $ring = 256 ] && echo 0.90 || echo 0.80)" \
				<"$TMPDIR/fio.pairs"
		fi
	done
}

# The engine of machines that refuse io_uring.
row_threads() {
	local what="1 the same, ring 256 MiB, by the threads engine"
	has fio && with_fio >"$TMPDIR/tried" 2>&1 || return 0
	daemon_up "$store" --engine threads
	pairs "$TMPDIR/fio.pairs" ring_256 with_fio
	row "$what" GiB/s fio none "" <"$TMPDIR/fio.pairs"
	daemon_down
}

rows_usual() {
	local before
	before=$(busy_share)
	pairs "$TMPDIR/dd.pairs" ring_256 with_dd
	if wanted 2; then
		row "2 the same, 256 MiB, against dd conv=fdatasync" GiB/s dd least 1.2 <"$TMPDIR/dd.pairs"
		row_usual node with_node 3 "2 the same, against Node createWriteStream + fdatasync"
		row_usual mbuffer with_mbuffer 2 "2 the same, against mbuffer + fdatasync"
	fi
	if wanted 3; then
		awk '{ print $3, $4 }' "$TMPDIR/dd.pairs" >"$TMPDIR/cpu.pairs"
		row "3 CPU of the whole system for each GiB synced" s/GiB dd most 0.5 <"$TMPDIR/cpu.pairs"
		note "from /proc/stat: all but idle, iowait and steal, of all CPUs; others kept $before of the CPUs busy before it"
		awk -v busy="$before" 'BEGIN { exit busy > 0.05 ? 0 : 1 }' &&
			note "row 3 is about an idle machine, and this one was not: their time is in both figures" || true
	fi
}

# row_usual TOOL FUNCTION BUDGET WHAT
row_usual() {
	if has "$1"; then
		pairs "$TMPDIR/$1.pairs" ring_256 "$2"
		row "$4" GiB/s "$1" least "$3" <"$TMPDIR/$1.pairs"
	else
		row_skipped "$4" "$1 is missing"
	fi
}

row_write_call() {
	local means
	"$programs/write_call" "$source_file" calls "$runs" >"$TMPDIR/calls"
	awk '/^pair/ { print $2 / 1000, $3 / 1000 }' "$TMPDIR/calls" >"$TMPDIR/calls.pairs"
	row "4 forebay_stream_write of 64 KiB with room" us memcpy most 1.2 <"$TMPDIR/calls.pairs"
	read -r _ _ means _ < <(awk '/^means/ { print $2, $3 }' "$TMPDIR/calls" | summary)
	note "of each round's median call; by its mean, with calls that wake the daemon or are preempted, the ratio is $means"
	note "calls: $(awk '/^below_usec/ { printf "%s<%s us %s", (n++ ? ", " : ""), $2, $3 }' "$TMPDIR/calls")"
	json_histogram=$(awk '/^below_usec/ { printf "%s{\"belowUSec\":%s,\"calls\":%s}", (n++ ? "," : ""), $2, $3 }' "$TMPDIR/calls")
	note "us: $(awk '/^quantile/ { printf "%s%s %.1f", (n++ ? ", " : ""), ($2 == 1 ? "longest" : "p" $2 * 100), $3 / 1000 }' "$TMPDIR/calls")"
}

# stall_once FILE [realtime]: a producer for four seconds, of which the disk stalls the second
# and the third. False: the priority is not to be had.
stall_once() {
	local producer file=$1
	shift
	"$programs/stalled_call" stalled 4000 "$@" >>"$file" &
	producer=$!
	sleep 1
	[ -z "$BLK" ] || bash "$here/../long/blk.sh" stop
	sleep 2
	[ -z "$BLK" ] || bash "$here/../long/blk.sh" cont
	wait "$producer"
}

# largest FILE NAME: in milliseconds.
largest() {
	awk -v name="$2" '$1 == name && $2 > n { n = $2 } END { printf "%.3f", n / 1e6 }' "$1"
}

total() {
	awk -v name="$2" '$1 == name { n += $2 } END { print n + 0 }' "$1"
}

row_stall() {
	local how i file="$TMPDIR/stalled" realtime="$TMPDIR/stalled.realtime"
	export BLK="$TMPDIR/blk"
	if bash "$here/../long/blk.sh" up >"$TMPDIR/blk.up" 2>&1; then
		on_exit "bash '$here/../long/blk.sh' down"
		how="SIGSTOP of the storage daemon under ext4"
		daemon_up "$BLK/mnt/store"
	else
		BLK=
		how="FOREBAY_FAULTS: every write 2 s late"
		FOREBAY_FAULTS='write:delay=2s@20+' daemon_up "$store"
	fi
	: >"$file"
	: >"$realtime"
	for ((i = 0; i < (runs < 3 ? runs : 3); i++)); do
		stall_once "$file"
		stall_once "$realtime" realtime || true
	done
	daemon_down
	row_alone "5 longest producer call while the disk stalls 2 s" "$(largest "$file" longest_ns)" ms most 1
	note "stalled by $how; $(total "$file" calls) calls, $(total "$file" preempted) preempted, longest not preempted $(largest "$file" unpreempted_ns) ms; most held $(awk '/^held_bytes/ && $2 > n { n = $2 } END { printf "%d MiB", n / 1048576 }' "$file")"
	note "longest of as many copies of 64 KiB into private memory, in turn with those calls: $(largest "$file" copy_ns) ms"
	if [ -s "$realtime" ]; then
		row_alone "5 the same, a producer of real-time priority" "$(largest "$realtime" longest_ns)" ms most 1
		note "so that nothing else on the machine is in it; $(total "$realtime" preempted) of $(total "$realtime" calls) calls preempted"
	else
		row_skipped "5 the same, a producer of real-time priority" "not allowed"
	fi
	row_alone "5 voluntary context switches inside those calls" \
		"$(($(total "$file" slept) + $(total "$realtime" slept)))" "" most 0
}

# In a session of its own, as the daemon is: where the kernel groups tasks by session, each turn
# between two groups takes longer than one within a group.
redis_up() {
	setsid taskset -c "$last_cpu" redis-server --port 0 --unixsocket "$TMPDIR/redis" --save '' \
		--appendonly no --dir "$TMPDIR" >"$TMPDIR/redis.log" 2>&1 &
	redis_pid=$!
	while [ ! -S "$TMPDIR/redis" ]; do
		kill -0 "$redis_pid" || { cat "$TMPDIR/redis.log"; exit 1; }
		sleep 0.02
	done
}

rate() {
	taskset -c "$last_cpu" "$programs/ping" "$1" "$2" 50000 | awk '/^rate/ { print $2 / 1000 }'
}

row_control() {
	local i ours theirs what="6 control calls a second, Ping, on one CPU"
	if ! has redis-server || ! has taskset; then
		row_skipped "$what" "redis-server or taskset is missing"
		return
	fi
	daemon_up
	taskset -a -cp "$last_cpu" "$DAEMON_PID" >"$TMPDIR/taskset"
	redis_up
	: >"$TMPDIR/ping.pairs"
	for ((i = 0; i <= runs; i++)); do
		if [ $((i % 2)) -eq 0 ]; then
			ours=$(rate forebay "$SOCK") theirs=$(rate redis "$TMPDIR/redis")
		else
			theirs=$(rate redis "$TMPDIR/redis") ours=$(rate forebay "$SOCK")
		fi
		[ "$i" -eq 0 ] || echo "$ours $theirs" >>"$TMPDIR/ping.pairs"
	done
	kill "$redis_pid"
	wait "$redis_pid" || true
	redis_pid=
	daemon_down
	row "$what" k/s redis least 0.9 <"$TMPDIR/ping.pairs"
}

many_together() {
	moved_bytes=$((1000 * each))
	"$programs/many_streams" "$source_file" "many/" 1000 "$each"
	awk '/^opening/ { o = $2 } /^slowest/ { s = $2 } /^mean/ { print s, $2, o }' "$TMPDIR/said" >>"$TMPDIR/slowest"
}

many_as_one() {
	moved_bytes=$((1000 * each))
	"$programs/copy" "$source_file" "$moved_bytes" one $((256 * mib)) published
}

# 4 MiB each when the source is 2 GiB, in proportion when it is less.
row_many() {
	each=$((bytes / 512 / 4096 * 4096))
	[ "$each" -le $((4 * mib)) ] || each=$((4 * mib))
	daemon_up "$store" --config "$TMPDIR/many.conf"
	: >"$TMPDIR/slowest"
	pairs "$TMPDIR/many.pairs" many_together many_as_one
	daemon_down
	sed -i 1d "$TMPDIR/slowest"
	row "7 1000 streams at once, $((each / 1024)) KiB each, published" GiB/s "one stream" least 0.6 \
		<"$TMPDIR/many.pairs"
	awk '{ print $1 / 1048576, $2 / 1048576 }' "$TMPDIR/slowest" >"$TMPDIR/slowest.pairs"
	row "7 of those, the slowest stream's rate" MiB/s "their mean" least 0.5 <"$TMPDIR/slowest.pairs"
	note "ring 1 MiB each; opening all of them took $(awk '{ o += $3; n++ } END { printf "%.2f", o / n }' "$TMPDIR/slowest") s of the time, on average; the one stream has a ring of 256 MiB"
}

row_drain() {
	local rounds=2000 what="8 drain latency, last byte in the file to awake"
	if [ "$last_cpu" -eq 0 ]; then
		row_skipped "$what" "needs two CPUs"
		return
	fi
	mkdir "$memory/store"
	daemon_up "$memory/store"
	taskset -a -cp "1-$last_cpu" "$DAEMON_PID" >"$TMPDIR/taskset"
	head -c $((rounds * 65536)) /dev/zero >"$memory/store/drain"
	taskset -c "1-$last_cpu" "$programs/drain_latency" "$memory/store/drain" drain "$rounds" >"$TMPDIR/drain"
	daemon_down
	rm -rf "$memory/store"
	row_alone "$what, p50" "$(awk '/^p50/ { print $2 / 1000 }' "$TMPDIR/drain")" us none ""
	row_alone "$what, p99" "$(awk '/^p99/ { print $2 / 1000 }' "$TMPDIR/drain")" us none ""
	note "tmpfs stands for the disk: a thread on CPU 0 spins on the mapped file, daemon and producer have the other CPUs; $rounds drains, each of 64 KiB"
}

private_dirty_kib() {
	awk '/^Private_Dirty:/ { print $2 }' "/proc/$DAEMON_PID/smaps_rollup"
}

row_memory() {
	local idle connected count=1000 line
	daemon_up "$store" --config "$TMPDIR/many.conf"
	sleep 1
	idle=$(private_dirty_kib)
	coproc IDLE { exec "$programs/ping" idle "$SOCK" "$count"; }
	idle_pid=$IDLE_PID
	read -r line <&"${IDLE[0]}"
	[ "$line" = ready ] || exit 1
	connected=$(private_dirty_kib)
	kill "$idle_pid"
	wait "$idle_pid" 2>/dev/null || true
	idle_pid=
	daemon_down
	row_alone "9 Private_Dirty, idle" "$idle" KiB most 4096
	row_alone "9 Private_Dirty for each of $count idle connections" \
		"$(awk -v a="$idle" -v b="$connected" -v n="$count" 'BEGIN { printf "%.2f", (b - a) / n }')" KiB most 8
}

# jobs_up COUNT: a daemon with so many jobs that wait, and a hundred that look every 10 ms.
jobs_up() {
	daemon_up "$store" --config "$TMPDIR/many.conf"
	"$programs/many_jobs" waiting "$SOCK" "$1" >"$TMPDIR/said" ||
		{ echo "many_jobs failed" >&2; exit 1; }
	"$programs/many_jobs" looking "$SOCK" 100 >"$TMPDIR/looking"
}

# Microseconds of CPU that the loop of this daemon takes for what is due in a second.
loop_usec() {
	local before
	before=$(cut -d' ' -f1 "/proc/$1/task/$1/schedstat")
	sleep 1
	echo $((($(cut -d' ' -f1 "/proc/$1/task/$1/schedstat") - before) / 1000))
}

# A daemon that was up before, again: seconds until it answers.
start_again() {
	"$FOREBAYD" --socket "$SOCK" --state-directory "${SOCK%/s}/state" \
		--store "default=$store" --config "$TMPDIR/many.conf" 2>>"$TMPDIR/again.log" &
	again_pid=$!
	"$programs/many_jobs" ready "$SOCK" | awk '/^seconds/ { print $2 }'
}

row_jobs() {
	local i few_pid few many count=100000 resident
	jobs_up 1000
	few_pid=$DAEMON_PID few_log=$DAEMON_LOG
	jobs_up $count
	: >"$TMPDIR/due.pairs"
	for ((i = 0; i <= runs; i++)); do
		many=$(loop_usec "$DAEMON_PID") few=$(loop_usec "$few_pid")
		[ "$i" -eq 0 ] || echo "$many $few" >>"$TMPDIR/due.pairs"
	done
	row "10 CPU for 10000 timer expiries, $count jobs waiting" us "1000 waiting" most 2 \
		<"$TMPDIR/due.pairs"
	note "the loop's thread, over a second in which each of a hundred jobs looks at its memory every 10 ms"
	resident=$(awk '/^VmRSS:/ { print $2 / 1024 }' "/proc/$DAEMON_PID/status")
	daemon_down
	: >"$TMPDIR/starts"
	for ((i = 0; i < 5; i++)); do
		start_again >>"$TMPDIR/starts"
		kill "$again_pid"
		wait "$again_pid" || true
	done
	row_alone "10 start-up with all of them" "$(sort -n "$TMPDIR/starts" | sed -n 3p)" s most 1
	note "median of 5, until it answers a call; making them took $(awk '/^seconds/ { print $2 }' "$TMPDIR/said") s; resident $(printf '%.0f' "$resident") MiB with them"
	DAEMON_PID=$few_pid DAEMON_LOG=$few_log
	daemon_down
}

# row_access NAME WHAT: one number a call, in nanoseconds for each.
row_access() {
	awk -v name="$1" '$1 == name { print $2, $3 }' "$TMPDIR/access" >"$TMPDIR/access.pairs"
	row "11 $2" ns "plain C" most 2 <"$TMPDIR/access.pairs"
}

row_memory_access() {
	local type arrays=
	"$programs/memory_access" 51 >"$TMPDIR/access"
	for type in int32le float64le float64be; do
		row_access "get_$type" "to get a number from a view, $type"
		row_access "set_$type" "to set a number in a view, $type"
	done
	for type in int32le float64le float64be; do
		arrays+="${arrays:+, }$type $(access_ratio "get_array_$type") and $(access_ratio "set_array_$type")"
	done
	note "median of 51 rounds over 16 KiB; whole arrays got and set, ratio to a plain loop that copies: $arrays"
}

access_ratio() {
	awk -v name="$1" '$1 == name { print $2, $3 }' "$TMPDIR/access" | summary | cut -d ' ' -f 3
}

row_lease() {
	local lease_ns free_ns free_malloc_ns
	daemon_up
	"$programs/lease_alloc" 2000 >"$TMPDIR/lease"
	daemon_down
	awk '$1 == "alloc" { print $2, $3 }' "$TMPDIR/lease" >"$TMPDIR/lease.pairs"
	read -r lease_ns _ < <(summary <"$TMPDIR/lease.pairs")
	row_alone "11 a small allocation from a lease" "$lease_ns" ns most 100
	row "11 the same" ns malloc none "" <"$TMPDIR/lease.pairs"
	read -r free_ns free_malloc_ns _ < <(awk '$1 == "free" { print $2, $3 }' "$TMPDIR/lease" | summary)
	note "8 to 264 bytes, median of 2000 rounds of 128; to give one back: $free_ns ns, free() $free_malloc_ns ns"
}

prepare
describe
table_begin
if wanted 1 || wanted 2 || wanted 3 || wanted 4; then
	daemon_up
	! wanted 1 || rows_fio
	if wanted 2 || wanted 3; then rows_usual; fi
	! wanted 4 || row_write_call
	daemon_down
fi
! wanted 1 || row_threads
! wanted 5 || row_stall
! wanted 6 || row_control
! wanted 7 || row_many
! wanted 8 || row_drain
! wanted 9 || row_memory
! wanted 10 || row_jobs
if wanted 11; then row_memory_access; row_lease; fi
json_write "$FOREBAY_BUILD_DIR/bench.json"
echo "written: $FOREBAY_BUILD_DIR/bench.json"
