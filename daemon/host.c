/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <config.h>

#include "daemon/host.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define CGROUP_ROOT "/sys/fs/cgroup"
#define PATH_BYTES 4096

uint64_t host_raise_descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return 1024;
	limit.rlim_cur = limit.rlim_max;
	/* Where that is refused, what there is has to do. */
	(void)setrlimit(RLIMIT_NOFILE, &limit);
	(void)getrlimit(RLIMIT_NOFILE, &limit);
	return limit.rlim_cur;
}

/* The unified hierarchy's line is "0::/path". */
static bool read_cgroup(char path[static PATH_BYTES])
{
	FILE *file = fopen("/proc/self/cgroup", "re");
	char line[PATH_BYTES];
	bool found = false;

	while (file && !found && fgets(line, sizeof(line), file)) {
		if (strncmp(line, "0::/", 4) != 0)
			continue;
		line[strcspn(line, "\n")] = '\0';
		(void)snprintf(path, PATH_BYTES, "%s", line + 3);
		found = true;
	}
	if (file)
		(void)fclose(file);
	return found;
}

/* UINT64_MAX: "max", or nothing to be read. */
static uint64_t read_limit(const char *cgroup)
{
	char path[PATH_BYTES + 64];
	unsigned long long limit = UINT64_MAX;
	FILE *file;

	(void)snprintf(path, sizeof(path), CGROUP_ROOT "%s/memory.max", cgroup);
	file = fopen(path, "re");
	if (!file)
		return UINT64_MAX;
	if (fscanf(file, "%llu", &limit) != 1)
		limit = UINT64_MAX;
	(void)fclose(file);
	return limit;
}

uint64_t host_memory_bytes(void)
{
	uint64_t bytes = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
	char cgroup[PATH_BYTES];

	if (!read_cgroup(cgroup))
		return bytes;
	/* The limit of a group is that of all groups in it. */
	while (cgroup[0] == '/') {
		uint64_t limit = read_limit(cgroup);

		if (limit < bytes)
			bytes = limit;
		*strrchr(cgroup, '/') = '\0';
	}
	return bytes;
}
