/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>
#include <cjson/cJSON.h>

#include "proto/args.h"
#include "proto/idl.h"
#include "proto/interfaces.h"

static struct idl_interface *interface;
static struct idl_error error;
static struct idl_fault fault;

static int parse(const char *text)
{
	memset(&error, 0, sizeof(error));
	return idl_parse(text, &interface, &error);
}

static const char *const all_names[] = {
	"io.forebay.buffer",	     "io.forebay.daemon",   "io.forebay.job",
	"io.forebay.pool",	     "io.forebay.store",    "io.forebay.stream",
	"org.varlink.certification", "org.varlink.service",
};

START_TEST(every_interface_of_ours_is_read)
{
	const struct interface_text *text = interface_text_find(all_names[_i]);

	ck_assert_ptr_nonnull(text);
	ck_assert_msg(parse(text->text) == 0, "%s:%u: %s", text->name, error.line, error.message);
	ck_assert_str_eq(interface->name, text->name);
	ck_assert_str_eq(interface->description, text->text);
	ck_assert_uint_gt(strlen(interface->documentation), 0);
	ck_assert_uint_gt(interface->member_count, 5);
	interface = idl_free(interface);
}
END_TEST

START_TEST(the_table_holds_these_interfaces_and_no_other)
{
	size_t i;

	for (i = 0; i < sizeof(all_names) / sizeof(all_names[0]); i++)
		ck_assert_str_eq(interface_texts[i].name, all_names[i]);
	ck_assert_ptr_null(interface_texts[i].name);
	ck_assert_ptr_null(interface_text_find("io.forebay"));
}
END_TEST

START_TEST(members_carry_their_comment_and_its_tags)
{
	const struct idl_member *member;

	ck_assert_int_eq(parse(interface_text_find("io.forebay.stream")->text), 0);
	member = idl_find(interface, IDL_METHOD, "SubscribeEvents");
	ck_assert_ptr_nonnull(member);
	ck_assert(member->requires_more && member->supports_more && !member->requires_upgrade);
	member = idl_find(interface, IDL_METHOD, "List");
	ck_assert(!member->requires_more && member->supports_more);
	ck_assert_str_eq(member->documentation, "[Supports 'more' flag]");
	member = idl_find(interface, IDL_METHOD, "Pause");
	ck_assert(!member->supports_more);
	ck_assert_str_eq(member->documentation, "");
	ck_assert_ptr_null(idl_find(interface, IDL_METHOD, "State"));
	ck_assert_ptr_nonnull(idl_find(interface, IDL_TYPE, "State"));
	member = idl_find(interface, IDL_ERROR, "QueueFull");
	ck_assert_uint_eq(member->input->field_count, 3);
	ck_assert_ptr_null(member->output);
	interface = idl_free(interface);
}
END_TEST

START_TEST(a_comment_is_the_next_members_only_right_before_it)
{
	ck_assert_int_eq(parse("# about\n#  it\ninterface a.b\n# lost\n\n# kept 1\n# kept 2\n"
			       "method A() -> () # not B's\nmethod B() -> ()\n"),
			 0);
	ck_assert_str_eq(interface->documentation, "about\n it");
	ck_assert_str_eq(interface->members[0].documentation, "kept 1\nkept 2");
	ck_assert_uint_eq(interface->members[0].line, 8);
	ck_assert_str_eq(interface->members[1].documentation, "");
	interface = idl_free(interface);
}
END_TEST

