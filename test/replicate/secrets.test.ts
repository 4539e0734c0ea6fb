import * as NodeContext from "@effect/platform-node/NodeContext"
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Encoding from "effect/Encoding"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Http from "node:http"
import { AllProvidersFailed, FileError, isProviderError, ProviderError } from "../../src/ProviderError.js"
import * as CallSettings from "../../src/replicate/CallSettings.js"
import { type Downloader, FileOutput } from "../../src/replicate/FileOutput.js"
import * as Prediction from "../../src/replicate/Prediction.js"
import * as ReplicateClient from "../../src/replicate/ReplicateClient.js"
import type * as ReplicateConfig from "../../src/replicate/ReplicateConfig.js"
import * as Training from "../../src/replicate/Training.js"
import { Unreachable } from "../support/fakeHttp.js"
import * as Server from "../support/replicate-server.js"
import * as Told from "../support/replicate-told.js"

const token = "r8_SECRETtokenOfTheCaller/0+1"
const otherToken = "r8_SECRETtokenOfOneCall"
const prompt = "SECRET-PROMPT of the caller"
const headers = { cookie: "session=SECRET-COOKIE-VALUE", "x-custom": "SECRET-HEADER-VALUE" }
const urlSecret = "SECRET-IN-THE-URL"

const needles = [
  token,
  otherToken,
  encodeURIComponent(token),
  Encoding.encodeBase64(token),
  prompt,
  "SECRET-COOKIE-VALUE",
  "SECRET-HEADER-VALUE",
  "SECRET-RESPONSE-HEADER",
  urlSecret
]

const assertSilent = (where: string, texts: ReadonlyArray<string>) => {
  for (const text of texts) {
    const found = needles.find((needle) => text.includes(needle))
    assert.isUndefined(found, `${where} tells ${found}: ${text.slice(0, 600)}`)
  }
}

/** What a careless server may say back. */
const echo = ({ headers }: Server.Call) =>
  `you sent authorization: ${headers["authorization"]}; cookie: ${headers["cookie"]}`
const answered = { "x-echo": "SECRET-RESPONSE-HEADER", "www-authenticate": `Bearer ${token}` }
const problem = (status: number): Server.Answer => (call) => {
  const body = {
    title: echo(call),
    detail: echo(call),
    invalid_fields: [{ field: echo(call), description: echo(call) }]
  }
  return Server.status(status, body, answered)(call)
}
const page = (status: number, title = ""): Server.Answer => (call) =>
  Server.status(status, `<!DOCTYPE html><html><title>${title}</title><p>${echo(call)}</p></html>`, {
    "content-type": "text/html",
    ...answered
  })(call)
const plain = (status: number): Server.Answer => (call) =>
  Server.status(status, echo(call), { "content-type": "text/plain", ...answered })(call)
/** A broken connection whose cause prints the request, as those of `fetch` do. */
const leaky = (code: string): Server.Answer => ({ headers }) =>
  Object.assign(new Unreachable(code), { message: `invalid header: ${JSON.stringify(headers)}`, request: { headers } })

const input = { prompt }
const run = Prediction.run(Server.model, input)
const stream = Stream.runDrain(Prediction.stream(Server.model, input))
const trainer = `${Server.model}:${Server.version}`
const train = Training.run(trainer, { destination: "acme/mine", input })
const streamable = Server.gives({
  input,
  urls: { stream: `https://user:${urlSecret}@stream.replicate.com/v1/streams/opaque?key=${urlSecret}` }
})
const fileUrl = `https://user:${urlSecret}@replicate.delivery/out.webp?signature=${urlSecret}`

interface Scene {
  readonly name: string
  readonly tag: string
  readonly effect?: Effect.Effect<unknown, ProviderError | FileError, ReplicateClient.ReplicateClient | Downloader>
  readonly script?: Server.Script
  readonly options?: ReplicateConfig.Options
}

const running = Server.gives({ status: "processing", input })
const cyclic: Record<string, unknown> = { prompt }
cyclic["self"] = cyclic

