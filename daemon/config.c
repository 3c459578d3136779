/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <config.h>

#include "daemon/config.h"

#include <errno.h>
#include <ini.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/base/cleanup.h"
#include "daemon/base/log.h"
#include "daemon/io/io_engine.h"
#include "proto/units.h"

#define KIB UINT64_C(1024)
#define MIB (KIB * KIB)
#define GIB (KIB * MIB)
#define SECOND UINT64_C(1000000)
#define STORE_SECTION "store "
#define STORE_NAME_MAX 63

enum key_type {
	KEY_TEXT,
	KEY_SIZE,
	KEY_COUNT,
	KEY_SPAN,
	KEY_SWITCH,
	KEY_OCTAL,
	KEY_ENGINE,
	KEY_LOG_LEVEL,
};

struct key {
	const char *section;
	const char *name;
	enum key_type type;
	bool reloadable;
	size_t offset; /* in struct config: a char * for KEY_TEXT, else a uint64_t */
	uint64_t initial;
	uint64_t minimum;
	uint64_t maximum;
};

#define AT(member) offsetof(struct config, member)

/* In the order of the sample file. */
static const struct key keys[] = {
	{ "daemon", "socket", KEY_TEXT, false, AT(socket), 0, 0, 0 },
	{ "daemon", "socketMode", KEY_OCTAL, false, AT(socket_mode), UINT64_MAX, 0, 0777 },
	{ "daemon", "stateDirectory", KEY_TEXT, false, AT(state_directory), 0, 0, 0 },
	{ "daemon", "engine", KEY_ENGINE, false, AT(engine), ENGINE_AUTO, 0, 0 },
	{ "daemon", "logLevel", KEY_LOG_LEVEL, true, AT(log_level), LOG_LEVEL_INFO, 0, 0 },
	{ "daemon", "certification", KEY_SWITCH, false, AT(certification), 0, 0, 1 },
	{ "daemon", "drainTimeout", KEY_SPAN, true, AT(drain_timeout_usec), 60 * SECOND, 0,
	  UINT64_MAX },
	{ "daemon", "defaultPoolBytes", KEY_SIZE, true, AT(default_pool_bytes), 16 * MIB, 64 * KIB,
	  1024 * GIB },

	{ "limits", "connectionsTotal", KEY_COUNT, true, AT(connections_total), 4096, 1, 1000000 },
	{ "limits", "connections", KEY_COUNT, true, AT(connections), 512, 1, 1000000 },
	{ "limits", "messageBytes", KEY_SIZE, true, AT(message_bytes), MIB, 64 * KIB, 16 * MIB },
	{ "limits", "memoryBytesTotal", KEY_SIZE, true, AT(memory_bytes_total), 0, 0, INT64_MAX },
	{ "limits", "poolBytes", KEY_SIZE, true, AT(pool_bytes), GIB, 0, INT64_MAX },
	{ "limits", "ringBytes", KEY_SIZE, true, AT(ring_bytes), GIB, 0, INT64_MAX },
	{ "limits", "stagingBytes", KEY_SIZE, true, AT(staging_bytes), GIB, 0, INT64_MAX },
	{ "limits", "buffers", KEY_COUNT, true, AT(buffers), 100000, 0, 10000000 },
	{ "limits", "streams", KEY_COUNT, true, AT(streams), 4096, 0, 1000000 },
	{ "limits", "jobs", KEY_COUNT, true, AT(jobs), 100000, 0, 10000000 },
	{ "limits", "eventQueueBytes", KEY_SIZE, true, AT(event_queue_bytes), MIB, 64 * KIB, GIB },
	{ "limits", "callsInFlight", KEY_COUNT, true, AT(calls_in_flight), 1024, 1, 1000000 },
	{ "limits", "descriptorsInFlight", KEY_COUNT, true, AT(descriptors_in_flight), 1024, 2,
	  1000000 },
	{ "limits", "storedDescriptorsTotal", KEY_COUNT, true, AT(stored_descriptors_total), 4096,
	  0, 4096 },
};

#define KEYS (sizeof(keys) / sizeof(keys[0]))

