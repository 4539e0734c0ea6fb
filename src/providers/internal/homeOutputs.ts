import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { toJson } from "../../internal/errorBody.js"
import { cleaner } from "../../internal/scrub.js"
import * as Output from "../../Output.js"
import { ResponseError } from "../../ProviderError.js"

const Url = Schema.String.pipe(Schema.pattern(/^(?:https?|data):/))

const decode = {
  text: Schema.decodeUnknown(Schema.Array(Schema.String)),
  image: Schema.decodeUnknown(Schema.NonEmptyArray(Url))
}

/**
 * The outputs a prediction's output stands for: a list as it is, and a single string as a list of one. A text may be
 * empty; an image that was asked for is there.
 *
 * @internal
 */
export const outputsOf = (
  provider: string,
  output: unknown,
  { key, kind, prompt }: {
    readonly kind: "text" | "image"
    readonly prompt: string
    /** The key the call was made with, which models can print. */
    readonly key: Redacted.Redacted<string> | undefined
  }
): Effect.Effect<ReadonlyArray<Output.Output>, ResponseError> => {
  const clean = cleaner(key === undefined ? [] : [Redacted.value(key)])
  const found = output === undefined ? "none" : Option.getOrElse(toJson(output), () => "what is nested too deep")
  return Effect.mapBoth(decode[kind](Arr.ensure(output)), {
    onFailure: () =>
      new ResponseError({
        provider,
        reason: "malformed",
        detail: clean(`expected ${kind} for an output, found ${found}`)
      }),
    onSuccess: (items): ReadonlyArray<Output.Output> => [
      ...items.map((item): Output.Output =>
        kind === "image" ? { _tag: "Image", url: item, alt: prompt } : Output.textDelta(item)
      ),
      { _tag: "Finish", reason: "stop" }
    ]
  })
}
