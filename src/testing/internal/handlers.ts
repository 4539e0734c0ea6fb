import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import type { HttpApiDecodeError } from "@effect/platform/HttpApiError"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Predicate from "effect/Predicate"
import { deployments } from "./operations/deployments.js"
import { files } from "./operations/files.js"
import { models } from "./operations/models.js"
import { others } from "./operations/others.js"
import { predictions } from "./operations/predictions.js"
import { trainings } from "./operations/trainings.js"
import { problem } from "./problem.js"
import { Api, type State } from "./state.js"

const isDecodeError = (error: unknown): error is HttpApiDecodeError => Predicate.isTagged(error, "HttpApiDecodeError")

/** Parameters that cannot be read are told in the form all errors have. */
const problems = HttpApiBuilder.middleware((app) =>
  Effect.catchAllCause(app, (cause) => {
    const error = Cause.squash(cause)
    if (!isDecodeError(error)) return Effect.failCause(cause)
    const issues = error.issues.map(({ message, path }) => `${path.map(String).join(".")}: ${message}`)
    return Effect.succeed(problem(400, issues.join("; ")))
  })
)

/**
 * The operations of the API, group by group.
 *
 * @internal
 */
export const layer = (state: State) =>
  Layer.merge(
    problems,
    Layer.provide(
      HttpApiBuilder.api(Api),
      Layer.mergeAll(
        deployments(state),
        files(state),
        models(state),
        others(state),
        predictions(state),
        trainings(state)
      )
    )
  )
