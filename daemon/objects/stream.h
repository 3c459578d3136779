/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_OBJECTS_STREAM_H
#define FOREBAY_OBJECTS_STREAM_H

/*
 * What a stream is made of; for the stream_*.c files only, everybody else uses streams.h.
 *
 * The way of a byte: a producer's write becomes an entry; core/flow queues it and hands
 * queued entries over as sink calls; each sink call is a batch here; a batch is cut into
 * transfers, which are requests to the engine straight from the producer's memory. Bytes are
 * counted by their position in the stream:
 *
 *	synced ≤ written ≤ accepted
 *
 * A batch is completed towards the flow, and its memory is the producer's again, when
 * `written` (ack written) or `synced` (the other levels) has passed its end.
 *
 * Where bytes are stored as they are, their position in the file is that in the stream, from
 * base_offset on. With steps it is another; "stored" positions are those.
 *
 *	stream_life.c		the object itself: made, ended, forgotten
 *	stream_open.c		Open: checks, order of things, answer
 *	stream_destination.c	what of it waits for a disk
 *	stream_write.c		Write, End, Cork, Uncork
 *	stream_producer.c	Attach, and what follows a hang-up
 *	stream_pump.c		carries out what the flow says; states, timers, events
 *	stream_transfer.c	batches to files
 *	stream_sync.c		when they are synced
 *	stream_transform.c	steps and digests: what is stored is not what was written
 *	stream_stored.c		on its way to the destination, at the end, and back
 *	stream_blocks.c		the private memory that takes
 *	stream_marks.c		where positions in the stream and in what is stored meet
 *	stream_direct.c		which bytes go past the page cache
 *	stream_cache.c		what went through the page cache: early writeback, dropped when synced
 *	stream_reserve.c	room on the disk ahead of the writer
 *	stream_rewrite.c	after a failed data sync: held bytes are written again
 *	stream_trouble.c	what onError says; trying again
 *	stream_outlet.c		batches to pipes and sockets
 *	stream_ring.c		the ring's memory and its signal
 *	stream_publish.c	the end: sync, rename, directory sync; or clean-up
 *	stream_record.c		what the catalogue is told of a file put in place
 *	stream_rotate.c		one file after the other: where each ends, and its end
 *	stream_segment.c	the beginning of the next one
 *	stream_wait.c		those who wait for a level
 */

#include <stdbool.h>
#include <stdint.h>

#include "daemon/base/list.h"
#include "daemon/core/fault.h"
#include "daemon/core/flow.h"
#include "daemon/core/id_text.h"
#include "daemon/core/labels.h"
#include "daemon/core/pace.h"
#include "daemon/core/stream_options.h"
#include "daemon/core/stream_state.h"
#include "daemon/core/write_window.h"
#include "daemon/io/catalogue.h"
#include "daemon/io/catalogue_file.h"
#include "daemon/io/digest.h"
#include "daemon/io/io_engine.h"
#include "daemon/io/memfd.h"
#include "daemon/io/sigbus.h"
#include "daemon/objects/inline_store.h"
#include "daemon/objects/streams.h"

struct buffer;
struct event;
struct forebay_ring_header;
struct holder;
struct outlet;
struct registry;
struct ring_fill;
struct stream_block;
struct store;
struct stream_opening;
struct stream_rewrite;
struct stream_rotate;
struct stream_transform;
struct user;

#define STREAM_SINKS 16
#define STREAM_TRANSFERS 16
#define STREAM_TRANSFER_BYTES (1024 * 1024)
#define STREAM_TRANSFER_IOV 16

/* So much of a ring is made before Open is answered, the rest ahead of the producer. */
#define STREAM_RING_READY_BYTES (2 * MEMFD_FILL_BYTES)

/* Less than this in one piece is better off in the page cache. */
#define STREAM_DIRECT_BYTES_MIN (256 * 1024)
#define STREAM_TOKEN_BYTES 33

/* Writes by calls that may be held at once: ranges of buffers, and inline ones. */
#define STREAM_RANGES_MAX 1024
#define STREAM_INLINE_WRITES_MAX 16384