static int bad(struct config_error *error, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static int bad(struct config_error *error, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(error->reason, sizeof(error->reason), format, arguments);
	va_end(arguments);
	error->line = 0;
	return CONFIG_E_BAD;
}

static uint64_t *number_at(struct config *config, const struct key *key)
{
	return (uint64_t *)(void *)((char *)config + key->offset);
}

static char **text_at(struct config *config, const struct key *key)
{
	return (char **)(void *)((char *)config + key->offset);
}

void config_init(struct config *config)
{
	*config = (struct config){ 0 };
	for (size_t i = 0; i < KEYS; i++)
		if (keys[i].type != KEY_TEXT)
			*number_at(config, &keys[i]) = keys[i].initial;
}

static void free_store(struct config_store *store)
{
	free(store->name);
	free(store->path);
}

void config_fini(struct config *config)
{
	for (size_t i = 0; i < KEYS; i++)
		if (keys[i].type == KEY_TEXT)
			free(*text_at(config, &keys[i]));
	for (size_t i = 0; i < config->store_count; i++)
		free_store(&config->stores[i]);
	free(config->stores);
	*config = (struct config){ 0 };
}

/* Values */

static bool parse_switch(const char *text, uint64_t *ret_value)
{
	static const char *const words[2][4] = {
		{ "no", "false", "off", "0" },
		{ "yes", "true", "on", "1" },
	};

	for (uint64_t value = 0; value < 2; value++) {
		for (int i = 0; i < 4; i++) {
			if (strcmp(text, words[value][i]) != 0)
				continue;
			*ret_value = value;
			return true;
		}
	}
	return false;
}

static bool parse_digits(const char *text, int base, uint64_t *ret_value)
{
	unsigned long long value;
	char *end;

	if (text[0] < '0' || text[0] > '9')
		return false;
	errno = 0;
	value = strtoull(text, &end, base);
	if (errno != 0 || *end != '\0')
		return false;
	*ret_value = value;
	return true;
}

static bool parse_number(const struct key *key, const char *text, uint64_t *ret_value)
{
	enum engine_kind engine;
	enum log_level level;

	switch (key->type) {
	case KEY_SIZE:
		return units_parse_size(text, ret_value) == 0;
	case KEY_SPAN:
		return units_parse_span(text, ret_value) == 0;
	case KEY_COUNT:
		return parse_digits(text, 10, ret_value);
	case KEY_OCTAL:
		return parse_digits(text, 8, ret_value);
	case KEY_SWITCH:
		return parse_switch(text, ret_value);
	case KEY_ENGINE:
		if (!engine_kind_parse(text, &engine))
			return false;
		*ret_value = engine;
		return true;
	case KEY_LOG_LEVEL:
		if (!log_level_parse(text, &level))
			return false;
		*ret_value = level;
		return true;
	case KEY_TEXT:
		break;
	}
	return false;
}

static const char *describe_type(enum key_type type)
{
	static const char *const texts[] = {
		[KEY_TEXT] = "a text",
		[KEY_SIZE] = "a size such as 64M",
		[KEY_COUNT] = "a number",
		[KEY_SPAN] = "a time such as 5min 20s",
		[KEY_SWITCH] = "yes or no",
		[KEY_OCTAL] = "an octal mode such as 0660",
		[KEY_ENGINE] = "auto, uring or threads",
		[KEY_LOG_LEVEL] = "error, warning, notice, info or debug",
	};

	return texts[type];
}

static bool is_ranged(const struct key *key)
{
	return key->type != KEY_ENGINE && key->type != KEY_LOG_LEVEL;
}

static int set_key(struct config *config, const struct key *key, const char *value,
		   struct config_error *error)
{
	uint64_t number;
	char *text;

	if (key->type == KEY_TEXT) {
		if (value[0] == '\0')
			return bad(error, "%s: must not be empty", key->name);
		text = strdup(value);
		if (!text)
			return -ENOMEM;
		free(*text_at(config, key));
		*text_at(config, key) = text;
		return 0;
	}
	if (!parse_number(key, value, &number))
		return bad(error, "%s: must be %s, is \"%.64s\"", key->name,
			   describe_type(key->type), value);
	if (is_ranged(key) && (number < key->minimum || number > key->maximum))
		return bad(error, "%s: must be between %llu and %llu, is %.64s", key->name,
			   (unsigned long long)key->minimum, (unsigned long long)key->maximum,
			   value);
	*number_at(config, key) = number;
	return 0;
}

static const struct key *find_key(const char *section, const char *name)
{
	for (size_t i = 0; i < KEYS; i++)
		if (strcmp(keys[i].section, section) == 0 && strcmp(keys[i].name, name) == 0)
			return &keys[i];
	return NULL;
}

static int refuse_key(const char *section, const char *name, struct config_error *error)
{
	static const char *const sections[] = { "daemon", "limits", "metrics" };

	for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]); i++)
		if (strcmp(section, sections[i]) == 0)
			return bad(error, "unknown key \"%.64s\" in [%s]", name, section);
	if (section[0] == '\0')
		return bad(error, "key \"%.64s\" stands before any section", name);
	return bad(error, "unknown section [%.64s]", section);
}

int config_set(struct config *config, const char *section, const char *key_name, const char *value,
	       struct config_error *ret_error)
{
	const struct key *key = find_key(section, key_name);

