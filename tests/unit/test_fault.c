/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "daemon/core/fault.h"

START_TEST(a_zeroed_fault_is_none)
{
	struct fault fault = { 0 };

	ck_assert(!fault_is_set(&fault));
}
END_TEST

START_TEST(either_sign_of_an_errno_is_kept_positive)
{
	struct fault fault = { 0 };

	fault_set(&fault, "write", -ENOSPC, "a/b", 4096);
	ck_assert(fault_is_set(&fault));
	ck_assert_str_eq(fault.operation, "write");
	ck_assert_int_eq(fault.error, ENOSPC);
	ck_assert_str_eq(fault.path, "a/b");
	ck_assert_int_eq(fault.offset, 4096);
	fault_set(&fault, "syncData", EIO, NULL, -1);
	ck_assert_int_eq(fault.error, EIO);
	ck_assert_str_eq(fault.path, "");
	ck_assert_int_eq(fault.offset, -1);
}
END_TEST

START_TEST(a_path_that_is_too_long_is_cut)
{
	static char path[FAULT_PATH_BYTES * 2];
	struct fault fault = { 0 };

	memset(path, 'x', sizeof(path) - 1);
	fault_set(&fault, "open", EIO, path, -1);
	ck_assert_uint_eq(strlen(fault.path), FAULT_PATH_BYTES - 1);
}
END_TEST

START_TEST(a_full_or_broken_disk_may_be_well_again_and_a_wrong_request_may_not)
{
	static const int passing[] = { EIO, ENOSPC, EDQUOT, EROFS, EINTR, EAGAIN, EMFILE, EACCES };
	static const int staying[] = { EFBIG, EFAULT, EEXIST, EINVAL, ENOENT, ESHUTDOWN };

	for (size_t i = 0; i < sizeof(passing) / sizeof(*passing); i++)
		ck_assert(fault_may_pass(passing[i]) && fault_may_pass(-passing[i]));
	for (size_t i = 0; i < sizeof(staying) / sizeof(*staying); i++)
		ck_assert(!fault_may_pass(staying[i]) && !fault_may_pass(-staying[i]));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("fault");
	TCase *tests = tcase_create("fault");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(tests, a_zeroed_fault_is_none);
	tcase_add_test(tests, either_sign_of_an_errno_is_kept_positive);
	tcase_add_test(tests, a_path_that_is_too_long_is_cut);
	tcase_add_test(tests, a_full_or_broken_disk_may_be_well_again_and_a_wrong_request_may_not);
	suite_add_tcase(suite, tests);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