/* One write on its way. */
struct stream_entry {
	struct flow_write write;
	struct list link;	      /* stream::used_entries or stream::free_entries */
	uint64_t position;	      /* of its first byte in the stream */
	const unsigned char *address; /* NULL: in the ring */
	struct buffer *buffer;	      /* pinned; NULL: none */
	struct inline_block *block;   /* NULL: none */
	struct list cut_link;	      /* stream_rotate::cuts: it begins a segment */
};

/* A sink call of the flow, being carried out. */
struct stream_batch {
	struct flow_sink *sink;
	uint64_t position;
	uint64_t bytes;
	uint64_t planned_bytes; /* handed to transfers, or written to the outlet */
	struct list *cursor;	/* the entry (flow_write::step.link) to plan next */
	uint64_t cursor_bytes;	/* of it that are planned */
	uint32_t in_flight;	/* transfers */
};

/* One request to the engine. */
struct stream_transfer {
	struct io_request request;
	struct iovec iov[STREAM_TRANSFER_IOV];
	struct stream *stream;
	struct stream_batch *batch; /* NULL: from a block */
	struct stream_block *block; /* NULL: from a batch */
	uint64_t position;	    /* stored */
	uint64_t bytes;
	uint64_t submitted_ns;
	bool busy; /* in use: in flight, or failed and to be tried again */
	bool failed;
	bool direct; /* past the page cache */
};

struct stream_ring {
	uint64_t bytes; /* 0: no ring */
	uint64_t phase;
	int memory_fd;
	int signal_fd;
	struct event *signal_event;
	struct mapping mapping;
	struct sigbus_watch watch;
	struct ring_fill *fill; /* under way; NULL: all of its memory is made */
	struct forebay_ring_header *header;
	unsigned char *data;
	uint64_t head; /* the last good one */
	uint64_t need; /* the last one seen */
	uint64_t need_answered;
	bool closed; /* ended, or broken: its words are looked at no more */
};

/* Room on the disk beyond what is planned; only in a temporary file. */
struct stream_reserve {
	struct io_request request;
	bool busy;
	bool off;	 /* the disk cannot, or has none */
	bool given_back; /* that asked for by the size hint too */
	uint64_t end;	 /* how long the file is, or may be; 0: as long as what is in it */
};

/* What went through the page cache. */
struct stream_cache {
	struct io_request request;
	bool busy;
	uint64_t fresh_bytes; /* since writeback was begun last */
	uint64_t kept_bytes;  /* and not dropped */
	uint64_t begun;	      /* stored position up to which writeback has begun */
	uint64_t covered;     /* up to which the sync under way goes, */
	uint64_t synced;      /* and the last one went */
	uint64_t dropped;     /* up to which pages were dropped */
};

/* What the end of the stream will be called. */
enum stream_ending {
	STREAM_ENDING_FINISH,
	STREAM_ENDING_SALVAGE, /* PATH.partial, then abort */
};

/* Something that failed and will be tried again. */
enum stream_retry {
	STREAM_RETRY_NONE,
	STREAM_RETRY_WAITS,  /* for the time, or for Resume */
	STREAM_RETRY_WANTED, /* at the next turn of the pump */
	STREAM_RETRY_RUNS,
};

/* What a stream's one timer may be waiting for. */
enum stream_due {
	STREAM_DUE_SYNC,
	STREAM_DUE_FRAME,
	STREAM_DUE_ROTATE,
	STREAM_DUE_CORK,
	STREAM_DUE_ATTACH,
	STREAM_DUE_RETRY,
	STREAM_DUE_PACE,
	STREAM_DUE_FORGET,
	STREAM_DUES,
};

#define STREAM_NEVER UINT64_MAX

/* A request that is part of opening, publishing or closing: one at a time. */
struct stream_task {
	struct io_request request;
	struct engine_waiter waiter;
	void (*then)(struct stream *stream, int64_t result);
	bool over; /* answered inside the submission: told by the pump */
};