static const struct {
	const char *text;
	unsigned line;
} bad_definitions[] = {
	{ "", 1 },
	{ "method A() -> ()", 1 },
	{ "interface a\n", 1 },
	{ "interface a..b\n", 1 },
	{ "interface 1.b\n", 1 },
	{ "interface a.b-\n", 1 },
	{ "interface a.b\nmethod a() -> ()\n", 2 },
	{ "interface a.b\nmethod A()\n", 3 },
	{ "interface a.b\nmethod A() -> () junk\n", 2 },
	{ "interface a.b\nerror E\n", 3 },
	{ "interface a.b\ntype T (a: int,)\n", 2 },
	{ "interface a.b\ntype T (a: int\n\n b: int)\n", 4 },
	{ "interface a.b\ntype T (a: int, b)\n", 2 },
	{ "interface a.b\ntype T (a, b: int)\n", 2 },
	{ "interface a.b\ntype T (a: int, a: int)\n", 2 },
	{ "interface a.b\ntype T (a_: int)\n", 2 },
	{ "interface a.b\ntype T (a__b: int)\n", 2 },
	{ "interface a.b\ntype T (one-two)\n", 2 },
	{ "interface a.b\ntype T (a: ??int)\n", 2 },
	{ "interface a.b\ntype T (a: [int]string)\n", 2 },
	{ "interface a.b\ntype T (a: integer)\n", 2 },
	{ "interface a.b\ntype T ()\n\ntype U (a: Nowhere)\n", 4 },
	{ "interface a.b\ntype T ()\nmethod T() -> ()\n", 3 },
	{ "interface a.b\nmethod A(one, two) -> ()\n", 2 },
	{ "interface a.b\nmethod A() -> (one)\n", 2 },
	{ "interface a.b\ntype T (a: [][][][][][][][][][][][][][][][][][][]int)\n", 2 },
	{ "interface a.b\ntype T (a: (b: (c: int)\n", 3 },
};

START_TEST(bad_definitions_are_refused_with_their_line)
{
	ck_assert_msg(parse(bad_definitions[_i].text) == IDL_E_SYNTAX, "%s",
		      bad_definitions[_i].text);
	ck_assert_msg(error.line == bad_definitions[_i].line, "line %u (%s) of %s", error.line,
		      error.message, bad_definitions[_i].text);
	ck_assert_uint_gt(strlen(error.message), 0);
}
END_TEST

START_TEST(names_follow_their_rules)
{
	ck_assert(idl_is_interface_name("a.b", 3));
	ck_assert(idl_is_interface_name("com.ex-ample.X9", 15));
	ck_assert(!idl_is_interface_name("com.-a", 6));
	ck_assert(!idl_is_interface_name("com-.a", 6));
	ck_assert(!idl_is_interface_name("com.a.", 6));
	ck_assert(!idl_is_interface_name("", 0));
	ck_assert(idl_is_member_name("A1b", 3));
	ck_assert(!idl_is_member_name("A_b", 3));
	ck_assert(idl_is_field_name("a_b1", 4));
	ck_assert(!idl_is_field_name("_a", 2));
	ck_assert(!idl_is_field_name("1a", 2));
}
END_TEST

static int check_input(const char *name, const char *method, const char *json)
{
	const struct idl_member *member;
	cJSON *value = cJSON_Parse(json);
	int r;

	ck_assert_msg(value != NULL, "%s", json);
	ck_assert_int_eq(parse(interface_text_find(name)->text), 0);
	member = idl_find(interface, IDL_METHOD, method);
	ck_assert_ptr_nonnull(member);
	memset(&fault, 0, sizeof(fault));
	r = idl_check(member->input, value, &fault);
	cJSON_Delete(value);
	interface = idl_free(interface);
	return r;
}

static const struct {
	const char *interface;
	const char *method;
	const char *parameters;
} good_parameters[] = {
	{ "io.forebay.daemon", "Ping", "{}" },
	{ "io.forebay.stream", "Open", "{\"context\":{}}" },
	{ "io.forebay.stream", "Open",
	  "{\"context\":{\"path\":\"a\",\"ack\":\"synced\",\"store\":null,\"highWaterMark\":\"65536\","
	  "\"steps\":[{\"name\":\"gzip\",\"level\":9},{\"name\":\"zstd\"}],\"labels\":{\"a\":\"b\"},"
	  "\"rotate\":{\"everyBytes\":1}},\"ringBytes\":1048576}" },
	{ "io.forebay.stream", "SubscribeEvents", "{\"events\":[\"drain\",\"finish\"]}" },
	{ "io.forebay.buffer", "SetNumber",
	  "{\"id\":\"b1\",\"type\":\"uint16le\",\"offset\":-1,\"texts\":[\"1\"]}" },
	{ "org.varlink.certification", "Test03", "{\"client_id\":\"x\",\"int\":1.0}" },
	{ "org.varlink.certification", "Test04", "{\"client_id\":\"x\",\"float\":1}" },
	{ "org.varlink.certification", "Test09",
	  "{\"client_id\":\"x\",\"set\":{\"one\":{},\"two\":{}}}" },
	{ "org.varlink.certification", "Test10",
	  "{\"client_id\":\"x\",\"mytype\":{\"object\":{\"any\":[1]},\"enum\":\"two\","
	  "\"struct\":{\"first\":1,\"second\":\"2\"},\"array\":[\"one\"],\"dictionary\":{\"f\":\"F\"},"
	  "\"stringset\":{\"one\":{}},\"nullable\":null,\"interface\":{\"foo\":[null,"
	  "{\"a\":\"foo\",\"b\":\"bar\"}],\"anon\":{\"foo\":true,\"bar\":false}}}}" },
};