const scenes: ReadonlyArray<Scene> = [
  { name: "no token", tag: "MissingAuth", options: { token: undefined } },
  { name: "a token with a line break", tag: "MissingAuth", options: { token: Redacted.make(`${token}\n`) } },
  { name: "a token with an accent", tag: "MissingAuth", options: { token: Redacted.make(`${token}é`) } },
  { name: "401", tag: "MissingAuth", script: { create: [problem(401)] } },
  {
    name: "401 with the token of one call",
    tag: "MissingAuth",
    script: { create: [problem(401)] },
    effect: CallSettings.withSettings(run, { token: Redacted.make(otherToken) })
  },
  { name: "402", tag: "PaymentRequired", script: { create: [problem(402)] } },
  { name: "403 of Cloudflare", tag: "Blocked", script: { create: [page(403, "Just a moment...")] } },
  { name: "403", tag: "ResponseError", script: { create: [plain(403)] } },
  { name: "404", tag: "ModelNotFound", script: { create: [problem(404)] } },
  {
    name: "404 of a model whose latest version is looked for",
    tag: "ModelNotFound",
    effect: Prediction.run(Server.model, input, { latestVersion: true }),
    script: { other: [problem(404)] }
  },
  { name: "404 of a training", tag: "ResponseError", effect: train, script: { create: [problem(404)] } },
  {
    name: "a training that failed",
    tag: "PredictionFailed",
    effect: train,
    script: { get: [Server.gives({ status: "failed", error: `no ${token}`, logs: token, input })] }
  },
  { name: "a training to nowhere", tag: "InvalidRequest", effect: Training.run(trainer, { destination: "x", input }) },
  { name: "404 of a prediction", tag: "ResponseError", script: { get: [plain(404)], cancel: [plain(400)] } },
  { name: "422", tag: "InvalidRequest", script: { create: [problem(422)] } },
  { name: "422 as text", tag: "InvalidRequest", script: { create: [plain(422)] } },
  { name: "429", tag: "RateLimited", script: { create: [problem(429)] } },
  { name: "500", tag: "ResponseError", script: { create: [problem(500)] } },
  { name: "500 as HTML", tag: "ResponseError", script: { create: [page(500)] } },
  {
    name: "a redirect",
    tag: "ResponseError",
    script: { create: [Server.status(302, "", { location: `https://evil.example/?t=${token}` })] }
  },
  { name: "a refused connection", tag: "ResponseError", script: { create: [leaky("ECONNREFUSED")] } },
  { name: "a broken connection", tag: "ResponseError", script: { create: [leaky("ECONNRESET")] } },
  { name: "a connection broken without a code", tag: "ResponseError", script: { create: [leaky(token)] } },
  { name: "HTML for JSON", tag: "ResponseError", script: { create: [page(201)] } },
  {
    name: "truncated JSON",
    tag: "ResponseError",
    script: { create: [Server.status(201, `{"id":"${token}","input":{"prompt":"${prompt}`)] }
  },
  {
    name: "JSON of another form",
    tag: "ResponseError",
    script: { create: [Server.status(201, { id: 7, status: [token], logs: { prompt }, input: token, urls: prompt })] }
  },
  { name: "no answer", tag: "Timeout", script: { create: [Server.silent] } },
  { name: "no end", tag: "Timeout", script: { get: [running] }, options: { timeout: "20 seconds" } },
  {
    name: "a silent stream",
    tag: "Timeout",
    effect: stream,
    script: { create: [streamable], other: [Server.openSse(": hi\n\n")] },
    options: { idleTimeout: "5 seconds" }
  },
  {
    name: "a failure",
    tag: "PredictionFailed",
    script: { get: [Server.gives({ status: "failed", input, error: "no" })] }
  },
  { name: "an end", tag: "PredictionCanceled", script: { get: [Server.gives({ status: "aborted", input })] } },
  {
    name: "a stream that breaks",
    tag: "StreamInterrupted",
    effect: stream,
    script: { create: [streamable], other: [leaky("ECONNRESET")], get: [problem(404)] }
  },
  {
    name: "a stream host that refuses",
    tag: "StreamInterrupted",
    effect: stream,
    script: { create: [streamable], other: [page(500)], get: [running, problem(500)] }
  },
  {
    name: "a stream that ended, and a prediction that cannot be read",
    tag: "PredictionFailed",
    effect: stream,
    script: {
      create: [streamable],
      other: [Server.openSse("event: done\ndata: {\"reason\":\"error\"}\n\n")],
      get: [problem(500)]
    }
  },
  { name: "a model that cannot stream", tag: "InvalidRequest", effect: stream },
  { name: "an input that is not JSON", tag: "InvalidRequest", effect: Prediction.create(Server.model, cyclic) },
  {
    name: "a webhook that is none",
    tag: "InvalidRequest",
    effect: Prediction.create(Server.model, input, { webhook: `//user:${urlSecret}@host` })
  },
  { name: "an id that is none", tag: "InvalidRequest", effect: Prediction.get("..") },
  {
    name: "a file host that refuses",
    tag: "ResponseError",
    effect: new FileOutput(fileUrl).bytes,
    script: { other: [plain(404)] }
  },
  {
    name: "a file host that breaks",
    tag: "ResponseError",
    effect: new FileOutput(fileUrl).bytes,
    script: { other: [leaky("ECONNRESET")] }
  },
  { name: "a file that is damaged", tag: "ResponseError", effect: new FileOutput(`data:;base64,@${urlSecret}`).bytes },
  {
    name: "a file that cannot be written",
    tag: "FileError",
    effect: new FileOutput("data:,x").save("/dev/null/out").pipe(Effect.provide(NodeContext.layer))
  },
  {
    name: "a base URL with credentials",
    tag: "ResponseError",
    script: { create: [problem(500)] },
    options: { baseUrl: `https://user:${urlSecret}@gateway.example/v1` }
  },
  {
    name: "a base URL with a query",
    tag: "ResponseError",
    script: { create: [problem(500)] },
    options: { baseUrl: `https://gateway.example/v1?key=${urlSecret}` }
  },
  { name: "a base URL that is none", tag: "InvalidRequest", options: { baseUrl: `nowhere ${urlSecret}` } }
]

