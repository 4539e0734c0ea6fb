import * as Duration from "effect/Duration"
import { type Input, type Model, numberField, randomOf, type Step, textField } from "./model.js"
import { paint } from "./picture.js"
import * as Png from "./png.js"

const prompted = { prompt: { type: "string", required: true } } as const

const sentences = [
  "It is a fair question, and it has a short answer.",
  "Most people begin with the part they already know.",
  "The rest follows one step at a time.",
  "Llamas, for what it is worth, take the same view.",
  "A small example says more than a long rule.",
  "What looks slow at first is often merely careful."
]

/** Words with the whitespace before them, so that some hold newlines. */
const tokens = (text: string): ReadonlyArray<string> => text.match(/\s*\S+/g) ?? []

const answer = (input: Input): string => {
  const random = randomOf(input)
  const prompt = textField(input, "prompt", "").replace(/\s+/g, " ").trim().slice(0, 280)
  const first = random.integer(sentences.length)
  const body = Array.from({ length: 5 }, (_, n) => sentences[(first + n) % sentences.length])
  return `You asked: "${prompt}".\n\n${body.join(" ")}\n\nThat is all.`
}

/** Streams the answer a token each 30 to 60 ms. */
const speak = (input: Input): ReadonlyArray<Step> => {
  const random = randomOf(input)
  const limit = numberField(input, "max_new_tokens", numberField(input, "max_tokens", Infinity))
  return tokens(answer(input)).slice(0, Math.max(0, limit)).map((text) => ({
    _tag: "Text",
    after: Duration.millis(30 + random.integer(31)),
    text
  }))
}

const clock = (seconds: number): string =>
  `${String(Math.floor(seconds / 60)).padStart(2, "0")}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`

/** A line of tqdm's progress bar, ten characters wide. */
const progress = (done: number, total: number, stepSeconds: number): string => {
  const eighths = Math.floor(80 * done / total)
  const bar = `${"█".repeat(Math.floor(eighths / 8))}${["", ..."▏▎▍▌▋▊▉"][eighths % 8]}`.padEnd(10)
  const rate = done === 0 ? "?" : (1 / stepSeconds).toFixed(2).padStart(5)
  const left = done === 0 ? "?" : clock((total - done) * stepSeconds)
  const percent = String(Math.floor(100 * done / total)).padStart(3)
  return `${percent}%|${bar}| ${done}/${total} [${clock(done * stepSeconds)}<${left}, ${rate}it/s]\n`
}

const clamp = (value: number, least: number, most: number): number => Math.min(Math.max(Math.floor(value), least), most)

const draw = (input: Input): ReadonlyArray<Step> => {
  const stepSeconds = 0.6
  const steps = clamp(numberField(input, "num_inference_steps", 4), 1, 50)
  const outputs = clamp(numberField(input, "num_outputs", 1), 1, 4)
  const width = clamp(numberField(input, "width", 256), 1, 1440)
  const height = clamp(numberField(input, "height", 256), 1, 1440)
  const seed = numberField(input, "seed", randomOf(input).integer(2 ** 16))
  return [
    { _tag: "Log", after: 0, text: `Using seed: ${seed}\n` },
    ...Array.from({ length: steps + 1 }, (_, done): Step => ({
      _tag: "Log",
      after: done === 0 ? 0 : Duration.seconds(stepSeconds),
      text: progress(done, steps, stepSeconds)
    })),
    ...Array.from({ length: outputs }, (_, index): Step => ({
      _tag: "File",
      after: Duration.millis(100),
      contentType: "image/png",
      bytes: () => Png.encode(width, height, paint(width, height, randomOf({ ...input, seed: seed + index })))
    }))
  ]
}

/** The beginning of every MP4, and nothing to see after it. */
const mp4 = [0, 0, 0, 24, ..."ftypisom\0\0\x02\0isommp42"].map((byte) =>
  typeof byte === "number" ? byte : byte.charCodeAt(0)
)

const film = (): ReadonlyArray<Step> => [
  ...Array.from({ length: 30 }, (_, done): Step => ({
    _tag: "Log",
    after: "1 second",
    text: progress(done + 1, 30, 1)
  })),
  { _tag: "File", after: 0, contentType: "video/mp4", bytes: () => Uint8Array.from(mp4) }
]

/** Ten rounds of half a second each. */
const train = (input: Input): ReadonlyArray<Step> => {
  const rounds = clamp(numberField(input, "steps", 10), 1, 1000)
  return Array.from({ length: rounds }, (_, done) => ({
    _tag: "Log",
    after: "500 millis",
    text: progress(done + 1, rounds, 0.5)
  }))
}

/**
 * The models every emulator has, unless they are replaced.
 *
 * @internal
 */
export const builtIn: ReadonlyArray<Model> = [
  {
    name: "meta/meta-llama-3-70b-instruct",
    kind: "text",
    description: "Answers questions with words",
    example: { prompt: "Why do llamas hum?" },
    input: { ...prompted, max_tokens: { type: "integer" }, max_new_tokens: { type: "integer" } },
    script: speak
  },
  {
    name: "black-forest-labs/flux-schnell",
    kind: "files",
    description: "Draws pictures of what it is told",
    example: { prompt: "an astronaut on a llama" },
    training: {
      input: { input_images: { type: "string", required: true }, steps: { type: "integer" } },
      script: train
    },
    input: {
      ...prompted,
      num_outputs: { type: "integer" },
      num_inference_steps: { type: "integer" },
      width: { type: "integer" },
      height: { type: "integer" },
      seed: { type: "integer" }
    },
    boot: "500 millis",
    script: draw
  },
  {
    name: "minimax/video-01",
    kind: "file",
    description: "Makes a film of what it is told, in half a minute",
    input: { ...prompted, prompt_optimizer: { type: "boolean" } },
    boot: "2 seconds",
    script: film
  },
  {
    name: "emulator/slow",
    kind: "text",
    description: "Says a word a second, for four minutes",
    boot: "1 second",
    script: () => Array.from({ length: 240 }, (_, n) => ({ _tag: "Text", after: "1 second", text: ` word${n + 1}` }))
  },
  {
    name: "emulator/fail",
    kind: "text",
    description: "Says three words and fails",
    script: () => [
      ...tokens("This will not").map((text): Step => ({ _tag: "Text", after: "40 millis", text })),
      { _tag: "Log", after: "10 millis", text: "allocating 80 GiB\n" },
      { _tag: "Fail", after: "40 millis", error: "CUDA out of memory (E1001)" }
    ]
  },
  {
    name: "emulator/no-stream",
    kind: "text",
    description: "Answers questions all at once",
    streams: false,
    input: prompted,
    script: speak
  },
  {
    name: "emulator/community",
    kind: "text",
    description: "Answers questions, by its version",
    official: false,
    input: prompted,
    script: speak
  },
  {
    name: "emulator/json",
    kind: "json",
    description: "Counts the words of what it is told",
    streams: false,
    input: prompted,
    script: (input) => {
      const words = textField(input, "prompt", "").split(/\s+/).filter((word) => word !== "")
      return [{ _tag: "Json", after: "200 millis", value: { words, count: words.length } }]
    }
  }
]
