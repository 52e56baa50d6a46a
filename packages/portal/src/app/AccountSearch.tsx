import { Link } from '@tanstack/react-router';
import { type ReactNode, useState } from 'react';
import { AccountSearchDocument } from '../gql/graphql.ts';
import { text } from '../text.ts';
import { Field } from '../ui/Field.tsx';
import { useData } from '../api/data.ts';

/** Finds an account by its name or external id, for operators. */
export function AccountSearch({ onChoose }: { readonly onChoose?: () => void }): ReactNode {
  const [search, setSearch] = useState('');
  const found = useData(AccountSearchDocument, { search }, { pause: search.trim() === '' });
  const edges = search.trim() !== '' && found.state === 'ready' ? found.data.billingEntities.edges : [];
  return (
    <div className="account-search">
      <Field label={text.account.search} hint={text.account.searchHint}>
        {(described) => (
          <input {...described} type="search" value={search} onChange={({ target }) => setSearch(target.value)} />
        )}
      </Field>
      <ul className="plain-list" aria-label={text.account.found}>
        {edges.map(({ node: { id, name, externalId } }) => (
          <li key={id}>
            <Link to="/" search={{ account: id }} className="account-option" onClick={onChoose}>
              {name} <span className="hint">{externalId}</span>
            </Link>
          </li>
        ))}
      </ul>
      {found.state === 'ready' && search.trim() !== '' && edges.length === 0 && (
        <p className="hint">{text.account.none}</p>
      )}
    </div>
  );
}
