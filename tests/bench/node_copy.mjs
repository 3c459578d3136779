// SPDX-License-Identifier: LGPL-2.1-or-later
//
//	node node_copy.mjs SOURCE TARGET
//
// What a program in Node does today: createWriteStream in chunks of 64 KiB that obeys drain,
// then fdatasync. Prints the seconds from open to finish.

import { createReadStream, createWriteStream, fdatasyncSync } from "node:fs";
import { pipeline } from "node:stream/promises";

const [source, target] = process.argv.slice(2);
const chunkBytes = 64 * 1024;
const begin = process.hrtime.bigint();
const output = createWriteStream(target, { highWaterMark: chunkBytes, autoClose: false });
await pipeline(createReadStream(source, { highWaterMark: chunkBytes }), output);
fdatasyncSync(output.fd);
console.log(`seconds ${(Number(process.hrtime.bigint() - begin) / 1e9).toFixed(6)}`);