struct stream {
	struct list user_link;	 /* user::streams, or user::ended_streams */
	struct list holder_link; /* holder::streams */
	struct registry *registry;
	struct user *user;
	struct holder *holder;	/* the producer's connection; NULL: nobody */
	struct holder *last_of; /* ended, and the last one of that connection */
	uint64_t id;
	char id_text[ID_TEXT_BYTES];
	char token[STREAM_TOKEN_BYTES];

	struct stream_options options;
	enum stream_target target;
	char *store; /* NULL: none */
	char *path;  /* as given; NULL: a descriptor */
	char *mark;  /* stream_request::mark */
	struct labels labels;
	bool charged; /* one stream, to the user */
	uint64_t charged_ring_bytes;
	uint64_t charged_staging_bytes; /* for steps and digests */

	enum stream_state state;
	enum stream_ending ending;
	bool terminal_told; /* finish, abort or error */
	bool producer_gone; /* onDisconnect was applied */
	bool shutting_down; /* while OPENING: end as soon as it is open */
	bool stopping;	    /* no further transfers: failed or aborted */
	bool final_held;    /* ended while paused: the file is put in place when resumed */
	bool cut;	    /* to its length, after a size hint that was too large */
	bool rewound;	    /* after a failed sync, and none has succeeded since */
	bool published;	    /* under its final name, the name on the device */
	bool error_pause;   /* paused by onError */
	bool pause_asked;   /* paused by its user, whatever the disk does */
	bool ended;	    /* nothing but what Describe tells is left */
	struct fault fault;
	struct flow flow;

	/* The destination. */
	struct stream_opening *opening; /* while OPENING */
	int file_fd;
	int lock_fd;   /* the first descriptor, where file_fd is a fresh one; -1: file_fd has it */
	int direct_fd; /* the same file, O_DIRECT; -1: it has none */
	bool direct_off; /* the file refused such a write */
	int dir_fd;	 /* of the file, for rename and sync; -1: none */
	struct outlet *outlet;
	struct event *outlet_event;
	bool outlet_full;
	char *base_name;
	char *temporary_name; /* NULL: written in place */
	char *absolute_path;  /* NULL: not known */
	bool made;	      /* in place, and the file is new */
	bool name_synced;
	uint64_t device;
	uint64_t directory; /* its st_ino; 0: not known */
	uint64_t base_offset; /* in the file, of position 0; modulo 2^64 after a rotation */
	int64_t catalogue_row;
	struct catalogue_request catalogue_request;
	bool catalogue_busy;
	struct stream_task task;
	int publish_stage;
	struct iovec last_piece; /* of the stage that flushes */
	struct catalogue_file record;
	void (*record_done)(struct stream *stream);
	enum stream_retry final_retry; /* of the present stage */
	bool final_given_up;	       /* the try under way is the last */
	int remove_failures;	       /* of the temporary */

	/* Bytes. */
	uint64_t accepted;
	uint64_t written;
	uint64_t synced;
	uint64_t sequence;
	uint64_t done_sequence;
	uint32_t entries;      /* not yet answered */
	uint32_t ranges;       /* of them, ranges of buffers */
	uint64_t inline_bytes; /* of them, inline data */
	struct list used_entries;
	struct list free_entries;
	struct inline_store inline_store;
	struct stream_ring ring;
	struct stream_transform *transform; /* NULL: bytes are stored as they are */
	struct stream_rotate *rotate;	    /* NULL: into one file */
	char digest[DIGEST_TEXT_BYTES];	    /* of what is stored; "": none, or not known yet */

	/* On the way to disk. */
	struct stream_batch batches[STREAM_SINKS]; /* a circle */
	uint32_t batches_first;
	uint32_t batches_count;
	struct stream_transfer *transfers; /* STREAM_TRANSFERS; NULL with an outlet */
	uint32_t transfers_busy;
	uint64_t in_flight_bytes;
	bool direct_now;	    /* what those in flight are */
	struct write_window window; /* for direct ones; the page cache needs none */
	struct engine_waiter room;  /* for transfers */
	struct stream_reserve reserve;
	struct stream_cache cache;
	struct io_request sync;
	bool sync_busy;	     /* or what a failed one covered is being written again */
	uint64_t sync_cover; /* `written` when it began */
	uint64_t oldest_unsynced_ns;
	enum stream_retry name_retry;	/* of the sync of a new name */
	struct stream_rewrite *rewrite; /* a data sync has failed; NULL: none */
	uint64_t last_progress;
	struct pace pace;

