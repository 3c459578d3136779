/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <config.h>

#include "daemon/limits.h"

#include "daemon/base/log.h"
#include "daemon/config.h"
#include "daemon/ctl/service.h"
#include "daemon/host.h"
#include "daemon/objects/registry.h"

static uint64_t least(uint64_t left, uint64_t right)
{
	return left < right ? left : right;
}

void limits_apply(const struct config *config, uint64_t descriptor_limit, struct registry *registry,
		  struct service_limits *service)
{
	uint64_t *maximum = registry->limits.maximum;

	log_set_level((enum log_level)config->log_level);
	maximum[QUOTA_CONNECTIONS] = config->connections;
	maximum[QUOTA_POOL_BYTES] = config->pool_bytes;
	maximum[QUOTA_RING_BYTES] = config->ring_bytes;
	maximum[QUOTA_STAGING_BYTES] = config->staging_bytes;
	maximum[QUOTA_BUFFERS] = config->buffers;
	maximum[QUOTA_STREAMS] = config->streams;
	maximum[QUOTA_JOBS] = config->jobs;
	maximum[QUOTA_CALLS_IN_FLIGHT] = config->calls_in_flight;
	maximum[QUOTA_DESCRIPTORS_IN_FLIGHT] = config->descriptors_in_flight;
	registry->memory_limit_bytes =
		config->memory_bytes_total ? config->memory_bytes_total : host_memory_bytes() / 2;
	registry->default_pool_bytes = config->default_pool_bytes;
	registry->descriptor_limit = (uint32_t)config->stored_descriptors_total;

	/* A quarter of the descriptors is for everything that is no connection. */
	service->connections_total =
		(uint32_t)least(config->connections_total, descriptor_limit / 4 * 3);
	service->message_bytes = config->message_bytes;
	service->event_queue_bytes = config->event_queue_bytes;
	service->message_timeout_usec = SERVICE_MESSAGE_TIMEOUT_USEC;
}