	return key ? set_key(config, key, value, ret_error) :
		     refuse_key(section, key_name, ret_error);
}

/* Stores */

static bool is_store_name(const char *name)
{
	size_t length = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				     "0123456789_.-");

	return length > 0 && length <= STORE_NAME_MAX && name[length] == '\0';
}

static struct config_store *find_store(struct config *config, const char *name)
{
	for (size_t i = 0; i < config->store_count; i++)
		if (strcmp(config->stores[i].name, name) == 0)
			return &config->stores[i];
	return NULL;
}

static int find_or_add_store(struct config *config, const char *name,
			     struct config_store **ret_store, struct config_error *error)
{
	struct config_store *stores;

	*ret_store = find_store(config, name);
	if (*ret_store)
		return 0;
	if (!is_store_name(name))
		return bad(error, "\"%.64s\" cannot be a store's name", name);
	stores = reallocarray(config->stores, config->store_count + 1, sizeof(*stores));
	if (!stores)
		return -ENOMEM;
	config->stores = stores;
	stores[config->store_count] = (struct config_store){ .name = strdup(name) };
	if (!stores[config->store_count].name)
		return -ENOMEM;
	*ret_store = &stores[config->store_count++];
	return 0;
}

static int set_store_path(struct config_store *store, const char *path, struct config_error *error)
{
	char *copy;

	if (path[0] != '/')
		return bad(error, "path: must be absolute, is \"%.64s\"", path);
	copy = strdup(path);
	if (!copy)
		return -ENOMEM;
	free(store->path);
	store->path = copy;
	return 0;
}

static int set_store_key(struct config *config, const char *name, const char *key,
			 const char *value, struct config_error *error)
{
	struct config_store *store;
	uint64_t number;
	int r = find_or_add_store(config, name, &store, error);

	if (r != 0)
		return r;
	if (strcmp(key, "path") == 0)
		return store->path ? bad(error, "path: given twice") :
				     set_store_path(store, value, error);
	if (strcmp(key, "perUser") != 0)
		return bad(error, "unknown key \"%.64s\" in [store %s]", key, name);
	if (!parse_switch(value, &number))
		return bad(error, "perUser: must be yes or no, is \"%.64s\"", value);
	store->per_user = number;
	return 0;
}

int config_set_store(struct config *config, const char *name, const char *path,
		     struct config_error *ret_error)
{
	struct config_store *store;
	int r = find_or_add_store(config, name, &store, ret_error);

	if (r != 0)
		return r;
	store->per_user = false;
	return set_store_path(store, path, ret_error);
}

/* Files. The handler is told no line, so the lines are counted where they are read. */

struct reading {
	struct config *config;
	struct config_error *error;
	FILE *file;
	int64_t line;
	int result; /* the first one that is not 0 */
};

static char *read_line(char *buffer, int size, void *stream)
{
	struct reading *reading = stream;
	char *line;

	/* After an error there is nothing more to read. */
	if (reading->result != 0)
		return NULL;
	line = fgets(buffer, size, reading->file);
	if (line)
		reading->line++;
	if (line && strlen(line) == (size_t)size - 1 && line[size - 2] != '\n') {
		reading->result = bad(reading->error, "the line is longer than %d bytes", size - 2);
		reading->error->line = reading->line;
		return NULL;
	}
	return line;
}

static int take_key(struct config *config, const char *section, const char *name, const char *value,
		    struct config_error *error)
{
	const struct key *key;

	if (strncmp(section, STORE_SECTION, strlen(STORE_SECTION)) == 0)
		return set_store_key(config, section + strlen(STORE_SECTION), name, value, error);
	key = find_key(section, name);
	if (!key)
		return refuse_key(section, name, error);
	if (config->seen & UINT64_C(1) << (key - keys))
		return bad(error, "%s: given twice", name);
	config->seen |= UINT64_C(1) << (key - keys);
	return set_key(config, key, value, error);
}

static int handle(void *user, const char *section, const char *name, const char *value)
{
	struct reading *reading = user;

	if (reading->result != 0)
		return 1;
	reading->result = take_key(reading->config, section, name, value, reading->error);
	if (reading->result == CONFIG_E_BAD)
		reading->error->line = reading->line;
	return 1;
}

static int check_stores(const struct config *config, struct config_error *error)
{
	for (size_t i = 0; i < config->store_count; i++)
		if (!config->stores[i].path)
			return bad(error, "[store %s] has no path", config->stores[i].name);
	return 0;
}

