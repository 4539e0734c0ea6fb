/** What servers send, and what contenders have to show for it. */

/** The text of the nth event of a stream. */
export const token = (n: number): string => ` token${n % 1000}`

/** Adds a text to a checksum: it depends on the order, and costs next to nothing beside what is measured. */
export const mix = (sum: number, text: string): number =>
  (Math.imul(sum, 31) + text.length + text.charCodeAt(text.length - 1)) | 0

/** The checksum of the first tokens. */
export const tokensChecksum = (count: number): number => {
  let sum = 0
  for (let n = 0; n < count; n++) sum = mix(sum, token(n))
  return sum
}

export const model = "acme/llama"

export const megabyte = 1e6

/** Bytes that do not repeat within a block, the same in each process. */
export const block = (length: number): Uint8Array<ArrayBuffer> => {
  const bytes = new Uint8Array(length)
  let state = 1
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0
    bytes[i] = state >>> 24
  }
  return bytes
}

/** A prediction as Replicate's API writes it, of the size a real one has. */
export const prediction = (base: string, id: string, fields: Readonly<Record<string, unknown>> = {}) => ({
  id,
  model,
  version: "5c7d5dc6dd8bf75c1acaa8565735e7986bc5b66206b55cca93cb72c9bf15ccaa",
  input: { prompt: "Write a poem about a llama that is twelve lines long", max_tokens: 512, temperature: 0.7 },
  logs:
    "Random seed: 28527\nNote: Random seed will not impact output if greedy decoding is used.\nFormatted prompt: Write",
  output: null,
  data_removed: false,
  error: null,
  source: "api",
  status: "starting",
  created_at: "2026-01-02T03:04:05.123456Z",
  urls: {
    cancel: `${base}/v1/predictions/${id}/cancel`,
    get: `${base}/v1/predictions/${id}`,
    web: `https://replicate.com/p/${id}`
  },
  ...fields
})

/** The fields of a prediction that has come to its end. */
export const finished = (output: unknown) => ({
  status: "succeeded",
  output,
  started_at: "2026-01-02T03:04:05.234567Z",
  completed_at: "2026-01-02T03:04:07.345678Z",
  metrics: { input_token_count: 14, output_token_count: 99, predict_time: 2.111111, total_time: 2.222222 }
})

/** Whether the nth webhook is one that has to be refused. */
export const isTampered = (n: number): boolean => n % 100 === 99