/** Plays a scene and gives its error, having looked at all it told. */
const play = ({ effect = run, name, options, script = {} }: Scene) =>
  Effect.gen(function*() {
    const server = Server.make(script, { token: Redacted.make(token), ...options })
    const told = Told.make()
    const failing = CallSettings.CallSettings.pipe(
      Effect.flatMap((own) => Effect.provideService(effect, CallSettings.CallSettings, { headers, ...own })),
      Effect.tapErrorCause((cause) => Effect.logError("it failed", cause)),
      Effect.withSpan("scene"),
      Effect.provide(Layer.merge(server.layer, told.layer))
    )
    const exit = yield* Effect.exit(Server.timed(failing))
    const error = yield* Effect.flip(exit)
    yield* Server.elapse(60)
    const codec = error._tag === "FileError" ? Schema.encodeUnknown(FileError) : Schema.encodeUnknown(ProviderError)
    assertSilent(`${name}: the error`, Told.forms(error))
    assertSilent(`${name}: the encoded error`, Told.forms(yield* codec(error)))
    assertSilent(`${name}: the cause`, Told.forms(exit))
    assertSilent(`${name}: the log`, told.lines)
    assertSilent(`${name}: a span`, told.spans)
    assert.isNotEmpty(told.lines)
    assert.includeMembers(told.spans, ["scene"])
    return { error, server }
  })

describe("C22: no error, log line or span tells a secret", () => {
  it.effect.each(scenes.map((scene) => ({ ...scene, toString: () => scene.name })))(
    "$name is $tag",
    (scene) =>
      Effect.gen(function*() {
        const { error } = yield* play(scene)
        assert.strictEqual(error._tag, scene.tag)
      })
  )

  it.effect("every error there is was raised, and together they tell nothing either", () =>
    Effect.gen(function*() {
      const errors = (yield* Effect.forEach(scenes, play)).map(({ error }) => error)
      const failures = errors.filter(isProviderError).map((error) => ({ provider: "Replicate", error }))
      const all = new AllProvidersFailed({ failures })
      assertSilent("all errors", [...Told.forms(all), ...Told.forms(yield* Schema.encode(ProviderError)(all))])
      assert.sameMembers([...new Set([...errors, all].map((error) => error._tag))], [
        "MissingAuth",
        "PaymentRequired",
        "RateLimited",
        "Blocked",
        "ModelNotFound",
        "InvalidRequest",
        "ResponseError",
        "Timeout",
        "PredictionFailed",
        "PredictionCanceled",
        "StreamInterrupted",
        "FileError",
        "AllProvidersFailed"
      ])
    }))

  it.effect("a token a header cannot carry is never sent", () =>
    Effect.gen(function*() {
      for (const broken of [`${token}\n`, `${token}\r\nx-other: y`, `${token}é`, `${token}\0`, `${token} `]) {
        const { error, server } = yield* play({
          name: JSON.stringify(broken),
          tag: "MissingAuth",
          options: { token: Redacted.make(broken) }
        })
        assert.deepInclude(error, { _tag: "MissingAuth", reason: "rejected" })
        assert.lengthOf(server.calls, 0)
      }
    }))

  it.effect.each(["error", "logs"])("a prediction that echoes the token in its %s", (field) =>
    play({
      name: field,
      tag: "PredictionFailed",
      script: { get: [Server.gives({ status: "failed", error: "no", [field]: `the token was ${token}` })] }
    }))

  it.effect("a call that goes well tells nothing either", () =>
    Effect.gen(function*() {
      const server = Server.make(
        {
          create: [streamable],
          other: [Server.openSse(`event: output\ndata: ${prompt}\n\nevent: done\ndata: {}\n\n`)]
        },
        { token: Redacted.make(token) }
      )
      const told = Told.make()
      const all = Effect.all([run, stream, Prediction.get(Server.id), new FileOutput("data:,x").bytes])
      yield* Server.timed(all.pipe(
        CallSettings.withSettings({ headers }),
        Effect.provide(Layer.merge(server.layer, told.layer))
      ))
      assertSilent("the log", told.lines)
      assertSilent("a span", told.spans)
      assert.includeMembers(told.spans, ["Prediction.run", "Replicate.models.predict", "Replicate.predictions.get"])
    }))
})

