/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_PROTO_RING_H
#define FOREBAY_PROTO_RING_H

/*
 * The ring of a stream: shared memory through which one producer hands bytes to the daemon
 * without a message for each write. It is everything that a client in any language needs.
 *
 * Getting one. io.forebay.stream.Open with ringBytes (and Attach) answers with two
 * descriptors: the ring's memory, one memfd of header_bytes + ring_bytes, and the signal, one
 * end of an AF_UNIX stream socketpair. Map the memfd shared, for reading and writing. It is
 * sealed: it can neither shrink nor grow. A C client maps the data a second time right behind
 * itself, so that no chunk ever wraps; who maps once splits a chunk at the end of the data.
 *
 * All numbers are unsigned, 64 bits, of the machine's byte order, and aligned. Each must be
 * read and written by one 8-byte load or store (Python: memoryview.cast('Q'), not
 * struct.pack_into, which stores byte by byte). Check magic, version and header_bytes before
 * anything else, and refuse what you do not know.
 *
 * Positions are counts of bytes since the stream began; they only grow. The byte of position
 * p lies at offset header_bytes + ((p + phase) mod ring_bytes) of the memfd, and ring_bytes is
 * a power of two. After Attach, go on at the head that the header holds: it equals
 * bytesAccepted in the runtime that Attach answered.
 *
 * Words of the producer (the daemon only reads them, once, and checks what it read):
 *	head	bytes written so far
 *	ended	1 when the producer has ended at head, else 0
 *	need	how often the producer was told to stop: a count, never set back
 *	wanted	room that it waits for, in bytes; 0: the low mark is enough
 * Words of the daemon (the producer only reads them):
 *	tail	bytes done, at the stream's ack level: their memory is free again
 *	state	enum forebay_ring_state
 *	sleeping	1 while the daemon waits for a byte on the signal
 *	progress	bytes synced to the device
 *
 * "Length" below is head - tail, with the head of the moment: bytes taken and not yet done.
 *
 * Write n bytes.
 *   1. n > ring_bytes can never fit: an error of the caller (EMSGSIZE).
 *   2. state is neither OPEN nor PAUSED: the stream takes nothing more.
 *   3. Load tail (acquire). If ring_bytes - length < n: nothing is written; this is "told to
 *      stop" with wanted = n.
 *   4. Copy the bytes, then store head + n (release).
 *   5. Full fence. If sleeping is 1, send one byte on the signal.
 *   6. If now length >= high_water_mark: the write is done, and the producer is told to stop,
 *      with wanted = 0.
 *
 * Told to stop.
 *   1. Store wanted, then need + 1 (release).
 *   2. Full fence. If sleeping is 1, send one byte on the signal. Load tail again: if
 *      length <= min(low_water_mark, ring_bytes - wanted) there is no need to wait.
 *   3. Wait until the signal is readable; read all its bytes; look at state and at the
 *      condition of step 2 again. Go on when it holds: that is drain.
 * The daemon, after each completion and each byte it gets: store tail, full fence, read need
 * and wanted; if need differs from the value it last answered and length <=
 * min(low_water_mark, ring_bytes - wanted), it remembers need and sends one byte. So each time
 * the producer is told to stop is answered at most once, and a byte may come that is not
 * waited for: it means "look again", nothing more.
 *
 * Sleep of the daemon: store sleeping = 1, full fence, read head, ended and need once more;
 * only if none of them moved does it wait. Both sides store, fence and then load what the
 * other stores, so at least one of them sees the other: no wake-up can be lost.
 *
 * End. Store ended = 1 (release) after the last head, full fence, one byte on the signal.
 * Writes after it are not looked at. The stream is over when state says so, or by the reply
 * to Wait. Calls with data (Write, End with data, Cork) are refused on a stream with a ring;
 * End without data means the same as ended = 1.
 *
 * Change of state. The daemon stores state and then sends one byte, so a producer that waits
 * for drain hears of a failure too. What failed is told by Describe, Wait and the events.
 *
 * The other way round. A ring of OpenReadable has the daemon as its producer and the client as
 * its consumer, and the words belong to them accordingly: head, ended, need and wanted are the
 * daemon's; tail, state and sleeping are the client's. What is said here of the two sides holds,
 * each for the other. `ended` is FOREBAY_RING_ENDED, FOREBAY_RING_CUT (it was aborted) or
 * FOREBAY_RING_BROKEN (it failed: DescribeReadable has the fault), and the bytes up to the head
 * behind it are good. The client
 *
 *	reads head with acquire, then the bytes from tail on, and stores tail with release; full
 *	fence; reads need, and if it is another one than it has answered last, and `wanted` bytes
 *	of the ring are free, sends one byte. Without fences it always sends it.
 *	waits: stores sleeping = 1; full fence; reads head and ended again; then waits for a byte
 *	on the signal, and stores sleeping = 0.
 *	pauses by storing FOREBAY_RING_PAUSED in state, and a byte; FOREBAY_RING_OPEN resumes.
 *	gives up by closing the signal, or by Abort.
 *
 * A tail that moves back or past head fails the stream. The phase is 0; progress is not used.
 *
 * The signal. Both sides send single bytes of any value with MSG_DONTWAIT and MSG_NOSIGNAL.
 * EAGAIN is success: the other side has bytes to read already. End of file or a hang-up means
 * that the other side is gone: for the producer, that it must Attach again; for the daemon,
 * that it reads head and ended one last time, and without an end does what onDisconnect says.
 *
 * Rules of head. head must never pass tail + ring_bytes and never move back. If it does, the
 * stream fails; the bytes up to the last good head are treated as onDisconnect says. Bytes
 * between tail and head must not be changed any more, and those beyond head may be.
 *
 * Languages without fences and atomics: aligned 8-byte stores suffice, on machines that keep
 * stores in order (x86), or with any system call in between that orders memory; then always
 * send the byte in steps 5, 2 and End, whatever sleeping says. Sending and receiving on a
 * socket order memory on every machine. Loads of tail may be old, never wrong.
 *
 * Compatibility: another version number means another layout. Bytes not named here are zero
 * and belong to later versions: do not write them.
 */

