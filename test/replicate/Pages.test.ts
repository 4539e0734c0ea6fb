import { assert, describe, it } from "@effect/vitest"
import * as Chunk from "effect/Chunk"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as FastCheck from "effect/FastCheck"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as Models from "../../src/replicate/Models.js"
import * as Pages from "../../src/replicate/Pages.js"
import type * as ReplicateConfig from "../../src/replicate/ReplicateConfig.js"
import * as FakeHttp from "../support/fakeHttp.js"
import * as Server from "../support/replicate-server.js"

const base = "https://api.replicate.com/v1"

/** A server that answers the n-th page to the n-th call. */
const serving = (pages: ReadonlyArray<unknown>, options?: ReplicateConfig.Options) =>
  Server.make({ other: pages.map((page): Server.Answer => () => FakeHttp.json(page)) }, options)

const page = (ids: ReadonlyArray<string>, links: { readonly next?: unknown; readonly previous?: unknown } = {}) => ({
  results: ids.map((id) => Server.prediction({ id })),
  ...links
})

const next = (cursor: string) => `${base}/predictions?cursor=${cursor}`

const idsOf = (list: Pages.List<{ readonly id: string }>) =>
  Server.timed(Stream.runCollect(list.items)).pipe(
    Effect.map((items) => Chunk.toReadonlyArray(items).map(({ id }) => id))
  )

const urls = (server: ReturnType<typeof Server.make>) => server.calls.map(({ url }) => url)

