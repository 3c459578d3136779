/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/io/fault_plan.h"

#include <errno.h>
#include <string.h>

#include "tests/io/io_test.h"

static struct fault_plan *parse(const char *text)
{
	struct fault_plan *plan = NULL;
	const char *reason = "none";

	ck_assert_msg(fault_plan_parse(text, &plan, &reason) == 0, "%s: %s", text, reason);
	return plan;
}

static const char *const bad[] = {
	"write",	  "write:",	  ":EIO",	  "write:EWHAT",	   "write:EIO@",
	"write:EIO@0",	  "write:EIO@x",  "write:EIO@1x", "write(slow:EIO",	   "write:delay=5",
	"write:delay=ms", "write:short/", "@1",		  "write:EIO@1 ;sync:EIO",
};

START_TEST(a_text_that_is_no_plan_is_refused_with_a_reason)
{
	struct fault_plan *plan;
	const char *reason = NULL;

	ck_assert_int_eq(fault_plan_parse(bad[_i], &plan, &reason), -EINVAL);
	ck_assert_ptr_nonnull(reason);
}
END_TEST

START_TEST(a_rule_applies_at_its_time_only)
{
	struct fault_plan *plan = parse("write:EIO@2;sync:ENOSPC@2+;*:busy@7");

	for (int i = 1; i <= 3; i++) {
		ck_assert_int_eq(fault_plan_next(plan, "write", NULL).error, i == 2 ? EIO : 0);
		ck_assert_int_eq(fault_plan_next(plan, "sync", NULL).error, i >= 2 ? ENOSPC : 0);
	}
	ck_assert_int_eq(fault_plan_next(plan, "other", NULL).kind, INJECT_BUSY);
	fault_plan_free(plan);
}
END_TEST

START_TEST(a_path_must_contain_the_part)
{
	struct fault_plan *plan = parse("write(a/b):short");

	ck_assert_int_eq(fault_plan_next(plan, "write", NULL).kind, INJECT_NOTHING);
	ck_assert_int_eq(fault_plan_next(plan, "write", "/a/c").kind, INJECT_NOTHING);
	ck_assert_int_eq(fault_plan_next(plan, "write", "/a/b/c").kind, INJECT_SHORT);
	fault_plan_free(plan);
}
END_TEST

START_TEST(each_kind_is_read)
{
	struct fault_plan *plan = parse("a:delay=5us;b:delay=6ms;c:delay=7s;d:hang;e:short/EIO;");

	ck_assert_uint_eq(fault_plan_next(plan, "a", NULL).delay_ns, 5000);
	ck_assert_uint_eq(fault_plan_next(plan, "b", NULL).delay_ns, 6000000);
	ck_assert_uint_eq(fault_plan_next(plan, "c", NULL).delay_ns, 7000000000);
	ck_assert_int_eq(fault_plan_next(plan, "d", NULL).kind, INJECT_HANG);
	ck_assert_int_eq(fault_plan_next(plan, "e", NULL).kind, INJECT_SHORT);
	ck_assert_int_eq(fault_plan_next(plan, "e", NULL).error, EIO);
	ck_assert_int_eq(fault_plan_next(plan, "f", NULL).kind, INJECT_NOTHING);
	fault_plan_free(plan);
}
END_TEST

int main(void)
{
	TCase *all = tcase_create("fault_plan");

	tcase_add_loop_test(all, a_text_that_is_no_plan_is_refused_with_a_reason, 0,
			    sizeof(bad) / sizeof(bad[0]));
	tcase_add_test(all, a_rule_applies_at_its_time_only);
	tcase_add_test(all, a_path_must_contain_the_part);
	tcase_add_test(all, each_kind_is_read);
	return run_case(all, "fault_plan", 10);
}
