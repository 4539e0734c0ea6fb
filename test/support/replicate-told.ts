import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as Option from "effect/Option"
import * as Tracer from "effect/Tracer"
import { inspect } from "node:util"

const json = (value: unknown): string => {
  const seen = new Set<unknown>()
  return String(JSON.stringify(value, (_, value: unknown) => {
    if (typeof value === "bigint") return String(value)
    if (typeof value !== "object" || value === null) return value
    if (seen.has(value)) return "again"
    seen.add(value)
    return value
  }))
}

/** Every way a value may get printed. */
export const forms = (value: unknown): ReadonlyArray<string> => [
  json(value),
  String(value),
  inspect(value, { depth: 10, showHidden: true, getters: true, maxStringLength: null, maxArrayLength: null }),
  ...(value instanceof Error
    ? [value.message, String(value.stack), ...(value.cause === undefined ? [] : forms(value.cause))]
    : []),
  ...(Cause.isCause(value) ? [Cause.pretty(value, { renderErrorCause: true })] : []),
  ...(Exit.isExit(value) && Exit.isFailure(value) ? forms(value.cause) : [])
]

class CollectedSpan implements Tracer.Span {
  readonly _tag = "Span"
  readonly spanId: string
  readonly traceId = "trace"
  readonly sampled = true
  readonly attributes = new Map<string, unknown>()
  readonly links: Array<Tracer.SpanLink>
  status: Tracer.SpanStatus
  readonly name: string
  readonly parent: Option.Option<Tracer.AnySpan>
  readonly context: Context.Context<never>
  readonly kind: Tracer.SpanKind
  private readonly tell: (what: unknown) => void

  constructor(
    name: string,
    parent: Option.Option<Tracer.AnySpan>,
    context: Context.Context<never>,
    links: ReadonlyArray<Tracer.SpanLink>,
    startTime: bigint,
    kind: Tracer.SpanKind,
    id: number,
    tell: (what: unknown) => void
  ) {
    this.name = name
    this.parent = parent
    this.context = context
    this.links = [...links]
    this.kind = kind
    this.spanId = String(id)
    this.status = { _tag: "Started", startTime }
    this.tell = tell
    tell(name)
  }

  end(endTime: bigint, exit: Exit.Exit<unknown, unknown>): void {
    this.status = { _tag: "Ended", startTime: this.status.startTime, endTime, exit }
    // what a call gave is its caller's, and no tracer prints it
    if (Exit.isFailure(exit)) this.tell(exit)
  }

  attribute(key: string, value: unknown): void {
    this.attributes.set(key, value)
    this.tell({ [key]: value })
  }

  event(name: string, _: bigint, attributes?: Record<string, unknown>): void {
    this.tell({ [name]: attributes })
  }

  addLinks(links: ReadonlyArray<Tracer.SpanLink>): void {
    for (const link of links) this.tell(link.attributes)
  }
}

/** Keeps all that is logged, at any level, and all that is traced. */
export const make = () => {
  const lines: Array<string> = []
  const spans: Array<string> = []
  const tracer = Tracer.make({
    span: (name, parent, context, links, startTime, kind) =>
      new CollectedSpan(name, parent, context, links, startTime, kind, spans.length, (what) => {
        spans.push(...(typeof what === "string" ? [what] : forms(what)))
      }),
    context: (run) => run()
  })
  const logger = Logger.make(({ annotations, cause, message, spans }) => {
    lines.push(
      ...[message, Object.fromEntries(annotations), cause, [...spans].map((span) => span.label)].flatMap(forms)
    )
  })
  const layer = Layer.mergeAll(
    Logger.replace(Logger.defaultLogger, logger),
    Logger.minimumLogLevel(LogLevel.All),
    Layer.setTracer(tracer)
  )
  return { lines, spans, layer }
}