	/* What the producer is told. */
	uint64_t drains;
	uint64_t blocked_ns;
	uint64_t blocked_since_ns; /* 0: not told to stop */
	struct list waits;	   /* stream_wait::link */
	struct list observers;	   /* stream_observer::link */
	stream_open_fn open_done;
	void *open_data;

	struct event *wake; /* runs the pump: at once, or at the earliest due */
	uint64_t due_ns[STREAM_DUES];
	bool pumping;
	bool pump_again;
};

/* stream_life.c */
int must_check stream_new(struct holder *holder, struct stream **ret_stream);
struct stream *stream_free(struct stream *stream);
/* Lets go of all but what tells how it ended; it may free another stream, not this one. */
void stream_retire(struct stream *stream);

/* streams.c: what the functions for commands share */
int stream_refuse_state(const struct stream *stream, struct refusal *refusal);
/* REFUSED for a stream that is over, or about to be. */
int must_check stream_refuse_if_over(const struct stream *stream, struct refusal *refusal);
/* REFUSED where another connection holds the stream. */
int must_check stream_refuse_if_held(const struct stream *stream, const struct holder *holder,
				     struct refusal *refusal);
bool stream_has_ended(const struct stream *stream);
/* Ends a pause, whoever asked for it. */
void stream_go_on(struct stream *stream);
/* What is not written yet is not written. */
void stream_give_up(struct stream *stream);

/* stream_write.c */
void stream_lift_corks(struct stream *stream);

/* stream_producer.c */
/* The producer's connection or signal is gone: onDisconnect, once. */
void stream_producer_gone(struct stream *stream);

/* stream_pump.c; after stream_pump() the stream may be gone */
void stream_pump(struct stream *stream);
/* Runs the pump before the loop sleeps again. */
void stream_schedule(struct stream *stream);
/* Has the loop run the pump at the earliest due. */
void stream_arm(struct stream *stream);
void stream_set_due(struct stream *stream, enum stream_due due, uint64_t at_ns);
/* Carries out what the flow wants in the present call. */
void stream_perform(struct stream *stream);
void stream_set_state(struct stream *stream, enum stream_state state);
void stream_tell(struct stream *stream, enum stream_event event);
/* Keeps what went wrong; the first fault stays. `operation` is a constant. */
void stream_note_fault(struct stream *stream, const char *operation, int error, int64_t offset);
/* The same, and gives up. */
void stream_fail(struct stream *stream, const char *operation, int error, int64_t offset);
/* Takes the next write in; NULL: no memory. */
struct stream_entry *stream_entry_new(struct stream *stream);
void stream_entry_release(struct stream *stream, struct stream_entry *entry);
/* What was taken goes to disk and the stream ends as `ending`. */
void stream_end_as(struct stream *stream, enum stream_ending ending);
void stream_note_need(struct stream *stream, bool need);
uint64_t stream_now_ns(void);

void stream_task_init(struct stream *stream);

/*
 * Submits stream->task.request, of which operation, fd and the like are set; `then` is called
 * later, with the result, from the pump or the loop.
 */
void stream_task_submit(struct stream *stream, void (*then)(struct stream *, int64_t));
/* For IO_RUN; `name` is a constant. */
void stream_task_run(struct stream *stream, const char *name, int (*run)(struct io_request *),
		     void (*then)(struct stream *, int64_t));

/* stream_open.c */
struct stream_opening *stream_opening_new(struct stream *stream, const struct store *store);
void stream_opening_free(struct stream_opening *opening);
/* The temporary that will be made in the directory of absolute_path, for the catalogue. */
int must_check stream_temporary_add_row(struct stream *stream,
					void (*done)(struct catalogue_request *request));

