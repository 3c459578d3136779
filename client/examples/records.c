/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Numbers in shared memory, and on disk as they are there: each argument behind PATH becomes a
 * record of 24 bytes, with its place as uint32le at 0, its text at 4 and its value as float64be
 * at 16.
 *
 *	cc records.c $(pkg-config --cflags --libs forebay) -o records
 *	./records table 1 2.5 1e300
 *
 * The table is a small part of one large buffer. The daemon is called to make that buffer, to
 * save the table out of it, and to free it; in between, memory is all there is.
 */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <forebay.h>
#include <forebay_job.h>
#include <forebay_memory.h>

#define LEASE_BYTES ((size_t)1 << 20)
#define RECORD_BYTES 24
#define TEXT_BYTES 12
#define TIMEOUT_USEC (60 * FOREBAY_USEC_PER_SEC)

static int fill_record(const struct forebay_view *record, uint32_t place, const char *text)
{
	struct forebay_view name = forebay_view_slice(record, 4, 4 + TEXT_BYTES);
	size_t bytes;
	int r;

	r = forebay_view_set_uint32le(record, 0, place);
	if (r == 0)
		r = forebay_view_fill(&name, "", 1);
	if (r == 0)
		r = forebay_view_set_text(&name, FOREBAY_ENCODING_UTF8, text, strlen(text), &bytes);
	if (r == 0)
		r = forebay_view_set_float64be(record, 16, strtod(text, NULL));
	return r;
}

static int fill_table(const struct forebay_view *table, char **texts, uint32_t count)
{
	struct forebay_view record;
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < count; i++) {
		record = forebay_view_slice(table, (int64_t)i * RECORD_BYTES,
					    (int64_t)(i + 1) * RECORD_BYTES);
		r = fill_record(&record, i, texts[i]);
	}
	return r;
}

/* The range is saved from where it lies. */
static int save(struct forebay_connection *connection, const struct forebay_view *view,
		const char *path)
{
	struct forebay_job_options options = FOREBAY_JOB_OPTIONS_INIT;
	struct forebay_run *run;
	int r;

	options.buffer = forebay_buffer_id(view->buffer);
	options.offset = (int64_t)view->offset;
	options.length = (int64_t)view->bytes;
	options.path = path;
	r = forebay_job_save(connection, &options, TIMEOUT_USEC, &run);
	if (r)
		return r;
	printf("%s: %" PRIu64 " bytes\n", run->path, run->bytes);
	forebay_run_free(run);
	return 0;
}

static int make_table(struct forebay_connection *connection, struct forebay_lease *lease,
		      char **texts, uint32_t count, const char *path)
{
	struct forebay_view table;
	int r;

	r = forebay_lease_alloc(lease, (size_t)count * RECORD_BYTES, &table);
	if (r)
		return r;
	r = fill_table(&table, texts, count);
	if (r == 0)
		r = save(connection, &table, path);
	(void)forebay_lease_free(lease, &table);
	return r;
}

int main(int argc, char **argv)
{
	struct forebay_connection *connection = NULL;
	struct forebay_lease *lease = NULL;
	struct forebay_pool *pool = NULL;
	int r;

	if (argc < 3) {
		fprintf(stderr, "usage: records PATH NUMBER...\n");
		return 2;
	}
	r = forebay_connect(NULL, &connection);
	if (r == 0)
		r = forebay_pool_acquire(connection, "default", 0, &pool);
	if (r == 0)
		r = forebay_lease_open(connection, pool, LEASE_BYTES, &lease);
	if (r == 0)
		r = make_table(connection, lease, argv + 2, (uint32_t)argc - 2, argv[1]);
	if (r)
		fprintf(stderr, "records: %s\n", strerror(-r));
	if (lease && forebay_lease_close(connection, lease))
		forebay_lease_release(lease);
	forebay_pool_unmap(pool);
	forebay_disconnect(connection);
	return r ? 1 : 0;
}
