/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/io/sigbus.h"

/*
 * The table is static and never moves, so the handler can walk it at any moment. A slot is in
 * use while `length` is not 0; that word is stored last and cleared first. The handler only
 * reads, sets a mark and calls mmap(), which is a bare system call.
 */

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

struct slot {
	_Atomic uintptr_t start;
	_Atomic size_t length;
	atomic_bool hit;
};

static struct slot slots[SIGBUS_WATCHES_MAX];
static _Atomic unsigned int slots_used;	/* slots from here on were never used */
static uintptr_t page_bytes;

static struct slot *find_slot(uintptr_t address)
{
	unsigned int used = atomic_load(&slots_used);

	for (unsigned int i = 0; i < used; i++) {
		size_t length = atomic_load(&slots[i].length);
		uintptr_t start = atomic_load(&slots[i].start);

		if (length > 0 && address >= start && address - start < length)
			return &slots[i];
	}
	return NULL;
}

static void die(void)
{
	struct sigaction plain = { .sa_handler = SIG_DFL };

	/* Returning runs into the same fault again, now without a handler. */
	(void)sigaction(SIGBUS, &plain, NULL);
}

static void on_sigbus(int signal, siginfo_t *info, void *context)
{
	uintptr_t address = (uintptr_t)info->si_addr;
	struct slot *slot;
	int error = errno;

	(void)context;
	/* Sent by somebody: there is no page, and no fault to run into again. */
	if (info->si_code <= 0) {
		die();
		(void)raise(signal);
		return;
	}
	slot = find_slot(address);
	if (!slot || mmap((void *)(address & ~(page_bytes - 1)), page_bytes, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED) {
		die();
		return;
	}
	atomic_store(&slot->hit, true);
	errno = error;
}

int sigbus_install(void)
{
	struct sigaction action = { .sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO };

	page_bytes = (uintptr_t)sysconf(_SC_PAGESIZE);
	sigemptyset(&action.sa_mask);
	return sigaction(SIGBUS, &action, NULL) < 0 ? -errno : 0;
}

static int find_free(unsigned int *ret_index)
{
	unsigned int used = atomic_load(&slots_used);

	for (unsigned int i = 0; i < used; i++) {
		if (atomic_load(&slots[i].length) > 0)
			continue;
		*ret_index = i;
		return 0;
	}
	if (used == SIGBUS_WATCHES_MAX)
		return -ENOSPC;
	atomic_store(&slots_used, used + 1);
	*ret_index = used;
	return 0;
}

int sigbus_watch(void *address, size_t length, struct sigbus_watch *ret_watch)
{
	unsigned int index;
	int r = find_free(&index);

	if (r < 0)
		return r;
	atomic_store(&slots[index].hit, false);
	atomic_store(&slots[index].start, (uintptr_t)address);
	atomic_store(&slots[index].length, length);
	ret_watch->slot = index + 1;
	return 0;
}

void sigbus_unwatch(struct sigbus_watch *watch)
{
	if (watch->slot == 0)
		return;
	atomic_store(&slots[watch->slot - 1].length, 0);
	watch->slot = 0;
}

bool sigbus_was_hit(const struct sigbus_watch *watch)
{
	return watch->slot > 0 && atomic_load(&slots[watch->slot - 1].hit);
}