describe("the token goes to the API's origin only", () => {
  const own = ["https://api.replicate.com/v1/files/a/download", "https://API.replicate.com:443/v1/files/a"]
  const others = [
    "https://replicate.delivery/a",
    "https://api.replicate.com:8443/v1/files/a",
    "http://api.replicate.com/v1/files/a",
    "https://files.api.replicate.com/v1/files/a",
    "https://api.replicate.com.evil.example/v1/files/a",
    "https://api.replicate.com@evil.example/v1/files/a",
    "https://evil.example\\@api.replicate.com/v1/files/a",
    "https://evil.example/?https://api.replicate.com/v1/files/a"
  ]

  it.effect("in every request that is made", () =>
    Effect.gen(function*() {
      const server = Server.make({
        create: [streamable],
        other: [Server.openSse("event: done\ndata: {}\n\n"), () => new Response("bytes")]
      }, { token: Redacted.make(token) })
      const files = Effect.forEach([...own, ...others], (url) => new FileOutput(url).bytes)
      yield* Server.timed(
        Effect.all([stream, run, Prediction.get(Server.id), Prediction.cancel(Server.id), files]).pipe(
          CallSettings.withSettings({ headers }),
          Effect.provide(server.layer)
        )
      )
      const [toApi, elsewhere] = [true, false].map((own) =>
        server.calls.filter(({ url }) => (new URL(url).origin === "https://api.replicate.com") === own)
      )
      assert.isAtLeast(toApi?.length ?? 0, 8)
      assert.lengthOf(elsewhere ?? [], 1 + others.length)
      for (const call of toApi ?? []) assert.strictEqual(call.headers["authorization"], `Bearer ${token}`)
      for (const { headers, url } of elsewhere ?? []) {
        assert.notProperty(headers, "authorization")
        for (const value of [url, ...Object.values(headers)]) assertNoHeader(value)
      }
    }))

  const assertNoHeader = (text: string) => {
    for (const secret of [token, "SECRET-COOKIE-VALUE", "SECRET-HEADER-VALUE"]) assert.notInclude(text, secret)
  }

  const listen = (handle: Http.RequestListener) =>
    Effect.acquireRelease(
      Effect.async<Http.Server>((resume) => {
        const server = Http.createServer(handle)
        server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
      }),
      (server) =>
        Effect.async<void>((resume) => {
          server.close(() => resume(Effect.void))
          server.closeAllConnections()
        })
    ).pipe(Effect.map((server) => {
      const address = server.address()
      return `http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`
    }))

  it.scopedLive("also when the API redirects to another port, over real sockets", () =>
    Effect.gen(function*() {
      const arrived: Array<{ readonly at: string; readonly headers: Http.IncomingHttpHeaders }> = []
      const other = yield* listen((request, response) => {
        arrived.push({ at: "other", headers: request.headers })
        response.setHeader("content-type", "application/json").end(JSON.stringify(Server.prediction()))
      })
      const api = yield* listen((request, response) => {
        arrived.push({ at: "api", headers: request.headers })
        response.writeHead(307, { location: `${other}${request.url}` }).end()
      })
      const client = ReplicateClient.layer({ token: Redacted.make(token), baseUrl: api, maxRetries: 0 })
      yield* Effect.all([
        Effect.exit(Prediction.get(Server.id)),
        Effect.exit(Prediction.create(Server.model, input)),
        Effect.exit(new FileOutput(`${api}/v1/files/a/download`).bytes)
      ]).pipe(Effect.provide(Layer.provide(client, FetchHttpClient.layer)))
      assert.lengthOf(arrived.filter(({ at }) => at === "api"), 3)
      for (const { at, headers } of arrived) {
        assert.strictEqual(headers.authorization, at === "api" ? `Bearer ${token}` : undefined)
      }
    }))
})
