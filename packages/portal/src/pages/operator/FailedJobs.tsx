import { Link } from '@tanstack/react-router';
import { type ReactNode, useMemo, useState } from 'react';
import { useSend } from '../../api/data.ts';
import { usePaged } from '../../api/paged.ts';
import { FailedJobsDocument, type FailedJobsQuery, RetryJobDocument } from '../../gql/graphql.ts';
import { text } from '../../text.ts';
import { Banner } from '../../ui/Banner.tsx';
import { Button } from '../../ui/Button.tsx';
import type { Column } from '../../ui/columns.ts';
import { count } from '../../ui/format.ts';
import { LongTable } from '../../ui/LongTable.tsx';
import { More } from '../../ui/More.tsx';
import { Skeleton } from '../../ui/Skeleton.tsx';
import { Time } from '../../ui/Time.tsx';

type Job = FailedJobsQuery['failedJobs']['edges'][number]['node'];

/** Background work that failed, each to be tried again at once. */
export function FailedJobs(): ReactNode {
  const send = useSend(RetryJobDocument);
  const [said, say] = useState<{ message: string; isBad: boolean } | null>(null);
  const paged = usePaged(FailedJobsDocument, {}, ({ failedJobs }) => failedJobs);
  const { again } = paged;
  const columns = useMemo(() => {
    const retry = async ({ id, task }: Job): Promise<void> => {
      const sent = await send({ id });
      say(sent.ok ? { message: text.operator.retried(task), isBad: false } : { message: sent.message, isBad: true });
      again();
    };
    return columnsOf((job) => void retry(job));
  }, [send, again]);
  return (
    <section className="form" aria-label={text.operator.jobs}>
      <p className="hint">{text.operator.jobsHint}</p>
      {said !== null && <Banner tone={said.isBad ? 'bad' : 'good'}>{said.message}</Banner>}
      {paged.state === 'loading' && <Skeleton height={80} />}
      {paged.state === 'ready' && paged.nodes.length === 0 && <p>{text.operator.noJobs}</p>}
      {paged.nodes.length > 0 && (
        <LongTable
          caption={text.operator.jobs}
          columns={columns}
          rows={paged.nodes}
          rowId={({ id }) => id}
          hasMore={paged.hasMore}
        />
      )}
      <More of={paged} />
    </section>
  );
}

function columnsOf(onRetry: (job: Job) => void): readonly Column<Job>[] {
  return [
    { id: 'task', header: text.operator.task, cell: ({ task }) => <span className="mono">{task}</span> },
    {
      id: 'error',
      header: text.operator.error,
      folds: true,
      cell: ({ lastError }) => <span className="job-error">{lastError}</span>,
    },
    {
      id: 'attempts',
      header: text.operator.attempts,
      figures: true,
      folds: true,
      cell: ({ attempts }) => count(attempts),
    },
    { id: 'failed', header: text.operator.failed, folds: true, cell: ({ failedAt }) => <Time value={failedAt} /> },
    {
      id: 'account',
      header: text.operator.account,
      cell: ({ billingEntityId, task }) =>
        billingEntityId === null ? (
          text.none
        ) : (
          <Link
            to="/operator"
            search={{ account: billingEntityId }}
            aria-label={text.operator.openAccountOf(task)}
            className="target-link"
          >
            {text.operator.open}
          </Link>
        ),
    },
    {
      id: 'actions',
      header: text.operator.actions,
      figures: true,
      cell: (job) => (
        <Button aria-label={text.operator.retryNamed(job.task)} onClick={() => onRetry(job)}>
          {text.operator.retry}
        </Button>
      ),
    },
  ];
}