describe("the items of a list", () => {
  it.effect("C18: come from all pages, in order, by the links as they are", () =>
    Effect.gen(function*() {
      const link = next("cD0yMDI2%2B00%3D&x=%20")
      const server = serving([page(["a", "b"], { next: link }), page([], { next: next("2") }), page(["c"])])
      assert.deepStrictEqual(yield* Effect.provide(idsOf(Pages.predictions()), server.layer), ["a", "b", "c"])
      assert.deepStrictEqual(urls(server), [`${base}/predictions`, link, next("2")])
      for (const { headers, method } of server.calls) {
        assert.strictEqual(method, "GET")
        assert.strictEqual(headers["authorization"], "Bearer r8_test")
        assert.strictEqual(headers["user-agent"], "effect-providers")
      }
    }))

  it.effect.each([
    { limit: 0, calls: 0 },
    { limit: 1, calls: 1 },
    { limit: 2, calls: 1 },
    { limit: 3, calls: 2 },
    { limit: 9, calls: 3 }
  ])("C18: a limit of $limit takes $calls calls", ({ calls, limit }) =>
    Effect.gen(function*() {
      const server = serving([page(["a", "b"], { next: next("1") }), page(["c", "d"], { next: next("2") }), page([])])
      const ids = yield* Effect.provide(idsOf(Pages.predictions({ limit })), server.layer)
      assert.deepStrictEqual(ids, ["a", "b", "c", "d"].slice(0, limit))
      assert.lengthOf(server.calls, calls)
    }))

  it.effect.each([-1, 1.5, Number.NaN])("a limit of %d is refused before any call", (limit) =>
    Effect.gen(function*() {
      const server = serving([])
      const error = yield* Effect.flip(Effect.provide(idsOf(Pages.predictions({ limit })), server.layer))
      assert.deepInclude(error, { _tag: "InvalidRequest" })
      assert.lengthOf(server.calls, 0)
    }))

  it.effect.prop(
    "C18: are those of the server, however it cuts its pages",
    [FastCheck.array(FastCheck.array(FastCheck.uuid(), { maxLength: 5 }), { minLength: 1, maxLength: 6 })],
    ([pages]) =>
      Effect.gen(function*() {
        const server = serving(
          pages.map((ids, n) => page(ids, { next: n + 1 < pages.length ? next(String(n)) : "null" }))
        )
        assert.deepStrictEqual(yield* Effect.provide(idsOf(Pages.predictions()), server.layer), pages.flat())
        assert.lengthOf(server.calls, pages.length)
      }),
    { fastCheck: { numRuns: 25 } }
  )

  it.effect.each([null, undefined, "", "null"])("end where next is %j", (none) =>
    Effect.gen(function*() {
      const server = serving([page(["a"], { next: none, previous: none })])
      const [ids, first] = yield* Effect.all([idsOf(Pages.predictions()), Server.timed(Pages.predictions().first)])
        .pipe(Effect.provide(server.layer))
      assert.deepStrictEqual(ids, ["a"])
      assert.isTrue(Option.isNone(first.next))
      assert.isTrue(Option.isNone(first.previous))
    }))

  it.effect("C18: end with an error where a page leads to itself", () =>
    Effect.gen(function*() {
      const server = serving([page(["a"], { next: next("1") }), page(["b"], { next: next("1") })])
      const seen: Array<string> = []
      const error = yield* Pages.predictions().items.pipe(
        Stream.runForEach(({ id }) => Effect.sync(() => seen.push(id))),
        Effect.flip,
        Effect.provide(server.layer)
      )
      assert.deepInclude(error, { _tag: "ResponseError", reason: "malformed" })
      assert.deepStrictEqual(seen, ["a", "b"])
      assert.lengthOf(server.calls, 2)
    }))

  it.effect("C18: end with an error where pages lead in a circle", () =>
    Effect.gen(function*() {
      const server = serving([
        page(["a"], { next: next("1") }),
        page(["b"], { next: next("2") }),
        page(["c"], { next: next("3") }),
        page(["d"], { next: next("2") }),
        page(["e"], { next: next("4") })
      ])
      const list = Pages.predictions()
      const seen: Array<string> = []
      const error = yield* list.items.pipe(
        Stream.runForEach(({ id }) => Effect.sync(() => seen.push(id))),
        Effect.flip,
        Effect.provide(server.layer)
      )
      assert.deepInclude(error, { _tag: "ResponseError", reason: "malformed", url: `${base}/predictions` })
      assert.include(error.message, "back to one that was read before")
      assert.deepStrictEqual(seen, ["a", "b", "c", "d"])
      assert.lengthOf(server.calls, 4)
    }))

  it.effect("C18: can be read twice, and at the same time", () =>
    Effect.gen(function*() {
      const pages = [page(["a"], { next: next("1") }), page(["b"])]
      const server = Server.make({
        other: [({ url }) => FakeHttp.json(url.includes("cursor") ? pages[1] : pages[0])]
      })
      const list = Pages.predictions()
      const both = yield* Effect.all([idsOf(list), idsOf(list)], { concurrency: 2 }).pipe(Effect.provide(server.layer))
      assert.deepStrictEqual(both, [["a", "b"], ["a", "b"]])
    }))

  it.effect("C24: a page that fails for a moment is fetched again, and no item is lost or doubled", () =>
    Effect.gen(function*() {
      const server = Server.make({
        other: [
          () => FakeHttp.json(page(["a"], { next: next("1") })),
          Server.status(503),
          () => FakeHttp.json(page(["b"]))
        ]
      })
      assert.deepStrictEqual(yield* Effect.provide(idsOf(Pages.predictions()), server.layer), ["a", "b"])
      assert.deepStrictEqual(urls(server), [`${base}/predictions`, next("1"), next("1")])
    }))

  it.effect("an answer without results is malformed, and no empty list", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Effect.provide(idsOf(Pages.predictions()), serving([{ detail: "?" }]).layer))
      assert.deepInclude(error, { _tag: "ResponseError", reason: "malformed", method: "GET" })
    }))
})

describe("a page", () => {
  it.effect("C18: leads to the next and the previous, and is counted", () =>
    Effect.gen(function*() {
      const server = serving([
        page(["a", "b"], { next: next("1") }),
        page(["c"], { previous: next("0") }),
        page(["a", "b"], { next: next("1") })
      ])
      yield* Effect.gen(function*() {
        const first = yield* Pages.predictions().first
        assert.strictEqual(first.results[0]?.id, "a")
        assert.lengthOf(first.results, 2)
        const second = yield* Effect.flatten(first.next)
        assert.isTrue(Option.isNone(second.next))
        const again = yield* Effect.flatten(second.previous)
        assert.lengthOf(again.results, 2)
      }).pipe(Server.timed, Effect.provide(server.layer))
      assert.deepStrictEqual(urls(server), [`${base}/predictions`, next("1"), next("0")])
    }))

  it.effect("is found again by its link, in another process as well", () =>
    Effect.gen(function*() {
      const server = serving([page(["a"], { next: next("1") }), page(["b"])])
      yield* Effect.gen(function*() {
        const link = (yield* Pages.predictions().first).links.next
        const second = yield* Pages.predictions().at(Option.getOrThrow(link))
        assert.deepStrictEqual(second.results.map(({ id }) => id), ["b"])
      }).pipe(Server.timed, Effect.provide(server.layer))
      assert.deepStrictEqual(urls(server), [`${base}/predictions`, next("1")])
    }))
})

