/**
 * Streams an answer, makes an image, and says what it used.
 *
 * With REPLICATE_API_TOKEN (or REPLICATE_API_KEY) set it talks to Replicate; without, to the emulator, in this process,
 * on a loopback port.
 */
import { FetchHttpClient, HttpClient, Path } from "@effect/platform"
import { NodeContext, NodeRuntime } from "@effect/platform-node"
import { Cause, Console, Effect, Layer, Option, Redacted, Stream } from "effect"
import { type Output, Provider, Replicate } from "effect-providers"
import { Prediction, Progress, ReplicateClient, ReplicateConfig } from "effect-providers/replicate"
import { emulator } from "./support/emulator.js"
import { endInOrder, exitCode } from "./support/signals.js"

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

/** What became of the cancels that were sent, for the last word after an interruption. */
const cancels: Array<{ readonly url: string; status: number | undefined }> = []

const noteCancels = (client: HttpClient.HttpClient): HttpClient.HttpClient =>
  HttpClient.transform(client, (send, request) => {
    if (!request.url.endsWith("/cancel")) return send
    const cancel = cancels.find(({ url }) => url === request.url) ?? { url: request.url, status: undefined }
    if (!cancels.includes(cancel)) cancels.push(cancel)
    return Effect.tap(send, ({ status }) => Effect.sync(() => void (cancel.status = status)))
  })

const farewell = Effect.suspend(() => {
  const failed = cancels.filter(({ status }) => status === undefined || status >= 300)
  const told = cancels.length === 0
    ? "nothing was running."
    : failed.length === 0
    ? "the running prediction was canceled."
    : `a prediction may still be running, as this failed: POST ${failed.map(({ url }) => url).join(", ")}`
  return Console.error(`\nInterrupted: ${told}`)
})

const services = Layer.unwrapEffect(Effect.gen(function*() {
  const settings = yield* ReplicateConfig.fromEnv
  const url = settings.token === undefined ? yield* emulator : undefined
  yield* Console.log(
    url === undefined
      ? `Talking to ${settings.baseUrl ?? "Replicate"}.\n`
      : `REPLICATE_API_TOKEN is not set: talking to an emulator at ${url}.\n`
  )
  const token = settings.token ?? Redacted.make("r8_emulated")
  const options = { ...settings, baseUrl: url ?? settings.baseUrl, transformClient: noteCancels }
  return Layer.merge(
    Replicate.layer({ ...options, apiKey: token }),
    ReplicateClient.layer({ ...options, token })
  )
}))

const main = program.pipe(
  Effect.provide(services.pipe(Layer.provideMerge(Layer.merge(FetchHttpClient.layer, NodeContext.layer)))),
  Effect.onInterrupt(() => farewell),
  Effect.tapErrorCause((cause) =>
    Cause.isInterruptedOnly(cause) ? Effect.void : Console.error(`\n${Cause.prettyErrors(cause)[0]?.message ?? ""}`)
  ),
  Effect.scoped
)

endInOrder()

// the failure was told above, in one line; it goes on only to become the exit code
NodeRuntime.runMain(main, {
  disableErrorReporting: true,
  teardown: (exit, onExit) => onExit(exitCode(exit, 130))
})
