import { Link } from '@tanstack/react-router';
import { type ReactNode, useRef, useState } from 'react';
import { type UsageRowFragment, UsageRecordedDocument } from '../../gql/graphql.ts';
import { useFollowed, useLive } from '../../live/LiveProvider.tsx';
import { eventsOf } from '../../live/socket.ts';
import { text } from '../../text.ts';
import { Table } from '../../ui/Table.tsx';
import { NoUse } from '../../first-call/NoUse.tsx';
import { USAGE_COLUMNS } from '../usage/columns.tsx';

const SHOWN = 8;

/** The records that arrived while the page is open, newest first. After a gap the stream goes on where it was. */
export function useArriving(accountId: string): readonly UsageRowFragment[] {
  const { socket } = useLive();
  const [arrived, setArrived] = useState<readonly UsageRowFragment[]>([]);
  const cursor = useRef<string | null>(null);
  useFollowed({ connection: null }, () => ({
    // What was recorded before comes with the page; after a gap the cursor brings what was missed.
    ask: () => Promise.resolve(),
    open: (signal) =>
      eventsOf(socket, UsageRecordedDocument, { variables: { id: accountId, after: cursor.current }, signal }),
    take({ usageRecorded }) {
      cursor.current = usageRecorded.cursor;
      setArrived((known) => [...usageRecorded.records.toReversed(), ...known].slice(0, SHOWN));
    },
  }));
  return arrived;
}

interface Props {
  readonly records: readonly UsageRowFragment[];
  readonly arriving: readonly UsageRowFragment[];
}

/** The latest records, new ones on top. */
export function Latest({ records, arriving }: Props): ReactNode {
  const rows = [...new Map([...arriving, ...records].map((record) => [record.id, record])).values()].slice(0, SHOWN);
  return (
    <section className="latest" aria-labelledby="latest">
      <div className="section-head">
        <h2 id="latest">{text.balance.latest}</h2>
        {rows.length > 0 && <Link to="/usage">{text.balance.allUsage}</Link>}
      </div>
      {rows.length === 0 ? (
        <NoUse title={text.balance.noUse} />
      ) : (
        <Table caption={text.balance.latest} columns={USAGE_COLUMNS} rows={rows} rowId={({ id }) => id} />
      )}
    </section>
  );
}