describe("a link to another origin", () => {
  const elsewhere = [
    "https://evil.example/v1/predictions?cursor=1",
    "https://api.replicate.com.evil.example/v1/predictions",
    "https://api.replicate.com@evil.example/v1/predictions",
    "https://api.replicate.com:8443/v1/predictions",
    "http://api.replicate.com/v1/predictions?cursor=1",
    "//evil.example/v1/predictions",
    "\\\\evil.example/v1/predictions",
    "ftp://api.replicate.com/v1/predictions",
    "javascript:alert(1)",
    "data:application/json,{\"results\":[]}",
    "https://"
  ]

  for (const which of ["next", "previous"] as const) {
    it.effect.each(elsewhere)(`is refused as ${which} before anything is sent: %s`, (link) =>
      Effect.gen(function*() {
        const server = serving([page(["a"], { [which]: link }), page(["b"])])
        const error = yield* Effect.flatMap(Pages.predictions().first, (first) => Effect.flatten(first[which])).pipe(
          Server.timed,
          Effect.flip,
          Effect.provide(server.layer)
        )
        assert.deepInclude(error, { _tag: "ResponseError", reason: "malformed", provider: "Replicate" })
        assert.notInclude(String(error), "cursor")
        assert.lengthOf(server.calls, 1)
      }))
  }

  it.effect("is refused in a stream after the items before it", () =>
    Effect.gen(function*() {
      const server = serving([page(["a"], { next: "https://evil.example/" }), page(["b"])])
      const seen: Array<string> = []
      const error = yield* Pages.predictions().items.pipe(
        Stream.runForEach(({ id }) => Effect.sync(() => seen.push(id))),
        Server.timed,
        Effect.flip,
        Effect.provide(server.layer)
      )
      assert.strictEqual(error._tag, "ResponseError")
      assert.deepStrictEqual(seen, ["a"])
      assert.lengthOf(server.calls, 1)
    }))

  it.effect("is refused when it is handed in", () =>
    Effect.gen(function*() {
      const server = serving([page(["a"])])
      const error = yield* Pages.predictions().at("https://evil.example/v1/predictions").pipe(
        Server.timed,
        Effect.flip,
        Effect.provide(server.layer)
      )
      assert.strictEqual(error._tag, "ResponseError")
      assert.lengthOf(server.calls, 0)
    }))

  it.effect("http is followed where the base URL is http", () =>
    Effect.gen(function*() {
      const link = "http://127.0.0.1:4000/v1/predictions?cursor=1"
      const server = serving([page(["a"], { next: link }), page(["b"], { next: "https://127.0.0.1:4000/" })], {
        baseUrl: "http://127.0.0.1:4000"
      })
      const error = yield* Effect.flip(Effect.provide(idsOf(Pages.predictions()), server.layer))
      assert.strictEqual(error._tag, "ResponseError")
      assert.deepStrictEqual(urls(server), ["http://127.0.0.1:4000/v1/predictions", link])
    }))

  it.effect("a link without an origin is the API's", () =>
    Effect.gen(function*() {
      const server = serving([page(["a"], { next: "/v1/predictions?cursor=1" }), page(["b"])])
      assert.deepStrictEqual(yield* Effect.provide(idsOf(Pages.predictions()), server.layer), ["a", "b"])
      assert.deepStrictEqual(urls(server), [`${base}/predictions`, `${base}/predictions?cursor=1`])
    }))
})

