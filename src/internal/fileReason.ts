import type { PlatformError } from "@effect/platform/Error"

/**
 * The system's reason for a failure, as `FileError` tells it.
 *
 * @internal
 */
export const fileReason = (error: PlatformError): string => error._tag === "SystemError" ? error.reason : error._tag
