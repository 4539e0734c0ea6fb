import { fileURLToPath } from "node:url"
import { defineConfig } from "vitest/config"

const src = fileURLToPath(new URL("src", import.meta.url))

export default defineConfig({
  resolve: {
    // the twin of `paths` in tsconfig.json
    alias: [
      { find: /^effect-providers$/, replacement: `${src}/index.ts` },
      { find: /^effect-providers\/(.*)$/, replacement: `${src}/$1` }
    ]
  },
  test: {
    include: ["test/**/*.test.ts"],
    setupFiles: ["./test/support/assertions.ts", "./test/support/properties.ts"],
    reporters: ["default", "./test/summary-reporter.ts"],
    pool: "forks",
    // the files share no state, and loading Effect anew for each would take longer than their tests; with so much room
    // for what is young, a tenth less goes into collecting it
    poolOptions: {
      forks: { isolate: false, minForks: 1, maxForks: 2, execArgv: ["--max-semi-space-size=64"] }
    },
    // the TestClock waits a little each time it is moved; whoever changes what the process has is `sequential`
    sequence: { concurrent: true },
    testTimeout: 20_000,
    hookTimeout: 20_000
  }
})
