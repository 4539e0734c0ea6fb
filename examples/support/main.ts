import { NodeRuntime } from "@effect/platform-node"
import { Console, Effect } from "effect"
import { realpathSync } from "node:fs"
import { fileURLToPath } from "node:url"

/** Runs an example and prints what it gives, but only when its module is the one that was started. */
export const main = <A, E>(module: string, program: Effect.Effect<A, E>): void => {
  const started = process.argv[1]
  if (started === undefined || realpathSync(started) !== fileURLToPath(module)) return
  NodeRuntime.runMain(Effect.tap(program, (value) => value === undefined ? Effect.void : Console.log(value)))
}
