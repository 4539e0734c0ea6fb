import type { PCGRandom } from "effect/Utils"

/**
 * Paints rings over a gradient, in colours and places of its own for every state of the randomness: 8-bit RGB pixels,
 * row by row.
 *
 * @internal
 */
export const paint = (width: number, height: number, random: PCGRandom): Uint8Array => {
  const colour = () => [random.integer(256), random.integer(256), random.integer(256)] as const
  const [top, bottom, ring] = [colour(), colour(), colour()]
  const [centreX, centreY, spacing] = [random.number() * width, random.number() * height, 8 + random.integer(24)]
  const pixels = new Uint8Array(width * height * 3)
  for (let y = 0; y < height; y++) {
    const down = height === 1 ? 0 : y / (height - 1)
    for (let x = 0; x < width; x++) {
      const wave = (1 + Math.cos(Math.hypot(x - centreX, y - centreY) * 2 * Math.PI / spacing)) / 4
      const at = (y * width + x) * 3
      for (const channel of [0, 1, 2] as const) {
        const ground = top[channel] * (1 - down) + bottom[channel] * down
        pixels[at + channel] = Math.round(ground * (1 - wave) + ring[channel] * wave)
      }
    }
  }
  return pixels
}
