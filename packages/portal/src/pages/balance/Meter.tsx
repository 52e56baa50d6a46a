import type { ReactNode } from 'react';
import { text } from '../../text.ts';
import { percent } from '../../ui/format.ts';
import './meter.css';

interface Props {
  /** The share that is used; more than 1 is drawn full. */
  readonly ratio: number;
  /** The shares at which alerts are raised. */
  readonly ticks: readonly number[];
}

/** Used of allowance, with the levels of alerts marked on it. */
export function Meter({ ratio, ticks }: Props): ReactNode {
  const shown = Math.min(Math.max(ratio, 0), 1);
  return (
    <div
      className="meter"
      role="meter"
      aria-label={text.balance.bar(percent(ratio))}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={Math.round(shown * 100)}
      aria-valuetext={[percent(ratio), ...ticks.map((tick) => text.balance.alertAt(percent(tick)))].join('; ')}
    >
      <div className="meter-track">
        <div className="meter-fill" style={{ width: `${shown * 100}%` }} />
      </div>
      {ticks.map((tick) => (
        <span
          key={tick}
          className="meter-tick"
          style={{ left: `${tick * 100}%` }}
          title={text.balance.alertAt(percent(tick))}
        />
      ))}
    </div>
  );
}
