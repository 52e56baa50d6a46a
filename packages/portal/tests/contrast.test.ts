/** Contrast of the tokens by WCAG 2.2: 4.5 for text, 3 for edges that matter, in both themes. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const css = readFileSync(join(import.meta.dirname, '../src/tokens.css'), 'utf8');
const [light = '', dark = ''] = css.split(":root[data-theme='dark']");
const themes = { light: tokensOf(light), dark: { ...tokensOf(light), ...tokensOf(dark) } };

const TEXT: readonly (readonly [string, string])[] = [
  ...['surface', 'surface-raised', 'surface-sunken'].flatMap((ground) => [
    ['text', ground] as const,
    ['text-soft', ground] as const,
  ]),
  ...['surface', 'surface-raised'].flatMap((ground) => [['link', ground] as const, ['bad', ground] as const]),
  ['accent-text', 'accent'],
  ['accent-text', 'accent-hover'],
  ['link', 'accent-soft'],
  ['good', 'good-soft'],
  ['warn', 'warn-soft'],
  ['bad', 'bad-soft'],
  ['bad-hover', 'bad-soft'],
  ...['good-soft', 'warn-soft', 'bad-soft'].map((ground) => ['text', ground] as const),
];

const EDGES: readonly (readonly [string, string])[] = [
  ['edge', 'surface'],
  ['edge', 'surface-raised'],
  ['accent', 'surface-raised'],
  ['link', 'surface'],
];

describe.each(Object.entries(themes))('%s', (_theme, tokens) => {
  test.each(TEXT)('%s can be read on %s', (text, ground) => {
    expect(contrast(tokens[text], tokens[ground])).toBeGreaterThanOrEqual(4.5);
  });

  test.each(EDGES)('the edge %s is seen on %s', (edge, ground) => {
    expect(contrast(tokens[edge], tokens[ground])).toBeGreaterThanOrEqual(3);
  });
});

test('black on white has the greatest contrast that there is', () => {
  expect(contrast([0, 0, 0], [1, 0, 0])).toBeCloseTo(21, 1);
});

type Oklch = readonly [lightness: number, chroma: number, hue: number];

function tokensOf(block: string): Record<string, Oklch> {
  const found = block.matchAll(/--([\w-]+): oklch\(([\d.]+) ([\d.]+) ([\d.]+)\)/g);
  return Object.fromEntries(
    [...found].map(([, name, ...numbers]): [string, Oklch] => {
      const [lightness = 0, chroma = 0, hue = 0] = numbers.map(Number);
      return [String(name), [lightness, chroma, hue]];
    }),
  );
}

function contrast(one: Oklch | undefined, other: Oklch | undefined): number {
  if (one === undefined || other === undefined) throw new Error('There is no such token.');
  const [darker = 0, lighter = 0] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (lighter + 0.05) / (darker + 0.05);
}

/** Relative luminance of what a screen shows: colours beyond sRGB are cut to it. */
function luminance([lightness, chroma, hue]: Oklch): number {
  const [a, b] = [chroma * Math.cos((hue * Math.PI) / 180), chroma * Math.sin((hue * Math.PI) / 180)];
  const long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const middle = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const short = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
  const cut = (value: number): number => Math.min(Math.max(value, 0), 1);
  const red = cut(4.0767416621 * long - 3.3077115913 * middle + 0.2309699292 * short);
  const green = cut(-1.2684380046 * long + 2.6097574011 * middle - 0.3413193965 * short);
  const blue = cut(-0.0041960863 * long - 0.7034186147 * middle + 1.707614701 * short);
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}
