/**
 * For tests of programs that use providers.
 *
 * @since 0.1.0
 */
export * as MockProvider from "./MockProvider.js"
