import type { ReactNode } from 'react';
import { useConnection } from '../live/LiveProvider.tsx';
import { text } from '../text.ts';
import { Badge } from '../ui/Badge.tsx';
import { Time } from '../ui/Time.tsx';

/** Says when what is shown is not live, and since when it is old. Nothing is said while it is. */
export function ConnectionNote(): ReactNode {
  const connection = useConnection();
  return (
    <div className="connection" role="status">
      {connection.state === 'reconnecting' && (
        <Badge tone="warn" icon="clock">
          {text.connection.lost} <Time value={connection.since.toISOString()} shape="hour" />
        </Badge>
      )}
    </div>
  );
}
