import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Effect from "effect/Effect"
import { originOf } from "../connection.js"
import { encode, type File } from "../files.js"
import { paginate } from "../paginate.js"
import { notFound } from "../problem.js"
import { Api, type State } from "../state.js"
import { readUpload } from "../upload.js"

/** @internal */
export const files = (state: State) => {
  const onFile = (
    { file_id }: { readonly file_id: string },
    answer: (file: File) => HttpServerResponse.HttpServerResponse
  ) => Effect.map(state.files.get(file_id), (file) => file === undefined ? notFound : answer(file))

  return HttpApiBuilder.group(Api, "files", (handlers) =>
    handlers
      .handle("list", ({ request }) =>
        Effect.flatMap(state.files.list, (files) =>
          paginate(request, files, ({ id }) =>
            id, (file) =>
            Effect.sync(() => encode(file, originOf(request))))))
      .handleRaw("create", ({ request }) =>
        Effect.merge(
          Effect.map(
            Effect.flatMap(readUpload(request, state.maxFileSize), state.files.add),
            (file) =>
              HttpServerResponse.unsafeJson(encode(file, originOf(request)), { status: 201 })
          )
        ))
      .handle("get", ({ path, request }) =>
        onFile(path, (file) =>
          HttpServerResponse.unsafeJson(encode(file, originOf(request)))))
      .handle("delete", ({ path }) =>
        onFile(path, ({ id }) => {
          state.files.remove(id)
          return HttpServerResponse.empty()
        }))
      .handle("download", ({ path, urlParams }) =>
        Effect.flatMap(state.files.isSigned(path.file_id, urlParams), (isSigned) =>
          isSigned
            ? onFile(path, ({ bytes, name }) =>
              HttpServerResponse.uint8Array(bytes, {
                contentType: "application/octet-stream",
                headers: { "content-disposition": `attachment; filename*=UTF-8''${encodeURIComponent(name)}` }
              }))
            : Effect.succeed(notFound))))
}
