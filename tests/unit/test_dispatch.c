/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <check.h>
#include <cjson/cJSON.h>

#include "daemon/ctl/cmds.h"
#include "proto/idl.h"
#include "tests/support/ctl_world.h"

#define SERVICE "org.varlink.service."

static struct ctl_world world;
static int client_fd;

static void set_up(void)
{
	ctl_world_init(&world);
	client_fd = ctl_world_connect(&world);
}

static void tear_down(void)
{
	close(client_fd);
	ctl_world_settle(&world);
	ck_assert_uint_eq(world.service.session_count, 0);
	ctl_world_fini(&world);
}

static cJSON *call(const char *text)
{
	return ctl_world_call(&world, client_fd, text);
}

static void check_error(const char *text, const char *error, const char *name, const char *value)
{
	cJSON *reply = call(text);

	ck_assert_str_eq(ctl_world_text(reply, name), value);
	ck_assert(ctl_world_is_error(reply, error));
}

START_TEST(every_command_is_a_method_of_its_interface)
{
	ck_assert(dispatch_is_complete(&world.service));
	ck_assert_uint_eq(world.service.interface_count, 7);
}
END_TEST

START_TEST(a_command_that_no_interface_has_is_found)
{
	static const struct command wrong[] = { { "Fly", NULL, 0 }, { .member = NULL } };

	world.service.interfaces[0].commands = wrong;
	ck_assert(!dispatch_is_complete(&world.service));
}
END_TEST

START_TEST(a_call_without_parameters_is_answered_with_empty_ones)
{
	cJSON *reply = call("{\"method\":\"io.forebay.daemon.Ping\"}");
	char *text = cJSON_PrintUnformatted(reply);

	ck_assert_str_eq(text, "{\"parameters\":{}}");
	free(text);
	cJSON_Delete(reply);
}
END_TEST

START_TEST(what_is_not_there_is_named)
{
	check_error("{\"method\":\"com.example.None.Do\"}", SERVICE "InterfaceNotFound",
		    "interface", "com.example.None");
	check_error("{\"method\":\"io.forebay.daemon.Fly\"}", SERVICE "MethodNotFound", "method",
		    "io.forebay.daemon.Fly");
	check_error("{\"method\":\"Ping\"}", SERVICE "MethodNotFound", "method", "Ping");
}
END_TEST

START_TEST(a_method_without_a_command_is_not_implemented)
{
	static const struct command none[] = { { .member = NULL } };
	struct service_interface *interface;

	for (size_t i = 0; i < world.service.interface_count; i++) {
		interface = &world.service.interfaces[i];
		if (strcmp(interface->idl->name, "io.forebay.buffer") == 0)
			interface->commands = none;
	}
	check_error("{\"method\":\"io.forebay.buffer.Swap\"}", SERVICE "MethodNotImplemented",
		    "method", "io.forebay.buffer.Swap");
}
END_TEST

START_TEST(parameters_are_held_against_the_definition)
{
	check_error("{\"method\":\"io.forebay.daemon.Ping\",\"parameters\":{\"x\":1}}",
		    SERVICE "InvalidParameter", "parameter", "x");
	check_error("{\"method\":\"io.forebay.stream.Open\",\"parameters\":"
		    "{\"context\":{\"highWaterMark\":\"many\"}}}",
		    SERVICE "InvalidParameter", "parameter", "context.highWaterMark");
	check_error("{\"method\":\"io.forebay.stream.Open\",\"parameters\":{}}",
		    SERVICE "InvalidParameter", "parameter", "context");
	check_error("{\"method\":\"io.forebay.daemon.Ping\",\"parameters\":{\"a\":1,\"a\":2}}",
		    SERVICE "InvalidParameter", "parameter", "a");
	check_error("{\"method\":\"io.forebay.daemon.Ping\",\"upgrade\":true}",
		    SERVICE "InvalidParameter", "parameter", "upgrade");
}
END_TEST

