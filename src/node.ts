/**
 * What needs Node: proxied HTTP clients.
 *
 * @since 0.1.0
 */

/**
 * @since 0.1.0
 */
export * as Proxy from "./http/Proxy.js"