START_TEST(what_fits_passes)
{
	ck_assert_msg(check_input(good_parameters[_i].interface, good_parameters[_i].method,
				  good_parameters[_i].parameters) == 0,
		      "%s: %s is %s", good_parameters[_i].parameters, fault.path, fault.reason);
}
END_TEST

static const struct {
	const char *interface;
	const char *method;
	const char *parameters;
	const char *path;
} bad_parameters[] = {
	{ "org.varlink.service", "GetInfo", "{\"x\":1}", "x" },
	{ "io.forebay.stream", "Open", "{}", "context" },
	{ "io.forebay.stream", "Open", "{\"context\":null}", "context" },
	{ "io.forebay.stream", "Open", "{\"context\":[]}", "context" },
	{ "io.forebay.stream", "Open", "{\"context\":{},\"Context\":{}}", "Context" },
	{ "io.forebay.stream", "Open", "{\"context\":{\"highWaterMark\":1.5}}",
	  "context.highWaterMark" },
	{ "io.forebay.stream", "Open", "{\"context\":{\"highWaterMark\":true}}",
	  "context.highWaterMark" },
	{ "io.forebay.stream", "Open", "{\"context\":{\"highWaterMark\":\"1e3\"}}",
	  "context.highWaterMark" },
	{ "io.forebay.stream", "Open", "{\"context\":{\"highWaterMark\":1e300}}",
	  "context.highWaterMark" },
	{ "io.forebay.stream", "Open", "{\"context\":{\"highWaterMark\":\"9223372036854775808\"}}",
	  "context.highWaterMark" },
	{ "io.forebay.stream", "Open", "{\"context\":{\"ack\":\"Synced\"}}", "context.ack" },
	{ "io.forebay.stream", "Open", "{\"context\":{\"ack\":1}}", "context.ack" },
	{ "io.forebay.stream", "Open",
	  "{\"context\":{\"steps\":[{\"name\":\"gzip\"},{\"name\":\"lz4\"}]}}",
	  "context.steps[1].name" },
	{ "io.forebay.stream", "Open", "{\"context\":{\"steps\":[{\"level\":1}]}}",
	  "context.steps[0].name" },
	{ "io.forebay.stream", "Open", "{\"context\":{\"steps\":[null]}}", "context.steps[0]" },
	{ "io.forebay.stream", "Open", "{\"context\":{\"steps\":{}}}", "context.steps" },
	{ "io.forebay.stream", "Open", "{\"context\":{\"labels\":{\"k\":1}}}", "context.labels.k" },
	{ "io.forebay.stream", "Open", "{\"context\":{\"labels\":[]}}", "context.labels" },
	{ "io.forebay.stream", "Open", "{\"context\":{\"unknown\":1}}", "context.unknown" },
	{ "io.forebay.stream", "Open", "{\"context\":{\"sideFile\":\"true\"}}",
	  "context.sideFile" },
	{ "io.forebay.stream", "Cork", "{\"id\":1}", "id" },
	{ "org.varlink.certification", "Test04", "{\"client_id\":\"x\",\"float\":\"1\"}", "float" },
	{ "org.varlink.certification", "Test09", "{\"client_id\":\"x\",\"set\":{\"one\":1}}",
	  "set.one" },
	{ "org.varlink.certification", "Test09",
	  "{\"client_id\":\"x\",\"set\":{\"one\":{\"a\":1}}}", "set.one.a" },
};

START_TEST(what_does_not_fit_is_refused_by_its_path)
{
	ck_assert_msg(check_input(bad_parameters[_i].interface, bad_parameters[_i].method,
				  bad_parameters[_i].parameters) == IDL_E_PARAMETER,
		      "%s", bad_parameters[_i].parameters);
	ck_assert_str_eq(fault.path, bad_parameters[_i].path);
	ck_assert_ptr_nonnull(fault.reason);
}
END_TEST