#include <stddef.h>
#include <stdint.h>

/* `ended`, the other way round; 0 until then. */
#define FOREBAY_RING_ENDED UINT64_C(1)
#define FOREBAY_RING_CUT UINT64_C(2)
#define FOREBAY_RING_BROKEN UINT64_C(3)

#define FOREBAY_RING_MAGIC UINT64_C(0x676e697279626634) /* "4fbyring" in memory, little-endian */
#define FOREBAY_RING_VERSION UINT64_C(1)
#define FOREBAY_RING_HEADER_BYTES 4096
#define FOREBAY_RING_BYTES_MINIMUM (UINT64_C(64) << 10)
#define FOREBAY_RING_BYTES_MAXIMUM (UINT64_C(1) << 30)

/* Two cache lines of most machines: their prefetchers fetch lines in pairs. */
#define FOREBAY_RING_LINE_BYTES 128

enum forebay_ring_state {
	FOREBAY_RING_OPEN = 1,
	FOREBAY_RING_PAUSED = 2,   /* takes bytes while there is room; nothing goes to the device */
	FOREBAY_RING_ENDING = 3,   /* ended; what was taken is on its way */
	FOREBAY_RING_FINISHED = 4, /* all of it is done */
	FOREBAY_RING_ABORTED = 5,
	FOREBAY_RING_FAILED = 6,
};

/* A word alone in its lines, so that no store of one side disturbs the other's. */
struct forebay_ring_word {
	uint64_t value;
	uint64_t unused[FOREBAY_RING_LINE_BYTES / 8 - 1];
};

struct forebay_ring_header {
	/* Written once, before the memory is handed out. */
	uint64_t magic;
	uint64_t version;
	uint64_t header_bytes; /* where the data begins: FOREBAY_RING_HEADER_BYTES */
	uint64_t ring_bytes;   /* size of the data, a power of two */
	uint64_t phase;	       /* less than ring_bytes */
	uint64_t high_water_mark;
	uint64_t low_water_mark;
	uint64_t unused_constants[121];

	/* The producer's words. */
	struct forebay_ring_word head;
	struct forebay_ring_word ended;
	struct forebay_ring_word need;
	struct forebay_ring_word wanted;
	uint64_t unused_producer[64];

	/* The daemon's words. */
	struct forebay_ring_word tail;
	struct forebay_ring_word state;
	struct forebay_ring_word sleeping;
	struct forebay_ring_word progress;
	uint64_t unused_daemon[192];
};

/* Where in the memfd the byte of a position lies. */
static inline uint64_t forebay_ring_data_offset(uint64_t position, uint64_t phase,
						uint64_t ring_bytes)
{
	return FOREBAY_RING_HEADER_BYTES + ((position + phase) & (ring_bytes - 1));
}

#ifdef __cplusplus
#define FOREBAY_RING_AT(member, offset)                                                            \
	static_assert(offsetof(struct forebay_ring_header, member) == (offset),                    \
		      "the ring's layout is fixed")
#else
#define FOREBAY_RING_AT(member, offset)                                                            \
	_Static_assert(offsetof(struct forebay_ring_header, member) == (offset),                   \
		       "the ring's layout is fixed")
#endif

FOREBAY_RING_AT(magic, 0);
FOREBAY_RING_AT(version, 8);
FOREBAY_RING_AT(header_bytes, 16);
FOREBAY_RING_AT(ring_bytes, 24);
FOREBAY_RING_AT(phase, 32);
FOREBAY_RING_AT(high_water_mark, 40);
FOREBAY_RING_AT(low_water_mark, 48);
FOREBAY_RING_AT(head, 1024);
FOREBAY_RING_AT(ended, 1152);
FOREBAY_RING_AT(need, 1280);
FOREBAY_RING_AT(wanted, 1408);
FOREBAY_RING_AT(tail, 2048);
FOREBAY_RING_AT(state, 2176);
FOREBAY_RING_AT(sleeping, 2304);
FOREBAY_RING_AT(progress, 2432);
FOREBAY_RING_AT(unused_daemon[192], FOREBAY_RING_HEADER_BYTES);

#undef FOREBAY_RING_AT

#endif
