/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "tests/support/flow_bench.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct bench bench;

void bench_note(const char *format, ...)
{
	size_t used = strlen(bench.log);
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(bench.log + used, sizeof(bench.log) - used, format, arguments);
	va_end(arguments);
}

static void note_answer(const char *what, uint64_t number, int error)
{
	bench_note(" %s%llu", what, (unsigned long long)number);
	if (error)
		bench_note("!%d", error);
}

static void perform_sink(struct flow_sink *sink)
{
	const char *separator = ":";

	bench_note(" S%llu", (unsigned long long)sink->number);
	list_for_each(link, &sink->writes) {
		struct flow_write *write = container_of(link, struct flow_write, step.link);

		bench_note("%s%llu", separator, (unsigned long long)write->sequence);
		separator = "+";
	}
	bench.sinks[sink->number] = sink;
	if (bench.sync && bench.sync_error)
		flow_fail(&bench.flow, sink, bench.sync_error);
	else if (bench.sync)
		flow_complete(&bench.flow, sink);
}

static void perform(const struct flow_action *action)
{
	switch (action->what) {
	case FLOW_DO_SINK:
		perform_sink(action->sink);
		break;
	case FLOW_DO_FINAL:
		bench_note(" F");
		break;
	case FLOW_DO_RELEASE:
		bench_note(action->error ? " R!%d" : " R", action->error);
		break;
	case FLOW_DO_ANSWER_WRITE:
		note_answer("w", action->write->sequence, action->error);
		break;
	case FLOW_DO_ANSWER_END:
		note_answer("e", action->end->tag, action->error);
		break;
	case FLOW_DO_DRAIN:
		bench_note(" D");
		break;
	case FLOW_DO_FINISH:
		bench_note(" FIN");
		break;
	case FLOW_DO_ERROR:
		bench_note(" E%d", action->error);
		break;
	case FLOW_DO_CLOSE:
		bench_note(" C");
		break;
	}
}

void bench_now(void)
{
	struct flow_action action;

	while (flow_next(&bench.flow, &action))
		perform(&action);
}

void bench_later(void)
{
	struct flow_action action;

	while (flow_next_deferred(&bench.flow, &action))
		perform(&action);
}

const char *bench_seen(void)
{
	const char *text = bench.log[0] == ' ' ? bench.log + 1 : bench.log;

	memcpy(bench.taken, text, strlen(text) + 1);
	bench.log[0] = '\0';
	return bench.taken;
}

struct flow_config bench_node_rule(uint64_t high)
{
	return (struct flow_config){
		.high_water_mark = high,
		.sink_bytes = UINT64_MAX,
		.sink_writes = UINT32_MAX,
		.sinks = 1,
		.release = true,
		.announce_close = true,
	};
}

void bench_start(struct flow_config config)
{
	memset(&bench, 0, sizeof(bench));
	flow_init(&bench.flow, &config);
}

struct flow_write *bench_next_write(uint64_t bytes)
{
	struct flow_write *write = &bench.writes[bench.write_count++];

	write->sequence = bench.write_count;
	write->bytes = bytes;
	write->quiet = bench.quiet;
	return write;
}

struct flow_end *bench_next_end(void)
{
	struct flow_end *end = &bench.ends[bench.end_count++];

	end->tag = bench.end_count;
	return end;
}

bool bench_put(uint64_t bytes)
{
	bool writable;

	flow_write(&bench.flow, bench_next_write(bytes));
	bench_now();
	writable = flow_judge(&bench.flow);
	bench_now();
	return writable;
}

void bench_end(void)
{
	flow_end(&bench.flow, NULL, bench_next_end());
	bench_now();
}

void bench_done(unsigned int number)
{
	flow_complete(&bench.flow, bench.sinks[number]);
	bench_now();
}

void bench_fail(unsigned int number, int error)
{
	flow_fail(&bench.flow, bench.sinks[number], error);
	bench_now();
}

void bench_destroy(int error)
{
	flow_destroy(&bench.flow, error);
	bench_now();
}

void bench_released(int error)
{
	flow_released(&bench.flow, error);
	bench_later();
}

struct flow_config bench_low_rule(void)
{
	struct flow_config config = bench_node_rule(10);

	config.low_water_mark = 4;
	config.sink_writes = 1;
	return config;
}
