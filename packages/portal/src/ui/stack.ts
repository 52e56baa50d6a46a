import { scaleBand, scaleLinear } from 'd3-scale';
import { stack } from 'd3-shape';

/** A colour's place among the eight of the tokens; null: grey, for what is summed up as «other». */
export interface Series {
  readonly key: string;
  readonly label: string;
  readonly colour: number | null;
}

export interface Bar {
  readonly key: string;
  readonly label: string;
  readonly parts: Readonly<Record<string, number>>;
}

export interface Segment {
  readonly bar: number;
  readonly series: number;
  /** Shares of the chart in percent, from its left and from its top. */
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export interface Layout {
  readonly segments: readonly Segment[];
  /** Lines across the chart: the value, and its place from the top in percent. */
  readonly ticks: readonly { readonly value: number; readonly y: number }[];
  /** The left edge and width of each bar's whole column, in percent. */
  readonly columns: readonly { readonly x: number; readonly width: number }[];
}

/** Lays out stacked bars in percent, so that the drawing needs no measure of its size and never shifts. */
export function layOut(bars: readonly Bar[], series: readonly Series[]): Layout {
  const across = scaleBand<number>()
    .domain(bars.map((_, index) => index))
    .range([0, 100])
    .paddingInner(bars.length > 40 ? 0.15 : 0.3)
    .paddingOuter(0.1);
  const highest = Math.max(0, ...bars.map(totalOf));
  const up = scaleLinear([0, highest === 0 ? 1 : highest], [100, 0]).nice(3);
  const stacked = stack<Bar, string>()
    .keys(series.map(({ key }) => key))
    .value(({ parts }, key) => parts[key] ?? 0)([...bars]);
  const width = across.bandwidth();
  const segments = stacked.flatMap((points, index) =>
    points.flatMap(([from, to], bar): Segment[] =>
      to > from ? [{ bar, series: index, x: across(bar) ?? 0, y: up(to), width, height: up(from) - up(to) }] : [],
    ),
  );
  const ticks = highest === 0 ? [] : up.ticks(3).map((value) => ({ value, y: up(value) }));
  const step = bars.length === 0 ? 0 : 100 / bars.length;
  return { segments, ticks, columns: bars.map((_, index) => ({ x: index * step, width: step })) };
}

export function totalOf({ parts }: Bar): number {
  return Object.values(parts).reduce((sum, part) => sum + part, 0);
}
