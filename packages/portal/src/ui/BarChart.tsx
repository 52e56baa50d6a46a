import { type KeyboardEvent, type ReactNode, useMemo, useState } from 'react';
import { text } from '../text.ts';
import { count, roughly } from './format.ts';
import { type Bar, layOut, type Series, totalOf } from './stack.ts';

interface Props {
  readonly label: string;
  readonly bars: readonly Bar[];
  readonly series: readonly Series[];
  readonly height?: number;
}

/**
 * Stacked bars. The value under the pointer or the arrow keys stands in a readout above, which does not follow the
 * pointer. The table beside each chart has the same figures.
 */
export function BarChart({ label, bars, series, height = 200 }: Props): ReactNode {
  const { segments, ticks, columns } = useMemo(() => layOut(bars, series), [bars, series]);
  const [at, setAt] = useState<number | null>(null);
  const move = (event: KeyboardEvent): void => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (step === undefined || bars.length === 0) return;
    event.preventDefault();
    setAt((now) => (now === null ? bars.length - 1 : Math.min(Math.max(now + step, 0), bars.length - 1)));
  };
  return (
    <figure className="chart">
      <figcaption>
        {series.length > 1 && <Legend series={series} />}
        <Readout
          bar={at === null ? undefined : bars[at]}
          series={series}
          isEmpty={bars.every((one) => totalOf(one) === 0)}
        />
      </figcaption>
      <div
        className="chart-area"
        role="group"
        aria-roledescription={text.chart.role}
        aria-label={label}
        tabIndex={0}
        style={{ height }}
        onKeyDown={move}
        onBlur={() => setAt(null)}
        onPointerLeave={() => setAt(null)}
      >
        <svg width="100%" height="100%" aria-hidden="true">
          {ticks.map(({ value, y }) => (
            <g key={value}>
              <line className="gridline" x1="0" x2="100%" y1={`${y}%`} y2={`${y}%`} />
              <text className="tick" x="-8" y={`${y}%`} dy="4" textAnchor="end">
                {roughly(value)}
              </text>
            </g>
          ))}
          {segments.map(({ bar, series: index, x, y, width, height: tall }) => (
            <rect
              key={`${bar}-${index}`}
              className={`series-${series[index]?.colour ?? 'other'}${at !== null && at !== bar ? ' faded' : ''}`}
              x={`${x}%`}
              y={`${y}%`}
              width={`${width}%`}
              height={`${tall}%`}
            />
          ))}
          {columns.map(({ x, width }, index) => (
            <rect
              key={bars[index]?.key}
              className="target"
              x={`${x}%`}
              width={`${width}%`}
              height="100%"
              onPointerEnter={() => setAt(index)}
            />
          ))}
        </svg>
      </div>
      <div className="chart-ends" aria-hidden="true">
        <span>{bars[0]?.label}</span>
        <span>{bars.at(-1)?.label}</span>
      </div>
    </figure>
  );
}

function Legend({ series }: Pick<Props, 'series'>): ReactNode {
  return (
    <ul className="legend">
      {series.map(({ key, label, colour }) => (
        <li key={key}>
          <i className={`swatch series-${colour ?? 'other'}`} />
          {label}
        </li>
      ))}
    </ul>
  );
}

interface ReadoutProps extends Pick<Props, 'series'> {
  readonly bar: Bar | undefined;
  readonly isEmpty: boolean;
}

function Readout({ bar, series, isEmpty }: ReadoutProps): ReactNode {
  const parts = series.length < 2 || bar === undefined ? [] : series.filter(({ key }) => (bar.parts[key] ?? 0) > 0);
  return (
    <p className="readout" aria-live="polite">
      {bar === undefined ? (
        <span className="hint">{isEmpty ? text.chart.nothing : text.chart.hint}</span>
      ) : (
        <>
          <strong>{bar.label}</strong> {text.credits(count(totalOf(bar)), totalOf(bar))}
          {parts.slice(0, 3).map(({ key, label }) => (
            <span key={key}>
              {' '}
              · {label} {count(bar.parts[key] ?? 0)}
            </span>
          ))}
        </>
      )}
    </p>
  );
}