describe("the filters", () => {
  const asked = (list: Pages.List<unknown>) =>
    Effect.gen(function*() {
      const server = serving([{ results: [] }])
      yield* Server.timed(list.first).pipe(Effect.provide(server.layer))
      return urls(server)[0]?.slice(base.length)
    })

  it.effect("of predictions reach the server", () =>
    Effect.gen(function*() {
      const createdAfter = DateTime.unsafeMakeZoned("2026-01-02T03:04:05.678Z", { timeZone: "Europe/Berlin" })
      const url = yield* asked(Pages.predictions({ createdAfter, createdBefore: 0, source: "web" }))
      const query = new URL(url ?? "", base).searchParams
      assert.deepStrictEqual(Object.fromEntries(query), {
        created_after: "2026-01-02T03:04:05.678Z",
        created_before: "1970-01-01T00:00:00.000Z",
        source: "web"
      })
    }))

  it.effect("of models reach the server", () =>
    Effect.gen(function*() {
      assert.strictEqual(
        yield* asked(Pages.models({ sortBy: "model_created_at", sortDirection: "asc" })),
        "/models?sort_by=model_created_at&sort_direction=asc"
      )
    }))

  it.effect.each(
    [
      [Pages.predictions(), "/predictions"],
      [Pages.trainings(), "/trainings"],
      [Pages.deployments(), "/deployments"],
      [Pages.files(), "/files"],
      [Pages.models(), "/models"],
      [Pages.collections(), "/collections"],
      [Pages.versions("acme/llama"), "/models/acme/llama/versions"],
      [Pages.examples("https://replicate.com/acme/llama"), "/models/acme/llama/examples"]
    ] as const
  )("are none where none are given, case %#", ([list, path]) =>
    Effect.gen(function*() {
      assert.strictEqual(yield* asked(list), path)
    }))

  it.effect.each([
    { name: "no time", list: Pages.predictions({ createdAfter: "yesterday" }) },
    { name: "no model", list: Pages.versions("llama") },
    { name: "a deployment", list: Pages.versions("deployments/acme/llama") },
    { name: "the page of a deployment", list: Pages.examples("https://replicate.com/deployments/acme/llama") },
    { name: "a version for a model", list: Pages.examples("0".repeat(64)) }
  ])("$name is refused before any call", ({ list }) =>
    Effect.gen(function*() {
      const server = serving([{ results: [] }])
      const { first }: Pages.List<unknown> = list
      assert.deepInclude(yield* Effect.flip(first).pipe(Effect.provide(server.layer)), { _tag: "InvalidRequest" })
      assert.lengthOf(server.calls, 0)
    }))

  it.effect.each(["createdAfter", "createdBefore"])(
    "%s is called so where it is no time",
    (name) =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(asked(Pages.predictions({ [name]: "yesterday" })))
        assert(error._tag === "InvalidRequest")
        assert.deepStrictEqual(error.issues.map(({ field }) => field), [name])
      })
  )
})

describe("Models.search", () => {
  it.effect("sends the text as it is, by QUERY, for each page", () =>
    Effect.gen(function*() {
      const model = { owner: "acme", name: "llama", latest_version: {}, default_example: {} }
      const link = `${base}/models?cursor=1`
      const server = serving([{ results: [model], next: link }, { results: [{ ...model, name: "alpaca" }] }])
      const names = yield* Models.search("a \"llama\"\né").items.pipe(
        Stream.map((found) => found.fullName),
        Stream.runCollect,
        Server.timed,
        Effect.provide(server.layer)
      )
      assert.deepStrictEqual(Chunk.toReadonlyArray(names), ["acme/llama", "acme/alpaca"])
      assert.deepStrictEqual(urls(server), [`${base}/models`, link])
      for (const { body, headers, method } of server.calls) {
        assert.strictEqual(method, "QUERY")
        assert.strictEqual(body, "a \"llama\"\né")
        assert.match(headers["content-type"] ?? "", /^text\/plain/)
      }
    }))

  it.effect("C24: is sent again while the server is in trouble", () =>
    Effect.gen(function*() {
      const server = Server.make({ other: [Server.status(503), () => FakeHttp.json({ results: [] })] })
      yield* Server.timed(Models.search("x").first).pipe(Effect.provide(server.layer))
      assert.lengthOf(server.calls, 2)
    }))
})
