/** Saving a file by this library: apart from the rest of it, as a program that only does that needs no more. */
import type * as FileSystem from "@effect/platform/FileSystem"
import type * as Path from "@effect/platform/Path"
import * as FileOutput from "effect-providers/replicate/FileOutput"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import type { Run, Task } from "../row.js"
import { type Http, withClient } from "./client.js"
import { fileProof } from "./disk.js"

export const download =
  (http: Http, disk: Layer.Layer<FileSystem.FileSystem | Path.Path>) => ({ base, folder }: Task): Promise<Run> =>
    withClient(
      base,
      http,
      new FileOutput.FileOutput(`${base}/out.bin`).save(`${folder}/ours.bin`).pipe(
        Effect.map(fileProof),
        Effect.provide(disk)
      )
    )
