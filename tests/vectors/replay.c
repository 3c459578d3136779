/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "tests/vectors/replay.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#define FILE_BYTES_MAX (64u << 20)
#define COMPLAINTS_MAX 60
#define RULES_MAX 16
#define COMPLAINT_BYTES 2000

/*
 * replay KIND FILE...: exit 0 if every case of every file holds. A run that replayed nothing
 * is a failed one: no file, an empty list, a file of another kind, a file that is no JSON.
 */

static const struct replay_kind *const kinds[] = {
	&replay_arraybuffer,
	&replay_buffer_ops,
	&replay_dataview,
	&replay_dataview_f16,
	&replay_encodings,
	&replay_flow_trace,
	&replay_fs_streams,
	&replay_library_buffer_ops,
	&replay_library_dataview,
	&replay_library_encodings,
	&replay_pool,
	&replay_writable,
};

struct totals {
	unsigned int passed;
	unsigned int failed;
	unsigned int mapped;
	struct rule {
		const char *name;
		unsigned int count;
	} rules[RULES_MAX];
};

static unsigned int complaints;

void replay_complain(const cJSON *entry, const char *format, ...)
{
	const cJSON *id = cJSON_GetObjectItemCaseSensitive(entry, "id");
	char text[COMPLAINT_BYTES];
	va_list arguments;

	if (complaints++ >= COMPLAINTS_MAX)
		return;
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	printf("FAIL %s: %s\n", cJSON_IsString(id) ? id->valuestring : "(no id)", text);
}

static void totals_add(struct totals *totals, struct replay_verdict verdict)
{
	unsigned int i = 0;

	if (!verdict.passed) {
		totals->failed++;
		return;
	}
	totals->passed++;
	if (!verdict.rule)
		return;
	totals->mapped++;
	while (i < RULES_MAX - 1 && totals->rules[i].name &&
	       strcmp(totals->rules[i].name, verdict.rule) != 0)
		i++;
	totals->rules[i].name = verdict.rule;
	totals->rules[i].count++;
}

/* By name, those not in use last. */
static int rule_compare(const void *left, const void *right)
{
	const struct rule *a = left;
	const struct rule *b = right;

	if (!a->name || !b->name)
		return !a->name - !b->name;
	return strcmp(a->name, b->name);
}

static void totals_print(struct totals *totals)
{
	printf("%u mapped", totals->mapped);
	qsort(totals->rules, RULES_MAX, sizeof(totals->rules[0]), rule_compare);
	for (unsigned int i = 0; i < RULES_MAX && totals->rules[i].name; i++)
		printf("%s %s %u", i == 0 ? ":" : ",", totals->rules[i].name,
		       totals->rules[i].count);
	printf("\n%u passed, %u failed\n", totals->passed, totals->failed);
}

/* The whole file, NUL-ended; NULL with a message on stderr. */
static char *file_read(const char *path)
{
	FILE *file = fopen(path, "rbe");
	char *text = file ? malloc(FILE_BYTES_MAX + 1) : NULL;
	size_t length;

	if (!text) {
		fprintf(stderr, "replay: %s: %s\n", path, strerror(errno));
		if (file)
			fclose(file);
		return NULL;
	}
	length = fread(text, 1, FILE_BYTES_MAX + 1, file);
	if (ferror(file) || length > FILE_BYTES_MAX) {
		fprintf(stderr, "replay: %s: cannot be read, or is over 64 MiB\n", path);
		free(text);
		text = NULL;
	} else {
		text[length] = '\0';
	}
	fclose(file);
	return text;
}

/*
 * cJSON ends a text at U+0000. So it is read as U+2400, the symbol for it, and a kind that has
 * such texts turns it back; a file with that symbol of its own cannot be read.
 */
static bool zeroes_rename(char *text)
{
	if (strstr(text, "\\u2400") || strstr(text, "\xe2\x90\x80"))
		return false;
	while ((text = strstr(text, "\\u0000")))
		memcpy(text, "\\u2400", 6);
	return true;
}

static bool file_replay(const struct replay_kind *kind, const char *path, struct totals *totals)
{
	char *text = file_read(path);
	cJSON *root = text && zeroes_rename(text) ? cJSON_ParseWithOpts(text, NULL, true) : NULL;
	const cJSON *list = cJSON_GetObjectItemCaseSensitive(root, kind->list);
	const cJSON *count = cJSON_GetObjectItemCaseSensitive(root, "count");
	const cJSON *entry;
	bool usable = cJSON_IsArray(list) && cJSON_GetArraySize(list) > 0 &&
		      (!count || count->valuedouble == cJSON_GetArraySize(list));

	if (usable)
		cJSON_ArrayForEach(entry, list)
			totals_add(totals, kind->run(entry));
	else if (text)
		fprintf(stderr, "replay: %s: not a file of kind %s, or incomplete\n", path,
			kind->name);
	cJSON_Delete(root);
	free(text);
	return usable;
}

int main(int argc, char **argv)
{
	const struct replay_kind *kind = NULL;
	struct totals totals = { 0 };
	bool usable = argc > 2;

	for (size_t i = 0; argc > 1 && i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(kinds[i]->name, argv[1]) == 0)
			kind = kinds[i];
	if (!kind || argc < 3) {
		fprintf(stderr, "usage: replay KIND FILE...\nkinds:");
		for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
			fprintf(stderr, " %s", kinds[i]->name);
		fprintf(stderr, "\n");
		return 2;
	}
	for (int i = 2; i < argc; i++)
		usable = file_replay(kind, argv[i], &totals) && usable;
	if (complaints > COMPLAINTS_MAX)
		printf("(%u more)\n", complaints - COMPLAINTS_MAX);
	totals_print(&totals);
	return usable && totals.failed == 0 && totals.passed > 0 ? 0 : 1;
}
