import * as ProviderError from "../../ProviderError.js"

/**
 * The same error as one of another provider, for a provider that calls through another one's client.
 *
 * @internal
 */
export const inName = (provider: string) => (error: ProviderError.ProviderError): ProviderError.ProviderError => {
  switch (error._tag) {
    case "MissingAuth":
      return new ProviderError.MissingAuth({ ...error, provider })
    case "PaymentRequired":
      return new ProviderError.PaymentRequired({ ...error, provider })
    case "RateLimited":
      return new ProviderError.RateLimited({ ...error, provider })
    case "Blocked":
      return new ProviderError.Blocked({ ...error, provider })
    case "ModelNotFound":
      return new ProviderError.ModelNotFound({ ...error, provider })
    case "InvalidRequest":
      return new ProviderError.InvalidRequest({ ...error, provider })
    case "ResponseError":
      return new ProviderError.ResponseError({ ...error, provider })
    case "Timeout":
      return new ProviderError.Timeout({ ...error, provider })
    case "PredictionFailed":
      return new ProviderError.PredictionFailed({ ...error, provider })
    case "PredictionCanceled":
      return new ProviderError.PredictionCanceled({ ...error, provider })
    case "StreamInterrupted":
      return new ProviderError.StreamInterrupted({ ...error, provider })
    case "AllProvidersFailed":
      return error
  }
}