/* Takes the file. */
static int read_stream(struct config *config, FILE *file, struct config_error *error)
{
	struct reading reading = { .config = config, .error = error, .file = file };
	int line;

	/* The stream is the reader's; the handler gets the same. */
	line = ini_parse_stream(read_line, &reading, handle, &reading);
	if (reading.result == 0 && ferror(file))
		reading.result = bad(error, "cannot be read");
	(void)fclose(file);
	if (reading.result != 0)
		return reading.result;
	if (line < 0)
		return -ENOMEM;
	if (line > 0) {
		(void)bad(error, "neither [SECTION] nor KEY = VALUE");
		error->line = line;
		return CONFIG_E_BAD;
	}
	return check_stores(config, error);
}

int config_read_file(struct config *config, const char *path, struct config_error *ret_error)
{
	FILE *file = fopen(path, "re");

	if (!file)
		return bad(ret_error, "cannot be opened: %s", err_name(errno));
	return read_stream(config, file, ret_error);
}

int config_read_text(struct config *config, const char *text, struct config_error *ret_error)
{
	FILE *file;

	if (text[0] == '\0')
		return 0;
	file = fmemopen((void *)(uintptr_t)text, strlen(text), "r");
	return file ? read_stream(config, file, ret_error) : -errno;
}

/* What depends on where we are */

static int join(const char *directory, const char *rest, char **ret_path)
{
	return asprintf(ret_path, "%s/%s", directory, rest) < 0 ? -ENOMEM : 0;
}

static const char *get_directory(const char *name)
{
	const char *value = getenv(name);

	return value && value[0] == '/' ? value : NULL;
}

static int complete_socket(struct config *config, struct config_error *error)
{
	const char *runtime = get_directory("XDG_RUNTIME_DIR");

	if (config->socket_mode == UINT64_MAX)
		config->socket_mode = geteuid() == 0 ? 0666 : 0600;
	if (config->socket)
		return 0;
	if (geteuid() == 0)
		return join("/run", "forebay/forebay.sock", &config->socket);
	if (!runtime)
		return bad(error, "socket: XDG_RUNTIME_DIR is not set, so it must be given");
	return join(runtime, "forebay/forebay.sock", &config->socket);
}

static int complete_state(struct config *config, struct config_error *error)
{
	const char *service = get_directory("STATE_DIRECTORY");
	const char *state = get_directory("XDG_STATE_HOME");
	const char *home = get_directory("HOME");

	if (config->state_directory)
		return 0;
	if (service) {
		config->state_directory = strndup(service, strcspn(service, ":"));
		return config->state_directory ? 0 : -ENOMEM;
	}
	if (geteuid() == 0)
		return join("/var/lib", "forebay", &config->state_directory);
	if (state)
		return join(state, "forebay", &config->state_directory);
	if (!home)
		return bad(error, "stateDirectory: HOME is not set, so it must be given");
	return join(home, ".local/state/forebay", &config->state_directory);
}

static int complete_default_store(struct config *config, struct config_error *error)
{
	struct config_store *store = find_store(config, "default");
	int r;

	if (store)
		return 0;
	r = find_or_add_store(config, "default", &store, error);
	if (r != 0)
		return r;
	store->per_user = true;
	return join(config->state_directory, "default", &store->path);
}

static int make_absolute(char **io_path)
{
	char *absolute;
	char *here;
	int r;

	if (**io_path == '/')
		return 0;
	here = getcwd(NULL, 0);
	if (!here)
		return -errno;
	r = join(here, *io_path, &absolute);
	free(here);
	if (r < 0)
		return r;
	free(*io_path);
	*io_path = absolute;
	return 0;
}

int config_complete(struct config *config, struct config_error *ret_error)
{
	int r = complete_socket(config, ret_error);

	if (r == 0)
		r = complete_state(config, ret_error);
	if (r == 0)
		r = make_absolute(&config->state_directory);
	if (r == 0)
		r = complete_default_store(config, ret_error);
	return r;
}

static bool has_same_stores(const struct config *left, const struct config *right)
{
	if (left->store_count != right->store_count)
		return false;
	for (size_t i = 0; i < left->store_count; i++) {
		const struct config_store *a = &left->stores[i], *b = &right->stores[i];

		if (strcmp(a->name, b->name) != 0 || strcmp(a->path, b->path) != 0 ||
		    a->per_user != b->per_user)
			return false;
	}
	return true;
}

const char *config_reload(struct config *config, const struct config *fresh)
{
	const char *differs = has_same_stores(config, fresh) ? NULL : "store";

	for (size_t i = 0; i < KEYS; i++) {
		const struct key *key = &keys[i];
		struct config *other = (struct config *)(uintptr_t)fresh;

		if (key->type == KEY_TEXT) {
			if (strcmp(*text_at(config, key), *text_at(other, key)) != 0)
				differs = key->name;
		} else if (key->reloadable) {
			*number_at(config, key) = *number_at(other, key);
		} else if (*number_at(config, key) != *number_at(other, key)) {
			differs = key->name;
		}
	}
	return differs;
}
