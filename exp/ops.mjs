import * as Effect from "effect/Effect"; import * as Stream from "effect/Stream"; import * as Chunk from "effect/Chunk"; import * as Option from "effect/Option"; import * as Channel from "effect/Channel"; import * as Scope from "effect/Scope"
const bytes = new TextEncoder().encode("event: output\ndata: hi\n\n")
const web2 = (n) => new ReadableStream({ pull(c) { if (n-- === 0) c.close(); else c.enqueue(bytes) } })
const web = (n) => Stream.fromReadableStream(() => web2(n), (e) => e)
const drain = pull => { const next = Effect.flatMap(pull, () => next); return Effect.catchAll(next, Option.match({ onNone: () => Effect.void, onSome: Effect.fail })) }
const drainPull = s => Effect.scoped(Effect.flatMap(Stream.toPull(s), drain))
const each = s => Stream.runForEachChunk(s, () => Effect.void)
const pullOf = (n) => Effect.sync(() => { const r = web2(n).getReader(); return Effect.flatMap(Effect.promise(() => r.read()), x => x.done ? Effect.fail(Option.none()) : Effect.succeed(Chunk.of(x.value))) })
const c2 = (open) => Stream.fromChannel(Channel.suspend(() => {
  const scope = Effect.runSync(Scope.make())
  const loop = (pull) => { const eff = Effect.matchCauseEffect(pull, { onSuccess: c => Effect.succeed(c), onFailure: cause => { const f = cause._tag === "Fail" ? cause.error : undefined; return f && f._tag === "None" ? Effect.succeed(undefined) : Effect.die("x") } }); const step = Channel.flatMap(Channel.fromEffect(eff), c => c === undefined ? Channel.void : Channel.flatMap(Channel.write(c), () => step)); return step }
  return Channel.ensuringWith(Channel.flatMap(Channel.fromEffect(Effect.provideService(open, Scope.Scope, scope)), loop), exit => Scope.close(scope, exit))
}))
const V = {
  "nothing": n => Effect.void,
  "loop": n => Effect.promise(async () => { for await (const b of web2(n)); }),
  "pullDirect": n => Effect.flatMap(pullOf(n), drain),
  "scoped pull": n => Effect.scoped(Effect.flatMap(pullOf(n), drain)),
  "c2 pull": n => drainPull(c2(pullOf(n))),
  "c1 pull": n => drainPull(Stream.fromPull(pullOf(n))),
  "web pull": n => drainPull(web(n)),
  "repeat pull": n => drainPull(Stream.suspend(() => Stream.repeatEffectChunkOption(Effect.flatten(pullOf(n))))),
  "c2 each": n => each(c2(pullOf(n))),
  "c1 each": n => each(Stream.fromPull(pullOf(n))),
  "web each": n => each(web(n)),
}
const only = process.argv[2], k = +(process.argv[3] ?? 11), C = +(process.argv[4] ?? 500)
for (const [n, f] of Object.entries(V)) { if (only && n !== only) continue; const t = []; for (let i = 0; i < 6; i++) { const a = process.cpuUsage(); await Effect.runPromise(Effect.all(Array.from({ length: 1000 }, () => Effect.suspend(() => f(k))), { concurrency: C, discard: true })); const c = process.cpuUsage(a); t.push(((c.user + c.system) / 1000).toFixed(0)) } console.log(k, n.padEnd(20), t.join(" ")) }
