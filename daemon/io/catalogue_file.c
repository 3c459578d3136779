/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/io/catalogue_file.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* What a request was given: texts behind one another in one allocation, and numbers. */
#define TEXTS_MAX 4

struct arguments {
	uid_t owner;
	uint64_t number;
	uint64_t bytes;
	int64_t published_usec;
	uint64_t inode;
	int64_t mtime_ns;
	const char *texts[TEXTS_MAX];
	char memory[];
};

static struct arguments *copy_texts(const char *const *texts, size_t count)
{
	struct arguments *copy;
	size_t bytes = 0;
	char *at;

	for (size_t i = 0; i < count; i++)
		bytes += strlen(texts[i]) + 1;
	copy = calloc(1, sizeof(*copy) + bytes);
	if (!copy)
		return NULL;
	at = copy->memory;
	for (size_t i = 0; i < count; i++) {
		copy->texts[i] = at;
		at = stpcpy(at, texts[i]) + 1;
	}
	return copy;
}

static struct arguments *copy_template(const struct catalogue_template *template)
{
	const char *const texts[] = { template->store, template->template_text };
	struct arguments *copy = copy_texts(texts, 2);

	if (copy)
		copy->owner = template->owner;
	return copy;
}

/* Prepares `text` and binds the texts, first of all, and the owner where it has one. */
static int prepare(struct sqlite3 *database, const char *text, const struct arguments *arguments,
		   sqlite3_stmt **ret_statement)
{
	int r = sqlite3_prepare_v2(database, text, -1, ret_statement, NULL);

	for (int i = 0; r == SQLITE_OK && i < TEXTS_MAX && arguments->texts[i]; i++)
		r = sqlite3_bind_text(*ret_statement, i + 1, arguments->texts[i], -1,
				      SQLITE_STATIC);
	return r;
}

/* ---- numbers ---- */

static int raise_number(struct sqlite3 *database, const struct arguments *arguments,
			uint64_t number)
{
	static const char raise[] =
		"INSERT INTO template_number (store, template, owner, highest)"
		" VALUES (?1, ?2, ?3, ?4)"
		" ON CONFLICT DO UPDATE SET highest = max(highest, excluded.highest)";
	sqlite3_stmt *statement = NULL;
	int r = prepare(database, raise, arguments, &statement);

	if (r == SQLITE_OK)
		r = sqlite3_bind_int64(statement, 3, arguments->owner);
	if (r == SQLITE_OK)
		r = sqlite3_bind_int64(statement, 4, (int64_t)number);
	if (r == SQLITE_OK)
		r = sqlite3_step(statement);
	(void)sqlite3_finalize(statement); /* repeats the result of the step */
	return catalogue_errno(r);
}

static int get_number(struct sqlite3 *database, const struct arguments *arguments,
		      uint64_t *ret_number)
{
	static const char get[] = "SELECT highest FROM template_number"
				  " WHERE store = ?1 AND template = ?2 AND owner = ?3";
	sqlite3_stmt *statement = NULL;
	int r = prepare(database, get, arguments, &statement);

	if (r == SQLITE_OK)
		r = sqlite3_bind_int64(statement, 3, arguments->owner);
	if (r == SQLITE_OK)
		r = sqlite3_step(statement);
	if (r == SQLITE_ROW)
		*ret_number = (uint64_t)sqlite3_column_int64(statement, 0);
	else if (r == SQLITE_DONE)
		*ret_number = 0;
	(void)sqlite3_finalize(statement); /* repeats the result of the step */
	return catalogue_errno(r);
}

static struct catalogue_find *find_of(struct catalogue_request *request)
{
	return container_of(request, struct catalogue_find, request);
}

static int perform_take(struct catalogue_request *request, struct sqlite3 *database)
{
	const struct arguments *arguments = request->arguments;
	uint64_t highest;
	int r = get_number(database, arguments, &highest);

	if (r < 0)
		return r;
	if (highest < arguments->number)
		highest = arguments->number;
	if (highest >= INT64_MAX)
		return -EOVERFLOW;
	r = raise_number(database, arguments, highest + 1);
	if (r == 0)
		find_of(request)->number = highest + 1;
	return r;
}

int catalogue_take_number(struct catalogue *catalogue, const struct catalogue_template *template,
			  uint64_t present, struct catalogue_find *find)
{
	struct arguments *arguments = copy_template(template);

	if (!arguments)
		return -ENOMEM;
	arguments->number = present;
	find->request.arguments = arguments;
	find->request.perform = perform_take;
	catalogue_submit(catalogue, &find->request);
	return 0;
}

/* ---- rows ---- */

