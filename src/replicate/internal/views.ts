import * as Chunk from "effect/Chunk"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { toJson } from "../../internal/errorBody.js"
import type * as Output from "../../Output.js"
import type { ProviderError } from "../../ProviderError.js"
import * as FileOutput from "../FileOutput.js"
import * as PredictionEvent from "../PredictionEvent.js"
import type { Prediction } from "../schemas/Prediction.js"
import { invalid } from "./invalid.js"

/**
 * What is made of a prediction's stream, piece by piece; `id` is the one of the event.
 *
 * @internal
 */
export interface View<A> {
  readonly text: (text: string, id?: string) => A
  readonly file: (url: string, id?: string) => A
  readonly logs: (text: string, id?: string) => A
  /** An output that is neither text nor files, with the files in it. */
  readonly value: (value: unknown, files: ReadonlyArray<FileOutput.FileOutput>) => ReadonlyArray<A>
  /** The end, with the prediction as it was read last. */
  readonly end: (prediction: Prediction) => ReadonlyArray<A>
}

const number = (value: unknown): number | undefined => typeof value === "number" ? value : undefined

/** What a finished prediction says it used; nothing when it says nothing. */
const usage = ({ metrics }: Prediction): ReadonlyArray<Output.Output> => {
  const inputTokens = number(metrics?.["input_token_count"] ?? metrics?.["token_input_count"])
  const outputTokens = number(metrics?.["output_token_count"] ?? metrics?.["token_output_count"])
  const seconds = number(metrics?.["predict_time"])
  if (inputTokens === undefined && outputTokens === undefined && seconds === undefined) return []
  const totalTokens = inputTokens === undefined || outputTokens === undefined ? undefined : inputTokens + outputTokens
  return [{ _tag: "Usage", inputTokens, outputTokens, totalTokens, seconds }]
}

const file = (url: string): Output.Output => ({ _tag: "File", url })

/**
 * What every provider streams.
 *
 * @internal
 */
export const outputs: View<Output.Output> = {
  text: (text) => ({ _tag: "TextDelta", text }),
  file,
  logs: (text) => ({ _tag: "Log", text }),
  value: (value, files) => [{ _tag: "Json", value }, ...files.map(({ url }) => file(url))],
  end: (prediction) => [...usage(prediction), { _tag: "Finish", reason: "stop", id: prediction.id }]
}

/**
 * The stream as Replicate has it.
 *
 * @internal
 */
export const events: View<PredictionEvent.PredictionEvent> = {
  text: (text, id) => new PredictionEvent.Output(text, undefined, id),
  file: (url, id) => new PredictionEvent.Output(url, new FileOutput.FileOutput(url), id),
  logs: (text, id) => new PredictionEvent.Logs(text, id),
  value: (value, files) =>
    Option.match(toJson(value), {
      onSome: (json) => [new PredictionEvent.Output(json)],
      // the value itself is in the prediction at the end
      onNone: () => files.map((file) => new PredictionEvent.Output(file.url, file))
    }),
  end: (prediction) => [new PredictionEvent.Done(prediction)]
}

/**
 * The whole output of a prediction that was not streamed: files when it is nothing else, text when it is a text or a
 * list of texts, else the value, and the files in it. `isText` says that what looks like a file is a text too.
 *
 * @internal
 */
export const whole = <A>(
  view: View<A>,
  { files, output, text }: Prediction,
  isText = false
): ReadonlyArray<A> => {
  if (output === undefined || output === null || output === "") return []
  const parts = Array.isArray(output) ? output : [output]
  if (!parts.every((part) => typeof part === "string")) return view.value(output, files)
  return files.length === parts.length
    ? files.map(({ url }) => isText ? view.text(url) : view.file(url))
    : [view.text(text)]
}

/** The files of an output: itself, or those in the value that it is the JSON of. */
const filesIn = ({ data, file }: PredictionEvent.Output): ReadonlyArray<FileOutput.FileOutput> => {
  if (file !== undefined) return [file]
  try {
    return FileOutput.find(JSON.parse(data))
  } catch {
    return FileOutput.find(data)
  }
}

/**
 * Keeps the files of a stream. An output without any fails it: who asks for files waits in vain.
 *
 * @internal
 */
export const onlyFiles = (model: string) =>
<R>(
  self: Stream.Stream<PredictionEvent.PredictionEvent, ProviderError, R>
): Stream.Stream<FileOutput.FileOutput, ProviderError, R> => {
  const message = `${model} gives an output that is no file: stream it, or run it`
  const fail = Stream.fail(invalid("model", message))
  return Stream.flatMap(Stream.chunks(self), (chunk) => {
    const files: Array<FileOutput.FileOutput> = []
    for (const event of chunk) {
      if (event._tag !== "Output" || event.data === "") continue
      const found = filesIn(event)
      if (found.length === 0) return Stream.concat(Stream.fromChunk(Chunk.unsafeFromArray(files)), fail)
      for (const file of found) files.push(file)
    }
    return Stream.fromChunk(Chunk.unsafeFromArray(files))
  })
}
