import * as FastCheck from "effect/FastCheck"

// the whole suite is to stay under a minute; properties that need more say so themselves
FastCheck.configureGlobal({ numRuns: 40 })