/* stream_transfer.c */
int must_check stream_transfers_init(struct stream *stream);
void stream_transfers_fini(struct stream *stream);
void stream_batch_begin(struct stream *stream, struct flow_sink *sink);
/* Submits what can be, completes what is over, syncs what is due. True: something moved. */
bool stream_transfer(struct stream *stream);
/* Runs the pump when a request of so many bytes would be taken. */
void stream_wait_for_room(struct stream *stream, uint64_t cost_bytes);
/* Tries the failed ones again. */
void stream_transfer_retry(struct stream *stream);
/* Up to where transfers are planned, or over; stored. */
uint64_t stream_stored_planned(const struct stream *stream);
/* Those that are planned and not in flight are forgotten: what they took is planned anew. */
void stream_transfers_forget(struct stream *stream);
/* The producer has more for us, and no batch can begin until one has ended. */
bool stream_is_jammed(const struct stream *stream);
/* Bytes at the stream's ack level. */
uint64_t stream_done_position(const struct stream *stream);
/* The address of a position of an entry, and how many bytes follow it in one piece. */
const unsigned char *stream_entry_address(const struct stream *stream,
					  const struct stream_entry *entry, uint64_t offset);
/* Moves the batch's cursor; fills `iov` with at most `count` pieces of at most `most` bytes. */
uint64_t stream_batch_plan(struct stream *stream, struct stream_batch *batch, uint64_t most,
			   struct iovec *iov, uint32_t *io_count);

/* stream_direct.c */
/* The file takes writes past the page cache. */
bool stream_direct_is_in_use(const struct stream *stream);
/* How much of what comes next in the batch goes past the page cache: 0, or whole pages. */
uint64_t stream_direct_bytes(const struct stream *stream, const struct stream_batch *batch,
			     uint64_t most);
/* How much goes through it, up to where direct writes can begin again. */
uint64_t stream_buffered_bytes(const struct stream *stream, const struct stream_batch *batch,
			       uint64_t most);
/* The same of a piece of memory that lies in its page as it will in the file's. */
uint64_t stream_direct_piece(const struct stream *stream, uint64_t position, uint64_t bytes,
			     bool *ret_direct);
/* Another way than those in flight: it has to wait for them. */
bool stream_direct_must_wait(const struct stream *stream, const struct stream_transfer *transfer);
/* The file cannot do it: true if the transfer is to be tried again, without. */
bool stream_direct_refused(struct stream_transfer *transfer);

/* stream_cache.c */
/* So many bytes more were written through the page cache. */
void stream_cache_note(struct stream *stream, uint64_t bytes);
/* A data sync begins; it was a success. */
void stream_cache_sync_begins(struct stream *stream);
void stream_cache_synced(struct stream *stream);
/* What is written from here on is in another file. */
void stream_cache_begin_file(struct stream *stream);
/* Begins what is due, one thing at a time. */
void stream_cache_move(struct stream *stream);
/* What is left to be dropped once the stream is over. On a worker. */
void stream_cache_close(const struct stream *stream);

/* stream_sync.c */
/* Begins one if it is due. True: something moved. */
bool stream_sync_move(struct stream *stream);

/* stream_transform.c; but for init, fini and is_busy only where there is one */
/* The memory it begins with; 0: none is needed. More, for speed, is charged as it goes. */
uint64_t stream_transform_memory_bytes(const struct stream_options *options);
int must_check stream_transform_init(struct stream *stream);
void stream_transform_fini(struct stream *stream);
/* Gives the worker what there is. True: something moved. */
bool stream_transform_move(struct stream *stream);
/* Its end will run the pump. */
bool stream_transform_is_busy(const struct stream *stream);
/* It cannot go on before a sync. */
bool stream_transform_needs_sync(const struct stream *stream);

