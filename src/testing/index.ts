/**
 * Stand-ins for the services, for tests.
 *
 * @since 0.1.0
 */
export * as MockProvider from "./MockProvider.js"
export * as ReplicateEmulator from "./ReplicateEmulator.js"
