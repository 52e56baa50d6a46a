import { getRouteApi, Link } from '@tanstack/react-router';
import { type ReactNode, use } from 'react';
import { CurrentContext } from '../../account/current.tsx';
import { text } from '../../text.ts';
import { Empty } from '../../ui/Empty.tsx';
import { Desk } from './Desk.tsx';
import { Directory } from './Directory.tsx';
import { FailedJobs } from './FailedJobs.tsx';
import './operator.css';

const root = getRouteApi('__root__');
const route = getRouteApi('/operator');

/** Without an account: all accounts, or the jobs that failed. With one: what an operator may do to it. */
export function OperatorPage(): ReactNode {
  const { account } = root.useSearch();
  const { list } = route.useSearch();
  const current = use(CurrentContext);
  if (current?.isOperator === false) return <Empty title={text.operator.only} />;
  if (account !== undefined && current !== null) return <Desk />;
  return (
    <>
      <nav className="tabs" aria-label={text.operator.title}>
        <Link to="/operator" search={{}} activeOptions={{ exact: true }}>
          {text.operator.accounts}
        </Link>
        <Link to="/operator" search={{ list: 'jobs' }} activeOptions={{ exact: true }}>
          {text.operator.jobs}
        </Link>
      </nav>
      {list === 'jobs' ? <FailedJobs /> : <Directory />}
    </>
  );
}
