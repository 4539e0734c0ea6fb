/** The providers before emulators in this process. Against the services, provide their layers with an HTTP client. */
import { NodeContext } from "@effect/platform-node"
import { Layer, Redacted } from "effect"
import { ChatgptFree, Replicate, ReplicateHome } from "effect-providers"
import * as Polling from "effect-providers/http/Polling"
import { ReplicateClient } from "effect-providers/replicate"
import { KeylessEmulator, ReplicateEmulator } from "effect-providers/testing"

export const replicate = Replicate.layer({ apiKey: Redacted.make("r8_emulated") }).pipe(
  Layer.provideMerge(ReplicateEmulator.layer())
)

export const replicateHome = ReplicateHome.layer({ ignoreWorking: true, polling: Polling.fixed("200 millis", 30) })
  .pipe(
    Layer.provideMerge(KeylessEmulator.layer())
  )

export const chatgptFree = ChatgptFree.layer({ ignoreWorking: true }).pipe(
  Layer.provideMerge(
    KeylessEmulator.layer({
      reply: (message) => ({ _tag: "Deltas", deltas: ["You", " asked: ", message], every: "100 millis" })
    })
  )
)

/** The client of Replicate's API, and a disk. */
export const replicateClient = ReplicateClient.layer({ token: Redacted.make("r8_emulated") }).pipe(
  Layer.provideMerge(ReplicateEmulator.layer({ fileUrl: "https://replicate.delivery" })),
  Layer.merge(NodeContext.layer)
)