/* stream_stored.c; but for stream_stored_end() and _most() only where there is one, too */
/* Something waits to be planned or taken. */
bool stream_transform_has_output(const struct stream *stream);
/* Fills the transfer with the next piece, of at most `most` bytes. */
void stream_transform_plan(struct stream *stream, struct stream_transfer *transfer, uint64_t most);
/* For outlets: the next piece, and how much of it was taken. */
bool stream_transform_peek(struct stream *stream, uint64_t most, struct iovec *ret_piece);
void stream_transform_took(struct stream *stream, uint64_t bytes);
/* What is stored is at the destination up to there: the position up to which that is whole. */
uint64_t stream_transform_written(struct stream *stream, uint64_t stored_end);
void stream_transform_synced(struct stream *stream);
uint64_t stream_transform_planned(const struct stream *stream);
/* The end of what is stored, with and without steps. */
uint64_t stream_stored_end(const struct stream *stream);
/* What was handed over before a rewind, and may stand behind that end. */
uint64_t stream_stored_most(const struct stream *stream);
/* At the end: the rest that is to be written, which may be nothing. -EBADMSG. */
int must_check stream_transform_finish(struct stream *stream, struct iovec *ret_piece);
void stream_transform_finished(struct stream *stream);
const char *stream_transform_failed_name(const struct stream *stream);
void stream_transform_digest(const struct stream *stream, char text[static DIGEST_TEXT_BYTES]);
/* What is behind the last sync is fed and written again; nothing may be in flight. */
bool stream_transform_can_rewind(const struct stream *stream);
int must_check stream_transform_rewind(struct stream *stream);
/* What is stored from here on is in another file, from its beginning. -ENOMEM. */
int must_check stream_transform_begin_file(struct stream *stream);

/* stream_reserve.c */
/* Reserves more if the writer comes near the end of what is reserved. */
void stream_reserve_ahead(struct stream *stream);
/* True if the file is no longer than what is in it; else it soon will be, and the pump is run. */
bool stream_reserve_give_back(struct stream *stream);
/* The file must be cut before it is put in its place. */
bool stream_reserve_is_left(const struct stream *stream);

/* stream_trouble.c */
/* Whether onError, and the kind of the error, let the stream wait instead of failing. */
bool stream_may_pause(const struct stream *stream, int error);
/* Paused until it works. Told and logged once; a further call changes nothing. */
void stream_pause_for_error(struct stream *stream, const char *operation, int error,
			    int64_t offset);
/* The time has come; sets the next one. */
void stream_retry(struct stream *stream, uint64_t now_ns);
/* Syncs and the end, not writes: those go on with the pump when the stream is resumed. */
void stream_retry_held(struct stream *stream);
/* For whom no write is left to be tried again: resumes if nothing else is. True: resumed. */
bool stream_recover(struct stream *stream);

/* stream_rewrite.c */
/* A data sync has failed with this negative errno: all it covered is to be written again. */
void stream_rewrite_begin(struct stream *stream, int sync_error);
/* Starts when nothing else is in flight. True: something moved. */
bool stream_rewrite_move(struct stream *stream);
void stream_rewrite_retry(struct stream *stream);
/*
 * The same for the last sync, under which no byte is held any more: size and, where all bytes
 * were synced before, a new sync. `over` is called with 0 or -errno, perhaps at once. A
 * negative errno: it cannot be done, and `over` is not called.
 */
int must_check stream_rewrite_final(struct stream *stream, int sync_error,
				    void (*over)(struct stream *stream, int result));
void stream_rewrite_final_again(struct stream *stream);
/* For `over`: 0, or the error of the sync, which is the cause. */
int must_check stream_rewrite_final_over(struct stream *stream, int result);
void stream_rewrite_fini(struct stream *stream);

/* stream_outlet.c */
int must_check stream_outlet_init(struct stream *stream, int destination_fd);
void stream_outlet_fini(struct stream *stream);
bool stream_outlet_move(struct stream *stream);

