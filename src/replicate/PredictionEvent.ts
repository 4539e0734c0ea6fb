/**
 * The events of a prediction's stream: its output piece by piece, its logs, and its end. An error is no event: it fails
 * the stream.
 *
 * As text, in a template or by `String`, an event is what it holds of the output: nothing for logs and the end.
 *
 * @since 0.1.0
 */
import type { FileOutput } from "./FileOutput.js"
import type { Prediction } from "./schemas/Prediction.js"

/**
 * A piece of the output.
 *
 * @since 0.1.0
 * @category models
 */
export class Output {
  readonly _tag = "Output"
  /** Text, the URL of a file, or the JSON of a value that is neither. */
  readonly data: string
  /** The file, where the output is one. */
  readonly file: FileOutput | undefined
  /** The last id the server gave; absent when it gave none, and for what came from the finished prediction. */
  readonly id: string | undefined

  constructor(data: string, file?: FileOutput, id?: string) {
    this.data = data
    this.file = file
    this.id = id
  }

  toString(): string {
    return this.data
  }
}

/**
 * Lines of the model's log.
 *
 * @since 0.1.0
 * @category models
 */
export class Logs {
  readonly _tag = "Logs"
  readonly data: string
  /** The last id the server gave; absent when it gave none. */
  readonly id: string | undefined

  constructor(data: string, id?: string) {
    this.data = data
    this.id = id
  }

  toString(): string {
    return ""
  }
}

/**
 * The end of a prediction that succeeded: the last event.
 *
 * @since 0.1.0
 * @category models
 */
export class Done {
  readonly _tag = "Done"
  /**
   * The finished prediction, with its metrics. Where it could not be read in time it is the one that was created:
   * `Prediction.wait` reads it then, and gives a finished one back at once.
   */
  readonly prediction: Prediction

  constructor(prediction: Prediction) {
    this.prediction = prediction
  }

  toString(): string {
    return ""
  }
}

/**
 * An event of a prediction's stream.
 *
 * @since 0.1.0
 * @category models
 */
export type PredictionEvent = Output | Logs | Done