START_TEST(an_enum_takes_a_dash_in_and_only_an_underscore_out)
{
	cJSON *dash = cJSON_Parse("{\"e\":\"one-two\"}"),
	      *underscore = cJSON_Parse("{\"e\":\"one_two\"}");
	const struct idl_type *type;

	ck_assert_int_eq(parse("interface a.b\nmethod M(e: (one_two)) -> ()\n"), 0);
	type = interface->members[0].input;
	ck_assert_int_eq(idl_check(type, dash, &fault), 0);
	ck_assert_int_eq(idl_check(type, underscore, &fault), 0);
	ck_assert_int_eq(idl_check_output(type, dash, &fault), IDL_E_PARAMETER);
	ck_assert_int_eq(idl_check_output(type, underscore, &fault), 0);
	interface = idl_free(interface);
	cJSON_Delete(dash);
	cJSON_Delete(underscore);
}
END_TEST

START_TEST(an_int_goes_out_as_digits_only)
{
	struct args args;
	cJSON *built, *text = cJSON_Parse("{\"i\":\"5\"}");
	const struct idl_type *type;

	args_init(&args);
	args_add_int(&args, "i", INT64_MAX);
	ck_assert_int_eq(args_take(&args, &built), 0);
	ck_assert_int_eq(parse("interface a.b\nmethod M() -> (i: int)\n"), 0);
	type = interface->members[0].output;
	ck_assert_int_eq(idl_check_output(type, built, &fault), 0);
	ck_assert_int_eq(idl_check_output(type, text, &fault), IDL_E_PARAMETER);
	ck_assert_str_eq(fault.path, "i");
	interface = idl_free(interface);
	cJSON_Delete(built);
	cJSON_Delete(text);
}
END_TEST

START_TEST(a_type_may_hold_itself)
{
	cJSON *value = cJSON_Parse("{\"t\":{\"next\":{\"next\":{\"next\":5}}}}");

	ck_assert_int_eq(parse("interface a.b\nmethod M(t: T) -> ()\ntype T (next: ?T)\n"), 0);
	ck_assert_int_eq(idl_check(interface->members[0].input, value, &fault), IDL_E_PARAMETER);
	ck_assert_str_eq(fault.path, "t.next.next.next");
	interface = idl_free(interface);
	cJSON_Delete(value);
}
END_TEST

START_TEST(a_long_key_is_cut_between_characters)
{
	cJSON *value = cJSON_CreateObject();
	char key[1001];
	size_t i;

	for (i = 0; i < 1000; i += 2)
		memcpy(key + i, "\xc3\xa9", 2);
	key[1000] = '\0';
	cJSON_AddNumberToObject(value, key, 1);
	ck_assert_int_eq(parse("interface a.b\nmethod M() -> ()\n"), 0);
	ck_assert_int_eq(idl_check(interface->members[0].input, value, &fault), IDL_E_PARAMETER);
	ck_assert_uint_eq(strlen(fault.path), 254);
	interface = idl_free(interface);
	cJSON_Delete(value);
}
END_TEST

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

int main(void)
{
	Suite *suite = suite_create("idl");
	TCase *tests = tcase_create("idl");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_loop_test(tests, every_interface_of_ours_is_read, 0, COUNT(all_names));
	tcase_add_test(tests, the_table_holds_these_interfaces_and_no_other);
	tcase_add_test(tests, members_carry_their_comment_and_its_tags);
	tcase_add_test(tests, a_comment_is_the_next_members_only_right_before_it);
	tcase_add_loop_test(tests, bad_definitions_are_refused_with_their_line, 0,
			    COUNT(bad_definitions));
	tcase_add_test(tests, names_follow_their_rules);
	tcase_add_loop_test(tests, what_fits_passes, 0, COUNT(good_parameters));
	tcase_add_loop_test(tests, what_does_not_fit_is_refused_by_its_path, 0,
			    COUNT(bad_parameters));
	tcase_add_test(tests, an_enum_takes_a_dash_in_and_only_an_underscore_out);
	tcase_add_test(tests, an_int_goes_out_as_digits_only);
	tcase_add_test(tests, a_type_may_hold_itself);
	tcase_add_test(tests, a_long_key_is_cut_between_characters);
	suite_add_tcase(suite, tests);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
