/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/core/ring_view.h"

bool ring_view_head_is_good(uint64_t head, uint64_t accepted, uint64_t tail, uint64_t ring_bytes)
{
	return head >= accepted && head - tail <= ring_bytes;
}