/* stream_ring.c */
int must_check stream_ring_adopt(struct stream *stream, int memory_fd, struct mapping *mapping);
/* Has the rest of its memory made; if that fails, so does the stream. */
void stream_ring_fill(struct stream *stream);
void stream_ring_fini(struct stream *stream);
/* A new pair of signal sockets; the client's end is the caller's to close. */
int must_check stream_ring_connect(struct stream *stream, struct stream_ring_fds *ret_fds);
/* Looks at the producer's words and takes all there is. True: something was new. */
bool stream_ring_look(struct stream *stream);
/* The same, but while writes are in flight a little may be left for later. */
bool stream_ring_look_lazily(struct stream *stream);
/* Tells the producer how far the bytes are; asks to be woken if nothing else will wake us. */
void stream_ring_tell(struct stream *stream);
void stream_ring_signal(struct stream *stream);
void stream_ring_tell_state(struct stream *stream);
/* Before the pump ends: true if the producer did something meanwhile. */
bool stream_ring_sleep(struct stream *stream);

/* stream_rotate.c; most of it has nothing to say about a stream that does not rotate */
int must_check stream_rotate_init(struct stream *stream, const struct store *store,
				  int directory_fd);
void stream_rotate_fini(struct stream *stream);
/* Whether the next write, of so many bytes, begins a segment; then the entry of its first. */
bool stream_rotate_cuts(const struct stream *stream, uint64_t bytes);
void stream_rotate_cut(struct stream *stream, struct stream_entry *entry);
/* After each write: `accepted` has grown. */
void stream_rotate_accepted(struct stream *stream);
/* The time of the segment is over. */
void stream_rotate_due(struct stream *stream);
/* Position where the present segment ends; UINT64_MAX: not known yet. */
uint64_t stream_rotate_limit(const struct stream *stream);
/* Position up to which all is in finished segments. */
uint64_t stream_rotate_placed_bytes(const struct stream *stream);
/* Ends and begins segments. True: something moved. */
bool stream_rotate_move(struct stream *stream);
void stream_rotate_retry(struct stream *stream);
/* The next segment could not be begun yet. */
bool stream_rotate_waits(const struct stream *stream);
bool stream_rotate_is_placing(const struct stream *stream);
/* All is in place, and no file is open. */
bool stream_rotate_is_between(const struct stream *stream);
/* True: it will be begun later. */
bool stream_rotate_holds_final(struct stream *stream);
bool stream_rotate_holds_release(struct stream *stream);
/* From stream_publish.c: the segment has its name; nothing is left to do; it failed. */
void stream_rotate_placed(struct stream *stream);
void stream_rotate_over(struct stream *stream);
void stream_rotate_failed(struct stream *stream, int error);
/* Removes what retention no longer keeps. */
void stream_rotate_sweep(const struct stream *stream);
void stream_rotate_record(const struct stream *stream, struct catalogue_file *record);
/* Gives what was found its number, where it has one; `done` may be called at once. */
void stream_rotate_name(struct stream_opening *opening,
			void (*done)(struct stream_opening *opening, int result));

/* stream_publish.c */
void stream_publish_begin(struct stream *stream);
/* Puts a segment in place, and ends with stream_rotate_over() or stream_rotate_failed(). */
void stream_publish_segment(struct stream *stream);
void stream_release_begin(struct stream *stream);
/* From the beginning of FINAL on. */
bool stream_is_publishing(const struct stream *stream);
/* Tries the stage that failed again. */
void stream_publish_retry(struct stream *stream);
/* What of the end failed is not tried again. False: nothing has failed. */
bool stream_publish_give_up(struct stream *stream);
/* Something that was under way when FINAL or RELEASE began, and that they wait for, is over. */
void stream_publish_go_on(struct stream *stream);

/* stream_record.c */
bool stream_record_is_wanted(const struct stream *stream);
/* `done` is called once, from the pump or the loop, whether that worked or not. */
void stream_record_begin(struct stream *stream, void (*done)(struct stream *stream));

/* stream_wait.c */
void stream_waits_check(struct stream *stream);
/* The stream is about to be forgotten. */
void stream_waits_drop(struct stream *stream);
bool stream_waits_for_sync(const struct stream *stream);
/* For bytes that are not written yet. */
bool stream_waits_for_written(const struct stream *stream);

#endif