static int insert_file(struct catalogue_request *request, struct sqlite3 *database)
{
	static const char insert[] =
		"INSERT OR REPLACE INTO file (store, template, path, digest, owner, bytes,"
		" published_usec, inode, mtime_ns, number)"
		" VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
	const struct arguments *row = request->arguments;
	const int64_t numbers[] = {
		row->owner,	     (int64_t)row->bytes, row->published_usec,
		(int64_t)row->inode, row->mtime_ns,	  (int64_t)row->number,
	};
	sqlite3_stmt *statement = NULL;
	int r = prepare(database, insert, row, &statement);

	for (int i = 0; r == SQLITE_OK && i < (int)(sizeof(numbers) / sizeof(numbers[0])); i++)
		r = sqlite3_bind_int64(statement, TEXTS_MAX + 1 + i, numbers[i]);
	if (r == SQLITE_OK)
		r = sqlite3_step(statement);
	if (r == SQLITE_DONE)
		request->row_id = sqlite3_last_insert_rowid(database);
	(void)sqlite3_finalize(statement); /* repeats the result of the step */
	return catalogue_errno(r);
}

static int perform_add(struct catalogue_request *request, struct sqlite3 *database)
{
	struct arguments *row = request->arguments;
	int r = insert_file(request, database);

	if (r < 0 || row->number == 0)
		return r;
	/* The numbers' statements know of the first two texts only. */
	row->texts[2] = NULL;
	return raise_number(database, row, row->number);
}

int catalogue_add_file(struct catalogue *catalogue, const struct catalogue_file *row,
		       struct catalogue_request *request)
{
	const char *const texts[] = { row->store, row->template_text, row->path, row->digest };
	struct arguments *arguments = copy_texts(texts, 4);

	if (!arguments)
		return -ENOMEM;
	arguments->owner = row->owner;
	arguments->number = row->number;
	arguments->bytes = row->bytes;
	arguments->published_usec = row->published_usec;
	arguments->inode = row->inode;
	arguments->mtime_ns = row->mtime_ns;
	request->arguments = arguments;
	request->perform = perform_add;
	catalogue_submit(catalogue, request);
	return 0;
}

static int perform_remove(struct catalogue_request *request, struct sqlite3 *database)
{
	sqlite3_stmt *statement = NULL;
	int r = sqlite3_prepare_v2(database, "DELETE FROM file WHERE row_id = ?1", -1, &statement,
				   NULL);

	if (r == SQLITE_OK)
		r = sqlite3_bind_int64(statement, 1, request->row_id);
	if (r == SQLITE_OK)
		r = sqlite3_step(statement);
	(void)sqlite3_finalize(statement); /* repeats the result of the step */
	return catalogue_errno(r);
}

void catalogue_remove_file(struct catalogue *catalogue, int64_t row_id,
			   struct catalogue_request *request)
{
	request->arguments = NULL;
	request->row_id = row_id;
	request->perform = perform_remove;
	catalogue_submit(catalogue, request);
}

static int perform_forget(struct catalogue_request *request, struct sqlite3 *database)
{
	const struct arguments *arguments = request->arguments;
	sqlite3_stmt *statement = NULL;
	int r = prepare(database, "DELETE FROM file WHERE path = ?1 AND inode = ?2", arguments,
			&statement);

	if (r == SQLITE_OK)
		r = sqlite3_bind_int64(statement, 2, (int64_t)arguments->inode);
	if (r == SQLITE_OK)
		r = sqlite3_step(statement);
	(void)sqlite3_finalize(statement); /* repeats the result of the step */
	return catalogue_errno(r);
}

static int perform_void(struct catalogue_request *request, struct sqlite3 *database)
{
	sqlite3_stmt *statement = NULL;
	int r = prepare(database, "UPDATE file SET digest = '' WHERE path = ?1 AND digest <> ''",
			request->arguments, &statement);

	if (r == SQLITE_OK)
		r = sqlite3_step(statement);
	(void)sqlite3_finalize(statement); /* repeats the result of the step */
	return catalogue_errno(r);
}

static int submit_path(struct catalogue *catalogue, const char *path, uint64_t inode,
		       struct catalogue_request *request)
{
	struct arguments *arguments = copy_texts(&path, 1);

	if (!arguments)
		return -ENOMEM;
	arguments->inode = inode;
	request->arguments = arguments;
	catalogue_submit(catalogue, request);
	return 0;
}

int catalogue_forget_file(struct catalogue *catalogue, const char *path, uint64_t inode,
			  struct catalogue_request *request)
{
	request->perform = perform_forget;
	return submit_path(catalogue, path, inode, request);
}

int catalogue_void_digest(struct catalogue *catalogue, const char *path,
			  struct catalogue_request *request)
{
	request->perform = perform_void;
	return submit_path(catalogue, path, 0, request);
}

/* ---- what is there ---- */

#define COLUMNS                                                                                    \
	"SELECT row_id, owner, store, path, template, digest, bytes, published_usec, inode,"       \
	" mtime_ns, number FROM file "

static void fini_file(struct catalogue_file *file)
{
	free((char *)file->store);
	free((char *)file->path);
	free((char *)file->template_text);
	free((char *)file->digest);
}

void catalogue_files_fini(struct catalogue_files *files)
{
	for (size_t i = 0; i < files->count; i++)
		fini_file(&files->list[i]);
	free(files->list);
	*files = (struct catalogue_files){ 0 };
}

static char *copy_column(sqlite3_stmt *statement, int index)
{
	const unsigned char *text = sqlite3_column_text(statement, index);

	return strdup(text ? (const char *)text : "");
}

