import * as Schema from "effect/Schema"

const explain = {
  "missing-header": "it lacks a header",
  "malformed-header": "a header is malformed",
  "malformed-secret": "the secret to verify it with is not `whsec_` followed by base64",
  "too-old": "it was signed too long ago; it may be a replay, or a clock is wrong",
  "too-new": "it was signed in the future; a clock is wrong",
  "bad-signature": "no `v1` signature fits; the secret is another, or the body is not the one that was sent",
  "malformed-body": "its body is not a prediction"
}

/** @internal */
export class WebhookError extends Schema.TaggedError<WebhookError>("effect-providers/replicate/WebhookError")(
  "WebhookError",
  {
    reason: Schema.Literal(
      "missing-header",
      "malformed-header",
      "malformed-secret",
      "too-old",
      "too-new",
      "bad-signature",
      "malformed-body"
    ),
    /** The header it is about, or what was expected of the body. Never a value that was found. */
    detail: Schema.optional(Schema.String)
  }
) {
  override get message(): string {
    return `The webhook is refused: ${explain[this.reason]}${this.detail === undefined ? "" : ` (${this.detail})`}.`
  }
}
