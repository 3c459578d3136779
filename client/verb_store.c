/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "client/verbs.h"

#include "client/listing.h"
#include "client/print.h"
#include "proto/args.h"

enum verb_status verb_store_list(struct verb_call *call)
{
	static const struct print_column columns[] = {
		{ "NAME", "store.name", PRINT_TEXT },
		{ "KIND", "store.kind", PRINT_TEXT },
		{ "FREE", "store.freeBytes", PRINT_SIZE },
		{ "USED", "store.usedBytes", PRINT_SIZE },
		{ "PER USER", "store.perUser", PRINT_BOOL },
		{ "LOCATION", "store.location", PRINT_TEXT },
		{ 0 },
	};
	struct args args;

	args_init(&args);
	return listing_table(call, "io.forebay.store.List", &args, columns);
}

enum verb_status verb_store_files(struct verb_call *call)
{
	static const struct print_column columns[] = {
		{ "SIZE", "file.sizeBytes", PRINT_SIZE },
		{ "MODIFIED", "file.modifiedUSec", PRINT_TIME },
		{ "PATH", "file.path", PRINT_TEXT },
		{ "DIGEST", "file.digest", PRINT_TEXT },
		{ 0 },
	};
	struct args args;

	args_init(&args);
	args_add_optional_string(&args, "store", options_text(&call->options, "store"));
	if (call->options.argument_count > 0)
		args_add_string(&args, "prefix", call->options.arguments[0]);
	return listing_table(call, "io.forebay.store.ListFiles", &args, columns);
}

enum verb_status verb_store_remove(struct verb_call *call)
{
	enum verb_status status = VERB_DONE;
	size_t i;

	for (i = 0; i < call->options.argument_count && status == VERB_DONE; i++) {
		struct args args;

		args_init(&args);
		args_add_optional_string(&args, "store", options_text(&call->options, "store"));
		args_add_string(&args, "path", call->options.arguments[i]);
		status = listing_field(call, "io.forebay.store.Remove", &args, NULL);
	}
	return status;
}