static int add_found(struct catalogue_files *files, sqlite3_stmt *statement)
{
	struct catalogue_file *list, *file;

	/* The capacity is the power of two at or above the count. */
	if ((files->count & (files->count - 1)) == 0) {
		size_t capacity = files->count > 0 ? 2 * files->count : 1;

		list = reallocarray(files->list, capacity, sizeof(*list));
		if (!list)
			return SQLITE_NOMEM;
		files->list = list;
	}
	file = &files->list[files->count++];
	*file = (struct catalogue_file){
		.row_id = sqlite3_column_int64(statement, 0),
		.owner = (uid_t)sqlite3_column_int64(statement, 1),
		.store = copy_column(statement, 2),
		.path = copy_column(statement, 3),
		.template_text = copy_column(statement, 4),
		.digest = copy_column(statement, 5),
		.bytes = (uint64_t)sqlite3_column_int64(statement, 6),
		.published_usec = sqlite3_column_int64(statement, 7),
		.inode = (uint64_t)sqlite3_column_int64(statement, 8),
		.mtime_ns = sqlite3_column_int64(statement, 9),
		.number = (uint64_t)sqlite3_column_int64(statement, 10),
	};
	return file->store && file->path && file->template_text && file->digest ? SQLITE_OK :
										  SQLITE_NOMEM;
}

/* Takes the statement, prepared with the result `r`. */
static int collect(struct catalogue_find *find, sqlite3_stmt *statement, int r)
{
	while (r == SQLITE_OK) {
		r = sqlite3_step(statement);
		if (r == SQLITE_ROW)
			r = add_found(&find->found, statement);
	}
	(void)sqlite3_finalize(statement); /* repeats the result of the step */
	if (r != SQLITE_DONE)
		catalogue_files_fini(&find->found);
	return catalogue_errno(r);
}

static int perform_find_file(struct catalogue_request *request, struct sqlite3 *database)
{
	sqlite3_stmt *statement = NULL;
	int r = prepare(database, COLUMNS "WHERE path = ?1", request->arguments, &statement);

	return collect(find_of(request), statement, r);
}

static int perform_find_files(struct catalogue_request *request, struct sqlite3 *database)
{
	sqlite3_stmt *statement = NULL;
	int r = prepare(database, COLUMNS "WHERE path >= ?1 AND path < ?2 ORDER BY path",
			request->arguments, &statement);

	return collect(find_of(request), statement, r);
}

static int perform_find_template(struct catalogue_request *request, struct sqlite3 *database)
{
	const struct arguments *arguments = request->arguments;
	struct catalogue_find *find = find_of(request);
	sqlite3_stmt *statement = NULL;
	int r = get_number(database, arguments, &find->number);

	if (r < 0)
		return r;
	r = prepare(database,
		    COLUMNS "WHERE store = ?1 AND template = ?2 AND owner = ?3"
			    " ORDER BY published_usec, row_id",
		    arguments, &statement);
	if (r == SQLITE_OK)
		r = sqlite3_bind_int64(statement, 3, arguments->owner);
	return collect(find, statement, r);
}

static int submit_find(struct catalogue *catalogue, struct catalogue_find *find,
		       struct arguments *arguments,
		       int (*perform)(struct catalogue_request *, struct sqlite3 *))
{
	if (!arguments)
		return -ENOMEM;
	find->found = (struct catalogue_files){ 0 };
	find->request.arguments = arguments;
	find->request.perform = perform;
	catalogue_submit(catalogue, &find->request);
	return 0;
}

int catalogue_find_file(struct catalogue *catalogue, const char *path, struct catalogue_find *find)
{
	return submit_find(catalogue, find, copy_texts(&path, 1), perform_find_file);
}

int catalogue_find_files(struct catalogue *catalogue, const char *prefix,
			 struct catalogue_find *find)
{
	const char *const texts[] = { prefix, prefix };
	struct arguments *arguments = copy_texts(texts, 2);
	char *end;

	/* From the prefix up to what comes next after all that begin with it. */
	if (arguments && prefix[0] != '\0') {
		end = (char *)arguments->texts[1] + strlen(prefix) - 1;
		*end = (char)(*end + 1);
	}
	return submit_find(catalogue, find, arguments, perform_find_files);
}

int catalogue_find_template(struct catalogue *catalogue, const struct catalogue_template *template,
			    struct catalogue_find *find)
{
	return submit_find(catalogue, find, copy_template(template), perform_find_template);
}

struct catalogue_identity catalogue_identity(const struct stat *facts)
{
	return (struct catalogue_identity){
		.inode = facts->st_ino,
		.bytes = (uint64_t)facts->st_size,
		.mtime_ns = (int64_t)facts->st_mtim.tv_sec * 1000000000 + facts->st_mtim.tv_nsec,
	};
}

bool catalogue_file_is_same(const struct catalogue_file *row,
			    const struct catalogue_identity *identity)
{
	return row->inode == identity->inode && row->bytes == identity->bytes &&
	       row->mtime_ns == identity->mtime_ns;
}
