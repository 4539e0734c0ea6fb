import type { Row } from "../row.js"
import { official } from "./http.js"

const imported = () => import("../contenders/imports.js")

export const imports: ReadonlyArray<Row> = [
  {
    name: "import",
    about: () => "importing what a program needs that runs a model",
    unit: "import",
    size: 1,
    fixed: true,
    warmUp: false,
    floors: ["effect and platform"],
    contenders: [
      {
        name: "effect and platform",
        start: async () => (await imported()).foundation("run-floor", (await imported()).byPath)()
      },
      {
        name: "replicate/Prediction, ReplicateClient",
        start: async () => (await imported()).program("run", (await imported()).byPath)(),
        goal: { ratio: 1.3 }
      },
      {
        name: "the barrel replicate",
        start: async () => (await imported()).program("barrel", (await imported()).byBarrel)()
      },
      { name: official, start: async () => (await imported()).program("official", ["replicate"])(), peer: true }
    ],
    expected: () => ({ count: 1, checksum: 0 })
  },
  {
    name: "import-provider",
    about: () => "importing what a program needs that asks a provider",
    unit: "import",
    size: 1,
    fixed: true,
    warmUp: false,
    floors: ["effect and platform"],
    contenders: [
      {
        name: "effect and platform",
        start: async () => (await imported()).foundation("provider-floor", (await imported()).provider)()
      },
      {
        name: "Provider, providers/Replicate",
        start: async () => (await imported()).program("provider", (await imported()).provider)(),
        goal: { ratio: 1.3 }
      }
    ],
    expected: () => ({ count: 1, checksum: 0 })
  }
]