START_TEST(meanings_are_refused_by_their_whole_path)
{
	static const char *const cases[][2] = {
		{ "\"mode\":\"9\"", "context.mode" },
		{ "\"steps\":[{\"name\":\"gzip\",\"level\":10}]", "context.steps" },
		{ "\"steps\":[{\"name\":\"gunzip\",\"level\":\"-9223372036854775808\"}]",
		  "context.steps" },
		{ "\"steps\":[{\"name\":\"gunzip\"},{\"name\":\"gunzip\"},{\"name\":\"gunzip\"},"
		  "{\"name\":\"gunzip\"},{\"name\":\"gunzip\"}]",
		  "context.steps" },
		{ "\"checksum\":\"sha256\",\"open\":\"append\"", "context.checksum" },
		{ "\"sideFile\":true,\"checksum\":\"crc32\"", "context.sideFile" },
		{ "\"rotate\":{}", "context.rotate" },
		{ "\"rotate\":{\"everyBytes\":0}", "context.rotate.everyBytes" },
		{ "\"retention\":{\"keepLast\":2}", "context.retention" },
		{ "\"highWaterMark\":-1", "context.highWaterMark" },
		{ "\"lowWaterMark\":70000", "context.lowWaterMark" },
		{ "\"start\":\"-9223372036854775808\"", "context.start" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[256];

		snprintf(text, sizeof(text),
			 "{\"method\":\"io.forebay.stream.Open\",\"parameters\":"
			 "{\"context\":{\"path\":\"x\",%s}}}",
			 cases[i][0]);
		check_error(text, SERVICE "InvalidParameter", "parameter", cases[i][1]);
	}
}
END_TEST

START_TEST(a_method_that_needs_more_says_so)
{
	check_error("{\"method\":\"io.forebay.stream.SubscribeEvents\"}", SERVICE "ExpectedMore",
		    "", "");
}
END_TEST

START_TEST(a_oneway_call_leaves_no_reply_behind)
{
	cJSON *reply;

	ctl_world_send(client_fd, "{\"method\":\"io.forebay.daemon.Ping\",\"oneway\":true}");
	ctl_world_send(client_fd, "{\"method\":\"io.forebay.daemon.Fly\",\"oneway\":true}");
	ctl_world_send(
		client_fd,
		"{\"method\":\"io.forebay.daemon.Ping\",\"oneway\":true,\"parameters\":{\"x\":1}}");
	reply = call("{\"method\":\"org.varlink.service.GetInfo\"}");
	ck_assert_str_eq(ctl_world_text(reply, "product"), "forebayd");
	cJSON_Delete(reply);
}
END_TEST

START_TEST(a_method_is_described_by_its_file)
{
	cJSON *reply = call("{\"method\":\"org.varlink.service.GetInterfaceDescription\","
			    "\"parameters\":{\"interface\":\"io.forebay.daemon\"}}");

	ck_assert_ptr_nonnull(strstr(ctl_world_text(reply, "description"), "method Ping() -> ()"));
	cJSON_Delete(reply);
	check_error("{\"method\":\"org.varlink.service.GetInterfaceDescription\","
		    "\"parameters\":{\"interface\":\"com.example.None\"}}",
		    SERVICE "InterfaceNotFound", "interface", "com.example.None");
}
END_TEST

START_TEST(the_certification_is_not_served_unless_asked_for)
{
	check_error("{\"method\":\"org.varlink.certification.Start\"}", SERVICE "InterfaceNotFound",
		    "interface", "org.varlink.certification");
}
END_TEST

START_TEST(every_call_in_flight_counts)
{
	world.registry.limits.maximum[QUOTA_CALLS_IN_FLIGHT] = 0;
	check_error("{\"method\":\"io.forebay.daemon.Ping\"}", "io.forebay.daemon.LimitExceeded",
		    "limit", "callsInFlight");
	world.registry.limits.maximum[QUOTA_CALLS_IN_FLIGHT] = 1;
	for (int i = 0; i < 3; i++)
		cJSON_Delete(call("{\"method\":\"io.forebay.daemon.Ping\"}"));
}
END_TEST

START_TEST(a_reply_larger_than_a_message_is_an_error)
{
	world.service.limits.message_bytes = 1000;
	check_error("{\"method\":\"org.varlink.service.GetInterfaceDescription\","
		    "\"parameters\":{\"interface\":\"io.forebay.stream\"}}",
		    "io.forebay.daemon.LimitExceeded", "limit", "messageBytes");
}
END_TEST

START_TEST(shutdown_is_asked_for_once_it_is_answered)
{
	cJSON *reply = call("{\"method\":\"io.forebay.daemon.Shutdown\","
			    "\"parameters\":{\"drain\":true}}");

	ck_assert_ptr_null(cJSON_GetObjectItem(reply, "error"));
	ck_assert_int_eq(world.shutdowns, 1);
	ck_assert(world.drain);
	cJSON_Delete(reply);
}
END_TEST

START_TEST(a_bad_configuration_is_told_with_its_place)
{
	cJSON_Delete(call("{\"method\":\"io.forebay.daemon.Reload\"}"));
	world.reload_result = SERVICE_E_BAD_CONFIGURATION;
	check_error("{\"method\":\"io.forebay.daemon.Reload\"}",
		    "io.forebay.daemon.BadConfiguration", "reason", "unknown key");
}
END_TEST

START_TEST(describe_takes_the_loop_s_peak_with_it)
{
	world.service.loop_longest_usec = 1234;
	cJSON_Delete(call("{\"method\":\"io.forebay.daemon.Describe\"}"));
	ck_assert_uint_eq(world.service.loop_longest_usec, 0);
}
END_TEST

START_TEST(ids_that_are_none_name_no_object)
{
	check_error("{\"method\":\"io.forebay.stream.Describe\",\"parameters\":{\"id\":\"b1\"}}",
		    "io.forebay.stream.NoSuchStream", "id", "b1");
	check_error("{\"method\":\"io.forebay.buffer.Free\",\"parameters\":{\"id\":\"\"}}",
		    "io.forebay.buffer.NoSuchBuffer", "id", "");
	check_error("{\"method\":\"io.forebay.pool.Describe\",\"parameters\":{\"name\":\"none\"}}",
		    "io.forebay.pool.NoSuchPool", "name", "none");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("dispatch");
	TCase *tcase = tcase_create("dispatch");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, every_command_is_a_method_of_its_interface);
	tcase_add_test(tcase, a_command_that_no_interface_has_is_found);
	tcase_add_test(tcase, a_call_without_parameters_is_answered_with_empty_ones);
	tcase_add_test(tcase, what_is_not_there_is_named);
	tcase_add_test(tcase, a_method_without_a_command_is_not_implemented);
	tcase_add_test(tcase, parameters_are_held_against_the_definition);
	tcase_add_test(tcase, meanings_are_refused_by_their_whole_path);
	tcase_add_test(tcase, a_method_that_needs_more_says_so);
	tcase_add_test(tcase, a_oneway_call_leaves_no_reply_behind);
	tcase_add_test(tcase, a_method_is_described_by_its_file);
	tcase_add_test(tcase, the_certification_is_not_served_unless_asked_for);
	tcase_add_test(tcase, every_call_in_flight_counts);
	tcase_add_test(tcase, a_reply_larger_than_a_message_is_an_error);
	tcase_add_test(tcase, shutdown_is_asked_for_once_it_is_answered);
	tcase_add_test(tcase, a_bad_configuration_is_told_with_its_place);
	tcase_add_test(tcase, describe_takes_the_loop_s_peak_with_it);
	tcase_add_test(tcase, ids_that_are_none_name_no_object);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
