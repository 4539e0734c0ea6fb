/**
 * Streams an answer, makes an image, and says what it used.
 *
 * With REPLICATE_API_TOKEN set it talks to Replicate; without, to the emulator, in this process, on a loopback port.
 */
import { FetchHttpClient, Path } from "@effect/platform"
import { NodeContext, NodeRuntime } from "@effect/platform-node"
import { Config, Console, Effect, Layer, Option, Redacted, Stream } from "effect"
import { type Output, Provider, Replicate } from "effect-providers"
import { Prediction, Progress, ReplicateClient } from "effect-providers/replicate"
import { emulator } from "./support/emulator.js"

const print = (text: string) => Effect.sync(() => process.stdout.write(text))

const answer = Effect.gen(function*() {
  yield* Console.log("Asking for a haiku:\n")
  const usage = yield* Provider.stream({ prompt: "Write a haiku about llamas.", maxTokens: 128 }).pipe(
    Stream.tap((output) => output._tag === "TextDelta" ? print(output.text) : Effect.void),
    Stream.runFold(
      Option.none<Output.Of<"Usage">>(),
      (used, output) => output._tag === "Usage" ? Option.some(output) : used
    )
  )
  yield* Console.log("\n")
  return usage
})

const bar = (fraction: number) => {
  const width = 30
  const done = Math.round(fraction * width)
  return `\r[${"#".repeat(done)}${".".repeat(width - done)}] ${String(Math.round(fraction * 100)).padStart(3)}%`
}

const image = Effect.gen(function*() {
  yield* Console.log("Making an image:")
  const prediction = yield* Prediction.watch("black-forest-labs/flux-schnell", {
    prompt: "A llama on a rocket, watercolour",
    output_format: "png"
  }).pipe(
    Stream.tap((prediction) =>
      print(bar(
        prediction.isTerminal ? 1 : Option.match(Progress.fromLogs(prediction.logs ?? ""), {
          onNone: () => 0,
          onSome: (progress) => progress.fraction
        })
      ))
    ),
    Stream.runLast,
    Effect.flatMap(Effect.orDieWith(() => "a stream of predictions begins with the one created"))
  )
  yield* Console.log("")
  const paths = yield* Path.Path
  return yield* Effect.forEach(
    prediction.files,
    (file, n) => file.save(paths.join("out", `llama-${n + 1}.png`))
  ).pipe(Effect.map((saved) => ({ saved, seconds: prediction.metrics?.["predict_time"] })))
})

const program = Effect.gen(function*() {
  const usage = yield* answer
  const { saved, seconds } = yield* image
  yield* Console.log(Option.match(usage, {
    onNone: () => "The answer did not say what it used.",
    onSome: (used) => `The answer used ${used.inputTokens} + ${used.outputTokens} tokens and ${used.seconds} seconds.`
  }))
  yield* Console.log(`The image took ${seconds} seconds.`)
  yield* Effect.forEach(saved, (path) => Console.log(`Saved ${path}`))
})

const live = Layer.merge(Replicate.layerConfig(), ReplicateClient.layerConfig())

const services = Layer.unwrapEffect(Effect.gen(function*() {
  const token = yield* Config.option(Config.nonEmptyString("REPLICATE_API_TOKEN"))
  if (Option.isSome(token)) {
    yield* Console.log("Talking to Replicate.\n")
    return live
  }
  const url = yield* emulator
  yield* Console.log(`REPLICATE_API_TOKEN is not set: talking to an emulator at ${url}.\n`)
  const apiKey = Redacted.make("r8_emulated")
  return Layer.merge(
    Replicate.layer({ apiKey, baseUrl: url }),
    ReplicateClient.layer({ token: apiKey, baseUrl: url })
  )
}))

const main = program.pipe(
  Effect.provide(services.pipe(Layer.provideMerge(Layer.merge(FetchHttpClient.layer, NodeContext.layer)))),
  Effect.onInterrupt(() => Console.error("\nInterrupted: the running prediction was canceled.")),
  Effect.catchAll((error) => Effect.zipRight(Console.error(`\n${error.message}`), Effect.fail(error))),
  Effect.scoped
)

// the failure was told above, in one line; it goes on only to become the exit code
NodeRuntime.runMain(main, { disableErrorReporting: true })
