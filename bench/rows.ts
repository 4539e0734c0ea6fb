import type { Row } from "./row.js"
import { calls } from "./rows/calls.js"
import { decoders } from "./rows/decoders.js"
import { files } from "./rows/files.js"
import { imports } from "./rows/imports.js"
import { streams } from "./rows/streams.js"

export const rows: ReadonlyArray<Row> = [...streams, ...calls, ...files, ...decoders, ...imports]
