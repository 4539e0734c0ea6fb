/**
 * The lint rules, and with them the floors of src: testing, then providers and replicate, then the contract, then
 * http, then the ground. Imports go down only.
 */
const restrict = (files, ...patterns) => ({
  files,
  rules: { "no-restricted-imports": ["error", { patterns: [...barrels, ...patterns] }] }
})

const barrels = [
  { regex: "^(effect|@effect/platform)$", message: "Import the module by its path: effect/Effect." },
  { regex: "^effect-providers|(^|/)index\\.js$", message: "A barrel is for users: import the module itself." }
]

const node = {
  regex: "^node:|^@effect/platform-node|-proxy-agent$",
  message: "The core runs without Node: only http/Proxy.ts and node.ts may import this."
}

const upward = (...modules) => ({
  regex: `^\\.\\.?/(.+/)?(${modules.join("|")})$`,
  message: "Imports go down the floors, not up."
})
const nodeEntry = "node\\.js"
const testing = "testing/.+"
const providers = "(providers|replicate)/.+"
const contract = "(Provider|Fallback|Credentials)\\.js"
const http = "http/.+"

const forbid = (object, message, ...properties) => properties.map((property) => ({ object, property, message }))

export default {
  plugins: ["typescript", "import", "oxc", "unicorn", "node", "vitest"],
  categories: { correctness: "error", suspicious: "error", perf: "error" },
  ignorePatterns: ["node_modules", "dist", "out", "coverage"],
  rules: {
    "import/no-cycle": "error",
    "vitest/no-focused-tests": "error",
    "import/no-namespace": "off",
    "import/no-unassigned-import": "off",
    "no-await-in-loop": "off",
    "no-shadow": "off",
    "no-underscore-dangle": "off",
    "oxc/no-map-spread": "off",
    "require-yield": "off",
    "unicorn/consistent-function-scoping": "off",
    "unicorn/no-array-sort": "off",
    "vitest/expect-expect": "off",
    // titles come from tables of cases
    "vitest/valid-title": "off"
  },
  overrides: [
    {
      files: ["src/**"],
      rules: {
        "no-console": "error",
        "typescript/no-explicit-any": "error",
        "typescript/no-non-null-assertion": "error",
        "no-restricted-globals": [
          "error",
          ...["process", "Buffer", "global", "require", "fetch", "performance"],
          ...["setTimeout", "setInterval", "setImmediate"]
        ],
        "no-restricted-properties": [
          "error",
          ...forbid("Date", "Use Clock or DateTime.", "now"),
          ...forbid("Math", "Use Random.", "random"),
          ...forbid("crypto", "Use Random.", "randomUUID"),
          ...forbid("globalThis", "Use what Effect has.", "process", "console", "fetch", "setTimeout", "setInterval"),
          ...forbid("Effect", "Only a program runs effects.", "runPromise", "runPromiseExit", "runSync", "runFork")
        ]
      }
    },
    // the last entry that matches a file is the one that counts
    restrict(["src/**"], node),
    restrict(["src/*.ts", "src/internal/**"], node, upward(nodeEntry, testing, providers, contract, http)),
    restrict(["src/http/**"], node, upward(nodeEntry, testing, providers, contract)),
    restrict(["src/http/Proxy.ts"], upward(nodeEntry, testing, providers, contract)),
    restrict(
      ["src/Provider.ts", "src/ProviderRegistry.ts", "src/Quota.ts", "src/Fallback.ts", "src/Credentials.ts"],
      node,
      upward(nodeEntry, testing, providers)
    ),
    restrict(["src/providers/**", "src/replicate/**"], node, upward(nodeEntry, testing)),
    restrict(["src/testing/**"], node, upward(nodeEntry)),
    restrict(["src/index.ts"], node, upward(nodeEntry, testing, "internal/.+")),
    restrict(["src/node.ts"]),
    // for users who have no program of Effect: it stands above the Replicate client, and runs its effects for them
    restrict(["src/promise.ts"], node, upward(nodeEntry, testing))
  ]
}
