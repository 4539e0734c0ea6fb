/**
 * Stand-ins for the services, for tests.
 *
 * @since 0.1.0
 */
export * as KeylessEmulator from "./KeylessEmulator.js"
export * as MockProvider from "./MockProvider.js"
export * as ReplicateEmulator from "./ReplicateEmulator.js"
