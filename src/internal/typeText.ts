import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as AST from "effect/SchemaAST"

/**
 * Names the type of a Schema in a few words, the way a person would write it: `integer`, `Array<string>`, `Duration`.
 * A struct without identifier is an `object`, and what has no short name is `unknown`.
 *
 * @internal
 */
export const typeText = (ast: AST.AST): string =>
  Option.getOrElse(AST.isRefinement(ast) ? Option.none() : AST.getIdentifierAnnotation(ast), () => {
    switch (ast._tag) {
      case "StringKeyword":
      case "TemplateLiteral":
        return "string"
      case "NumberKeyword":
        return "number"
      case "BooleanKeyword":
        return "boolean"
      case "BigIntKeyword":
        return "bigint"
      case "Literal":
        return typeof ast.literal === "bigint" ? `${ast.literal}n` : JSON.stringify(ast.literal)
      case "Refinement":
        return isInteger(ast) ? "integer" : typeText(ast.from)
      case "Transformation":
        return typeText(ast.to)
      case "Union":
        return [...new Set(ast.types.filter((type) => !AST.isUndefinedKeyword(type)).map(typeText))].join(" | ")
      case "TupleType":
        return ast.elements.length === 0
          ? `Array<${ast.rest.map((rest) => typeText(rest.type)).join(" | ")}>`
          : `[${[...ast.elements, ...ast.rest].map((element) => typeText(element.type)).join(", ")}]`
      case "TypeLiteral":
        return ast.propertySignatures.length === 0 && ast.indexSignatures.length > 0
          ? ast.indexSignatures.map(recordText).join(" & ")
          : "object"
      case "Declaration":
        return constructorText(ast)
      default:
        return "unknown"
    }
  })

const recordText = (index: AST.IndexSignature): string =>
  `Record<${typeText(index.parameter)}, ${typeText(index.type)}>`

const isInteger = (ast: AST.Refinement): boolean => Option.contains(AST.getSchemaIdAnnotation(ast), Schema.IntSchemaId)

/** A declaration of Effect's own carries its constructor's name, e.g. `effect/Redacted`. */
const constructorText = (ast: AST.Declaration): string =>
  Option.match(AST.getTypeConstructorAnnotation(ast), {
    onNone: () => "unknown",
    onSome: ({ _tag }) => {
      const parameters = ast.typeParameters.map(typeText)
      return `${_tag.split("/").at(-1)}${parameters.length === 0 ? "" : `<${parameters.join(", ")}>`}`
    }
  })
