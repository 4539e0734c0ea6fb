import * as Arr from "effect/Array"
import type * as Effect from "effect/Effect"
import * as Random from "effect/Random"

/** @internal */
export interface HomeModel {
  /** `owner/name`. */
  readonly name: string
  readonly kind: "text" | "image"
  /** Other names the model goes by, the usual one first. */
  readonly aliases: ReadonlyArray<string>
  /** Version ids; of several, one is chosen by chance for each request. */
  readonly versions: Arr.NonEmptyReadonlyArray<string>
}

/** @internal */
export const models: ReadonlyArray<HomeModel> = [
  {
    name: "google-deepmind/gemma-2b-it",
    kind: "text",
    aliases: ["gemma-2b"],
    versions: ["dff94eaf770e1fc211e425a50b51baa8e4cac6c39ef074681f9e39d778773626"]
  },
  {
    name: "stability-ai/stable-diffusion-3",
    kind: "image",
    aliases: ["sd-3", "stable-diffusion-3"],
    versions: ["527d2a6296facb8e47ba1eaf17f142c240c19a30894f437feee9b91cc29d8e4f"]
  },
  {
    name: "bytedance/sdxl-lightning-4step",
    kind: "image",
    aliases: ["sdxl", "sdxl-lightning-4step"],
    versions: ["5f24084160c9089501c1b3545d9be3c27883ae2239b6f412990e82d4a6210f8f"]
  },
  {
    name: "playgroundai/playground-v2.5-1024px-aesthetic",
    kind: "image",
    aliases: ["playground-v2.5", "playground-v2.5-aesthetic"],
    versions: ["a45f82a1382bed5c7aeb861dac7c7d191b0fdf74d8d57c4a0e6ed7d4d0bf7d24"]
  }
]

/** @internal */
export const historicModels: ReadonlyArray<HomeModel> = [
  {
    name: "stability-ai/sdxl",
    kind: "image",
    aliases: [],
    versions: [
      "39ed52f2a78e934b3ba6e2a89f5b1c712de7dfea535525255b1aa35c5565e08b",
      "2b017d9b67edd2ee1401238df49d75da53c523f36e363881e057f5dc3ed3c5b2",
      "7762fd07cf82c948538e41f63f77d685e02b063e37e496e96eefd46c929f9bdc"
    ]
  },
  {
    name: "ai-forever/kandinsky-2.2",
    kind: "image",
    aliases: [],
    versions: ["ad9d7879fbffa2874e1d909d1d37d9bc682889cc65b31f7bb00d2362619f194a"]
  },
  {
    name: "meta/llama-2-70b-chat",
    kind: "text",
    aliases: [],
    versions: ["dp-542693885b1777c98ef8c5a98f2005e7"]
  },
  {
    name: "mistralai/mistral-7b-instruct-v0.2",
    kind: "text",
    aliases: [],
    versions: ["dp-89e00f489d498885048e94f9809fbc76"]
  },
  {
    name: "meta/meta-llama-3-70b-instruct",
    kind: "text",
    aliases: ["llama-3-70b"],
    versions: [
      "dp-cf04fe09351e25db628e8b6181276547",
      "fbfb20b472b2f3bdd101412a9f70a0ed4fc0ced78a77ff00970ee7a2383c575d"
    ]
  },
  {
    name: "mistralai/mixtral-8x7b-instruct-v0.1",
    kind: "text",
    aliases: ["mixtral-8x7b"],
    versions: [
      "dp-89e00f489d498885048e94f9809fbc76",
      "5d78bcd7a992c4b793465bcdcf551dc2ab9668d12bb7aa714557a21c1e77041c"
    ]
  },
  {
    name: "yorickvp/llava-13b",
    kind: "text",
    aliases: ["llava-13b"],
    versions: ["80537f9eead1a5bfa72d5ac6ea6414379be41d4d4f6679fd776e9535d1eb58bb"]
  },
  {
    name: "black-forest-labs/flux-schnell",
    kind: "image",
    aliases: ["flux-schnell"],
    versions: ["f2ab8a5bfe79f02f0789a146cf5e73d2a4ff2684a98c2b303d1e1ff3814271db"]
  }
]

/** The API takes no ids of the private deployments that some models once ran on. */
const isPublic = (version: string): boolean => !version.startsWith("dp-")

/**
 * One version by chance, of those that can be asked for.
 *
 * @internal
 */
export const chooseVersion = ({ versions }: HomeModel, withKey: boolean): Effect.Effect<string> => {
  const usable = withKey ? versions.filter(isPublic) : versions
  return Random.choice(Arr.isNonEmptyReadonlyArray(usable) ? usable : versions)
}
