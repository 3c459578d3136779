/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/*
 * Stands in for libFuzzer where there is none: gives each file named on the command line to
 * the fuzz target once, so that what was found before stays mended.
 */

#define INPUT_BYTES_MAX ((size_t)1 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay(const char *path)
{
	FILE *file = fopen(path, "rbe");
	uint8_t *input = NULL;
	size_t size;

	if (!file) {
		perror(path);
		return -1;
	}
	/* The exact size, so that a sanitizer sees a read past the end. */
	input = malloc(INPUT_BYTES_MAX);
	size = input ? fread(input, 1, INPUT_BYTES_MAX, file) : 0;
	(void)fclose(file);
	if (input && size > 0) {
		uint8_t *exact = realloc(input, size);

		if (exact)
			input = exact;
	}
	if (!input)
		return -1;
	LLVMFuzzerTestOneInput(input, size);
	free(input);
	return 0;
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (replay(argv[i]) < 0)
			return EXIT_FAILURE;
	printf("%d inputs\n", argc - 1);
	return argc > 1 ? EXIT_SUCCESS : EXIT_FAILURE;
}
