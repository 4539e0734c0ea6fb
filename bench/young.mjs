/**
 * Shows what one habit of Effect's core costs. V8 takes a function literal that is assigned to a property, as in
 * `effect.effect_instruction_i1 = () => self`, for a method of a class: it puts the function among the old objects at
 * once, and keeps whatever that can reach until those are collected. This rewrites such lines of two files while they
 * are loaded, so that the functions begin young like all others:
 *
 *     NODE_OPTIONS="--import ./bench/young.mjs" npm run bench -- --only runs --own
 *
 * To be compared with the same under `YOUNG=no`, which rewrites nothing: a program that is loaded this way has grown its
 * heap before it is measured, and takes a tenth less, or a sixth, for that alone.
 */
import { register } from "node:module"
import { isMainThread } from "node:worker_threads"

if (isMainThread) register(import.meta.url)

const rewrites = process.env["YOUNG"] !== "no"

const young = (source) =>
  source
    .replace(/(\n\s+(?:op|effect)\.\w+ = )(\(?\w*\)? => [^\n{]+);\n/g, "$1young($2);\n")
    .replace(/(\n(\s+)effect\.\w+ = )(\w+ => \{\n[\s\S]*?\n\2\});\n/g, "$1young($3);\n")
    .concat("\nfunction young(f) { return f }\n")

export const load = async (url, context, next) => {
  const loaded = await next(url, context)
  return rewrites && /\/effect\/dist\/esm\/internal\/core(-stream)?\.js$/.test(url)
    ? { ...loaded, source: young(String(loaded.source)) }
    : loaded
}
