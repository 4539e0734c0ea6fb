import type { Reporter, TestModule } from "vitest/node"

/** Prints one closing line, `N passed, N failed` (then `, N skipped`, if any), alone on its line and last of all. */
export default class SummaryReporter implements Reporter {
  onTestRunEnd(modules: ReadonlyArray<TestModule>, unhandledErrors: ReadonlyArray<unknown>): void {
    let passed = 0
    let failed = unhandledErrors.length
    let skipped = 0
    for (const module of modules) {
      // a file or a suite that could not be set up has errors of its own, and no failed test to show for it
      failed += module.errors().length
      for (const suite of module.children.allSuites()) failed += suite.errors().length
      for (const test of module.children.allTests()) {
        const { state } = test.result()
        if (state === "passed") passed++
        else if (state === "failed") failed++
        else skipped++
      }
    }
    const line = `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`
    // other reporters may still print; an exit handler comes after them all
    process.once("exit", () => process.stdout.write(`\n${line}\n`))
  }
}
